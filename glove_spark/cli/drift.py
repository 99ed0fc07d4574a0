"""The command drift, which compares two models of the same corpus from different days."""

from __future__ import annotations

import json
import sys
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.settings.vectors import DriftSettings

EXAMPLES = """  glove-spark drift yesterday/ today/
  glove-spark drift yesterday.txt today.txt -n 50 --among 50000 --json
"""


def add_drift(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "drift",
        "compare two models: list the words that moved, and the new words",
        DriftSettings,
        _drift,
        EXAMPLES,
    )


def _drift(settings: DriftSettings) -> None:
    from glove_spark.vectors.drift import counts_beside, measure_drift
    from glove_spark.vectors.word_vectors import WordVectors

    old, new = WordVectors.load(settings.old), WordVectors.load(settings.new)
    counts = counts_beside(settings.new, new.words)
    found = measure_drift(old, new, counts, shown=settings.number, among=settings.among)
    if settings.json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(found.as_table())
