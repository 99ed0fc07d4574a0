"""The commands to look at vectors and counts: neighbors, analogy and ratio."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from glove_spark.cli.parser import add_command, add_vectors, positive_number
from glove_spark.errors import UnknownWordError

if TYPE_CHECKING:
    from glove_spark.vectors.word_vectors import WordVectors

NEIGHBORS_EXAMPLES = """  glove-spark neighbors --vectors out/ tyranny war
  glove-spark neighbors --vectors glove.6B.300d.txt --cache ~/.cache/vectors -n 20 frog
"""
ANALOGY_EXAMPLES = """  glove-spark analogy --vectors out/ man king woman
  glove-spark analogy --vectors out/ --method 3cosmul athens greece oslo
"""
RATIO_EXAMPLES = """  glove-spark ratio --counts out/ ice steam solid gas water fashion
"""


def add_neighbors(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands, "neighbors", "the words nearest to each word", _neighbors, NEIGHBORS_EXAMPLES
    )
    command.add_argument("words", metavar="WORD", nargs="+")
    add_vectors(command)
    _add_answers(command)


def add_analogy(commands: Any) -> None:
    """Add the command."""
    command = add_command(commands, "analogy", "A is to B as C is to ?", _analogy, ANALOGY_EXAMPLES)
    command.add_argument("words", metavar="A B C", nargs=3)
    add_vectors(command)
    _add_answers(command)
    command.add_argument(
        "--method",
        choices=("3cosadd", "3cosmul"),
        default="3cosadd",
        help="add cosines (the default) or multiply them",
    )


def add_ratio(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "ratio",
        "co-occurrence probabilities P(k|i), P(k|j) and their ratio, as ice and steam in the paper",
        _ratio,
        RATIO_EXAMPLES,
    )
    command.add_argument("i", metavar="I")
    command.add_argument("j", metavar="J")
    command.add_argument("probes", metavar="K", nargs="+")
    command.add_argument(
        "--counts",
        required=True,
        metavar="DIR",
        help="an output folder with the datasets vocabulary and cooccurrence",
    )


def _add_answers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cache",
        metavar="DIR",
        help="map a copy in DIR into memory instead of reading the vectors; made the first time",
    )
    command.add_argument(
        "-n", type=positive_number, default=10, metavar="N", help="how many (default: 10)"
    )


def _load(given: argparse.Namespace) -> WordVectors:
    from glove_spark.vectors.word_vectors import WordVectors

    return WordVectors.load(given.vectors, given.format, vocab=given.vocab, cache=given.cache)


def _neighbors(given: argparse.Namespace) -> None:
    vectors = _load(given)
    unknown = []
    for word in given.words:
        try:
            found = vectors.most_similar(word, topn=given.n)
        except UnknownWordError as error:
            unknown.append(str(error))
            continue
        sys.stdout.write(f"{word}: {_listed(found)}\n")
    if unknown:
        # the words that are known have been answered
        raise UnknownWordError("\n".join(unknown))


def _analogy(given: argparse.Namespace) -> None:
    vectors = _load(given)
    a, b, c = given.words
    found = vectors.analogy(a, b, c, given.n, given.method)
    sys.stdout.write(f"{a} is to {b} as {c} is to: {_listed(found)}\n")


def _ratio(given: argparse.Namespace) -> None:
    from glove_spark.vectors.cooccurrence_ratio import probability_ratios

    found = probability_ratios(given.counts, given.i, given.j, given.probes)
    sys.stdout.write(found.as_table())


def _listed(found: list[tuple[str, float]]) -> str:
    return ", ".join(f"{word} {score:.2f}" for word, score in found)
