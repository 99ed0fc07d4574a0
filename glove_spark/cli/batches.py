"""The command batches, which lists the batches of incremental updates."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.datasets.ledger import Ledger
from glove_spark.errors import InputError
from glove_spark.settings.commands import BatchesSettings
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location

EXAMPLES = """  glove-spark batches out/
  glove-spark batches out/ --json
"""


def add_batches(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "batches",
        "list the batches that glove-spark update has added",
        BatchesSettings,
        _list,
        EXAMPLES,
    )


def _list(settings: BatchesSettings) -> None:
    root = Location.of(settings.folder)
    matrix = open_dataset(root / "cooccurrence", hasher=None)
    ledger = Ledger.of(matrix.manifest.facts)
    if ledger is None:
        raise InputError(
            f"{matrix.location.shown} was counted at once and has no batches; name a folder that "
            "glove-spark update wrote to"
        )
    names = sorted(ledger.batches)
    if settings.json:
        for name in names:
            sys.stdout.write(json.dumps({"name": name, **asdict(ledger.batches[name])}) + "\n")
        return
    heads = ["batch", "tokens", "documents", "nonzeros", "new words", "missed", "added"]
    rows = []
    for name in names:
        batch = ledger.batches[name]
        numbers = (batch.tokens, batch.documents, batch.nnz, batch.new_words, batch.missed_tokens)
        rows.append((name, *(f"{number:,}" for number in numbers), batch.added))
    from tabulate import tabulate

    align = ("left", *("right" for _ in heads[1:])) if rows else None
    plain = tabulate(rows, heads, tablefmt="plain", disable_numparse=True, colalign=align)
    sys.stdout.write(plain + "\n")
