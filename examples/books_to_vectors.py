"""A folder of books becomes word vectors.

    python examples/books_to_vectors.py

Reads every text file of `books/` and writes `book_vectors/`. Where there is no folder `books/`, one
is made of the documentation of Python's standard library, one file per module.
"""

import sysconfig
from pathlib import Path

from glove_spark import WordVectors, pipeline_config, run_pipeline, spark_session
from glove_spark.corpus.documentation import docstrings_of


def write_books(folder: Path) -> None:
    """Write one text file per module of the standard library."""
    folder.mkdir()
    for source in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        (folder / f"{source.stem}.txt").write_text("\n\n".join(docstrings_of(source)), "utf-8")


def main() -> None:
    """Train on the books and show a few neighbours."""
    if not Path("books").is_dir():
        write_books(Path("books"))
    config = pipeline_config(
        {
            "run": {"output": "book_vectors"},
            # one file is one document: words are counted across the ends of lines
            "tokenize": {"input": ["books"], "document": "file"},
            "train": {"vector_size": 50, "epochs": 15},
        }
    )
    with spark_session() as spark:
        run_pipeline(spark, config)
    vectors = WordVectors.load("book_vectors")
    for word in ("file", "error", "list"):
        near = ", ".join(other for other, _ in vectors.most_similar(word, topn=5))
        print(f"{word}: {near}")


if __name__ == "__main__":
    main()
