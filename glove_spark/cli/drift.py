"""The command that compares two models of one corpus on different days: drift."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from glove_spark.cli.parser import add_command, positive_number

EXAMPLES = """  glove-spark drift yesterday/ today/
  glove-spark drift yesterday.txt today.txt -n 50 --among 50000 --json
"""


def add_drift(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "drift",
        "what moved from one model to the next, and its new words",
        _drift,
        EXAMPLES,
    )
    for name in ("old", "new"):
        command.add_argument(
            name,
            metavar=name.upper(),
            help="an output folder, or a file of any format that convert reads",
        )
    command.add_argument(
        "-n",
        type=positive_number,
        default=20,
        metavar="N",
        help="how many words that moved, and new ones, to list (default: 20)",
    )
    command.add_argument(
        "--among",
        type=positive_number,
        default=10_000,
        metavar="N",
        help="look for words that moved among so many of the most frequent (default: 10000)",
    )
    command.add_argument(
        "--json", action="store_true", help="print JSON for machines instead of text"
    )


def _drift(given: argparse.Namespace) -> None:
    from glove_spark.vectors.drift import counts_beside, measure_drift
    from glove_spark.vectors.word_vectors import WordVectors

    old, new = WordVectors.load(given.old), WordVectors.load(given.new)
    counts = counts_beside(given.new, new.words)
    found = measure_drift(old, new, counts, shown=given.n, among=given.among)
    if given.json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(found.as_table())
