"""The command evaluate."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from glove_spark.cli.parser import add_command, add_vectors
from glove_spark.errors import ConfigurationError

log = logging.getLogger("glove_spark")

EXAMPLES = """  glove-spark evaluate --vectors out/ --analogies questions/ --similarity ws353.txt
  glove-spark evaluate --vectors out/ --analogies questions/ --sides sum word context
  glove-spark evaluate --vectors glove.6B.300d.txt --similarity pairs/ --missing wrong --json
  glove-spark evaluate --vectors out/ --analogies questions/ --on-spark --master spark://host:7077
"""


def add_evaluate(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "evaluate",
        "score vectors by analogies (3CosAdd, 3CosMul) and word similarity (Spearman)",
        _evaluate,
        EXAMPLES,
    )
    add_vectors(command)
    command.add_argument(
        "--analogies",
        metavar="PATH",
        help="a folder of .txt files, or a file, of four words a line; files whose names begin "
        "with gram are syntactic",
    )
    command.add_argument(
        "--similarity",
        metavar="PATH",
        nargs="+",
        default=[],
        help="files of 'word word score', or folders of .txt files",
    )
    command.add_argument(
        "--missing",
        choices=("skip", "wrong"),
        default="skip",
        help="a question or pair with a word that has no vector is left out (skip, the default), "
        "or counts as answered wrongly and as of cosine 0 (wrong)",
    )
    command.add_argument(
        "--sides",
        nargs="+",
        choices=("sum", "word", "context"),
        help="score word + context, word and context vectors of a model side by side; default: "
        "the vectors that were exported",
    )
    command.add_argument(
        "--keep-case",
        action="store_true",
        help="ask of the words as they are written; default: in lower case",
    )
    command.add_argument(
        "--json", action="store_true", help="print JSON for machines instead of a table"
    )
    command.add_argument(
        "--on-spark",
        action="store_true",
        help="spread the work over Spark's tasks, for vocabularies of millions",
    )
    command.add_argument("--master", metavar="URL", help="Spark's master, with --on-spark")


def _evaluate(given: argparse.Namespace) -> None:
    from glove_spark.evaluation.questions import similarity_files
    from glove_spark.evaluation.report import Questions, as_json, as_table, evaluate
    from glove_spark.exchange.formats import open_vectors

    if not given.analogies and not given.similarity:
        raise ConfigurationError("nothing to score; give --analogies PATH or --similarity PATH")
    if given.master and not given.on_spark:
        raise ConfigurationError(f"master={given.master} is of use with --on-spark only")
    files = similarity_files(given.similarity)
    questions = Questions.read(given.analogies, files, lowercase=not given.keep_case)
    results = {}
    with _stores(given) as store_of:
        for side in given.sides or [None]:
            source = open_vectors(given.vectors, given.format, side=side, vocab=given.vocab)
            name = side or "vectors"
            log.info(
                "%s: %s words, d = %d", source.shown, f"{source.num_words:,}", source.vector_size
            )
            results[name] = evaluate(store_of(source), questions, given.missing)
    if given.json:
        report = {
            "vectors": given.vectors,
            "words": source.num_words,
            "vector_size": source.vector_size,
            **as_json(results, given.missing),
        }
        sys.stdout.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_table(results, given.missing))


@contextmanager
def _stores(given: argparse.Namespace) -> Iterator[Any]:
    """Give the function from a source to where it is searched: here, or by Spark's tasks."""
    if not given.on_spark:
        from glove_spark.evaluation.scores import InMemory
        from glove_spark.vectors.word_vectors import WordVectors

        yield lambda source: InMemory(WordVectors.read(source))
        return
    from glove_spark.evaluation.on_spark import OnSpark
    from glove_spark.spark.session import spark_session

    with spark_session(given.master) as spark:
        yield lambda source: OnSpark(spark, source)
