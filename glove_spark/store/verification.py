"""Verify the checksums of all datasets of an output folder."""

from __future__ import annotations

import logging
import time

from glove_spark.errors import DatasetError, GloveSparkError, InputError
from glove_spark.logs.lines import fields
from glove_spark.store.dataset import lineage_of, open_dataset
from glove_spark.store.location import Location
from glove_spark.store.manifest import SUFFIX, Dataset

log = logging.getLogger("glove_spark")


def verify_folder(root: Location) -> dict[str, Dataset]:
    """Verify every dataset of a folder, and check that they belong together.

    Returns
    -------
    dict
        The datasets by name.

    Raises
    ------
    InputError
        If there is no dataset.
    DatasetError
        If any dataset is damaged, after all were checked; or if they do not belong together.
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
            "%s: %s files, %s bytes, checksums correct (%.1f s)",
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
        raise InputError(f"{root.shown} contains no dataset; name the output folder of a run")
    lineage_of(found)
    return found
