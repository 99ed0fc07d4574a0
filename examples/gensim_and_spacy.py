"""Use the vectors in gensim and in spaCy.

    python examples/gensim_and_spacy.py book_vectors

Takes the output folder of a run, such as examples/books_to_vectors.py makes.
"""

import sys
from pathlib import Path

import spacy
from gensim.models import KeyedVectors
from spacy.training.initialize import convert_vectors

from glove_spark import WordVectors


def main(folder: str) -> None:
    """Convert the vectors, load them in either program, and ask both the same question."""
    vectors = WordVectors.load(folder)
    # one file for both programs: the text format of word2vec
    vectors.save("vectors.vec")

    keyed = KeyedVectors.load_word2vec_format("vectors.vec")
    print("gensim:", *(word for word, _ in keyed.most_similar("file", topn=5)))

    nlp = spacy.blank("en")
    convert_vectors(nlp, Path("vectors.vec"), truncate=0, prune=-1)
    nlp.to_disk("spacy_pipeline")
    file, name = spacy.load("spacy_pipeline")("file name")
    print(f"spaCy: similarity of {file} and {name} is {file.similarity(name):.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
