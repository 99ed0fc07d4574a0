"""Train gensim's skip-gram with negative sampling, what researchers have today, for comparison.

    CORPUS=corpus.txt OUTPUT=vectors.txt python -m benchmarks.speed.skip_gram
    python -m benchmarks.speed.standard --compare-with 'python -m benchmarks.speed.skip_gram'

reads one document per line, splits it at spaces, trains, and writes GloVe text and a file with the
times of its parts. All settings that are not options here are gensim's defaults: 5 negative
samples, tokens of frequent words dropped above a share of 0.001, and a rate from 0.025 to 0.0001.
With two threads it does not repeat exactly.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from gensim.models import Word2Vec
from gensim.models.word2vec import LineSentence

from benchmarks.speed.compare import write_details


def main() -> None:
    """Train and write the vectors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--window-size", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    corpus, output = os.environ["CORPUS"], Path(os.environ["OUTPUT"])

    started = time.perf_counter()
    model = Word2Vec(
        sg=1,
        vector_size=given.vector_size,
        window=given.window_size,
        min_count=given.min_count,
        epochs=given.epochs,
        seed=given.seed,
        workers=given.cores,
    )
    # not gensim's corpus_file, which drops what is beyond 10,000 tokens of a line
    documents = LineSentence(corpus)
    model.build_vocab(documents)
    ready = time.perf_counter()
    model.train(documents, total_examples=model.corpus_count, epochs=model.epochs)
    fitted = time.perf_counter()
    model.wv.save_word2vec_format(str(output), write_header=False)
    write_details(
        output,
        given,
        vocabulary=ready - started,
        train=fitted - ready,
        write=time.perf_counter() - fitted,
    )


if __name__ == "__main__":
    main()
