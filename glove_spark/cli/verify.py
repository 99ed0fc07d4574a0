"""The command that reads an output folder's files and says whether they are as written."""

from __future__ import annotations

import argparse
import logging
import time
from typing import Any

from glove_spark.cli.parser import add_command
from glove_spark.errors import DatasetError, GloveSparkError, InputError
from glove_spark.logs import fields
from glove_spark.store.location import Location
from glove_spark.store.manifest import SUFFIX, Dataset
from glove_spark.store.publication import lineage_of, open_dataset

log = logging.getLogger("glove_spark")

EXAMPLES = """  glove-spark verify out/
  glove-spark verify s3://bucket/out
"""


def add_verify(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "verify",
        "read every dataset of an output folder and compare its checksums",
        _verify,
        EXAMPLES,
    )
    command.add_argument("folder", metavar="DIR", help="an output folder")


def _verify(given: argparse.Namespace) -> None:
    verify_folder(Location.of(given.folder))


def verify_folder(root: Location) -> dict[str, Dataset]:
    """Verify every dataset of a folder, and that they belong together.

    Returns
    -------
    dict
        The datasets by name.

    Raises
    ------
    InputError
        If there is no dataset.
    DatasetError
        If any is damaged, after all have been looked at; or if they do not belong together.
    """
    found: dict[str, Dataset] = {}
    damaged = []
    for info in root.walk(recursive=False):
        name = info.base_name.removesuffix(SUFFIX)
        if name == info.base_name or name.startswith("."):
            continue
        started = time.perf_counter()
        try:
            dataset = open_dataset(root / name)
        except GloveSparkError as error:
            log.error("%s", error)
            damaged.append(name)
            continue
        found[name] = dataset
        size = sum(state.bytes for state in dataset.manifest.files.values())
        log.info(
            "%s: %s files, %s bytes, as written (%.1f s)",
            name,
            f"{len(dataset.manifest.files):,}",
            f"{size:,}",
            time.perf_counter() - started,
            extra=fields(files=len(dataset.manifest.files), bytes=size),
        )
    if damaged:
        raise DatasetError(
            f"{root.shown} has {len(damaged)} damaged datasets: {', '.join(damaged)}; run their "
            "stages again with --overwrite"
        )
    if not found:
        raise InputError(f"{root.shown} holds no dataset; name the output folder of a run")
    lineage_of(found)
    return found
