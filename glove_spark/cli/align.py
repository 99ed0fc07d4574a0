"""The command align, which rotates new vectors to fit old ones."""

from __future__ import annotations

import logging
import sys
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.settings.vectors import AlignSettings

log = logging.getLogger("glove_spark")

EXAMPLES = """  glove-spark align yesterday/ today/ aligned.txt
  glove-spark align glove.6B.300d.txt mine/ aligned.safetensors -n 50
"""


def add_align(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "align",
        "rotate new vectors so that they fit old ones best (Procrustes), and list words that moved",
        AlignSettings,
        _align,
        EXAMPLES,
    )


def _align(settings: AlignSettings) -> None:
    from glove_spark.exchange.formats import convert
    from glove_spark.vectors.align import AlignedSource
    from glove_spark.vectors.drift import counts_beside, measure_drift
    from glove_spark.vectors.word_vectors import WordVectors

    old, new = WordVectors.load(settings.old), WordVectors.load(settings.new)
    counts = counts_beside(settings.new, new.words)
    source = AlignedSource(old, new, counts)
    written = convert(
        source,
        settings.target,
        settings.to,
        precision=settings.precision,
        overwrite=settings.overwrite,
    )
    found = measure_drift(old, new, counts, shown=settings.number, among=settings.among)
    sys.stdout.write(found.as_table())
    log.info("%s: %s words, as %s", settings.target, f"{len(new):,}", written.content)
