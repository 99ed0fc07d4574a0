"""The rule that decides whether a dataset is skipped, refused or made.

    no dataset                         -> make it
    a dataset with the same recipe     -> skip it, if its files are unchanged
    a dataset with another recipe      -> an error that names the difference; or make it again

A dataset is made in a hidden folder next to its target, which is moved into place when it is
complete. The name of the folder contains the fingerprint of the recipe, so a stage that can resume
finds its own unfinished work. This module does not use Spark.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from pyarrow import fs

from glove_spark.errors import DatasetError
from glove_spark.logs.lines import fields, stage_of_records
from glove_spark.store.checksums import Hasher, file_states
from glove_spark.store.dataset import commit_dataset, manifest_of, name_some, refuse_followed
from glove_spark.store.location import TEMPORARY, Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe
from glove_spark.store.run_lock import RunLock

log = logging.getLogger(__name__)


def bring_up_to_date(
    target: Location,
    recipe: Recipe,
    build: Callable[[Location], Mapping[str, Any]],
    *,
    lineage: Mapping[str, str],
    hasher: Hasher = file_states,
    verify: bool = True,
    overwrite: bool = False,
    resumable: bool = False,
    lock: RunLock | None = None,
    timings: dict[str, float] | None = None,
) -> Dataset:
    """Make a dataset, unless it exists; `Dataset.made` says whether it was made.

    Parameters
    ----------
    target
        The location of the dataset.
    recipe
        Its inputs and settings.
    build
        Writes the dataset to the hidden folder that it receives, and returns the facts.
    lineage
        The fingerprints of all datasets that it is made from, by name.
    hasher
        Computes the checksums of files.
    verify
        Compare the checksums of an existing dataset; if False, only the sizes of its files.
    overwrite
        Replace a dataset that has another recipe or is damaged, instead of raising an error.
    resumable
        Give unfinished work of the same recipe to `build`.
    lock
        The lock of the output folder, which must still be held when the dataset is committed.
    timings
        Seconds that `build` measures, by name, for the manifest; ``total`` is added.

    Raises
    ------
    DatasetError
        If there is a dataset with another recipe, or a damaged one, and `overwrite` is not set;
        or a dataset of incremental updates, which only an update may change.
    """
    with stage_of_records(target.name):
        return _brought_up_to_date(
            target, recipe, build, lineage, hasher, verify, overwrite, resumable, lock, timings
        )


def _brought_up_to_date(
    target: Location,
    recipe: Recipe,
    build: Callable[[Location], Mapping[str, Any]],
    lineage: Mapping[str, str],
    hasher: Hasher,
    verify: bool,
    overwrite: bool,
    resumable: bool,
    lock: RunLock | None,
    timings: dict[str, float] | None,
) -> Dataset:
    reasons = _reasons_to_make(target, recipe, hasher if verify else None)
    if isinstance(reasons, Manifest):
        log.info("%s: already complete, skipped", target.name)
        return Dataset(target, reasons)
    if reasons and not overwrite:
        raise DatasetError(
            f"{target.shown} is not up to date: {'; '.join(reasons)}. "
            "Give --overwrite to replace it, or name another output folder"
        )
    if reasons:
        log.info("%s: made again, because %s", target.name, "; ".join(reasons))
    unfinished = target.parent / f".{target.name}.{recipe.fingerprint[:12]}{TEMPORARY}"
    _delete_leftovers(target, keep=unfinished if resumable else None)
    timings = {} if timings is None else timings
    log.info("%s: started", target.name)
    started = time.perf_counter()
    facts = build(unfinished)
    _delete_strays(unfinished)
    timings["total"] = time.perf_counter() - started
    if lock is not None:
        lock.check()
    dataset = commit_dataset(
        unfinished, target, recipe, facts, timings, lineage=lineage, hasher=hasher
    )
    seconds = round(timings["total"], 3)
    log.info(
        "%s: finished in %.1f s",
        target.name,
        seconds,
        extra=fields(seconds=seconds, facts=dict(facts)),
    )
    return dataset


def _reasons_to_make(
    target: Location, recipe: Recipe, hasher: Hasher | None
) -> list[str] | Manifest:
    """Return the manifest of an existing dataset that is up to date; otherwise the reasons."""
    present = manifest_of(target)
    if present is None:
        return []
    refuse_followed(present, target, recipe.stage)
    reasons = present.recipe.differences(recipe)
    if reasons:
        return reasons
    damaged = present.damaged_files(target, hasher)
    if damaged:
        return [f"{name_some(damaged, target)} missing or changed"]
    return present


def _delete_strays(output: Location) -> None:
    """Delete temporary files of tasks that were killed while they wrote."""
    if output.kind() == fs.FileType.Directory:
        for info in output.walk():
            if info.base_name.endswith(TEMPORARY):
                output.filesystem().delete_file(info.path)


def _delete_leftovers(target: Location, keep: Location | None) -> None:
    """Delete unfinished work on the same dataset, with any recipe, except that in ``keep``."""
    for info in target.parent.walk(recursive=False):
        leftover = target.parent / info.base_name
        ours = info.base_name.startswith(f".{target.name}.") and leftover.name.endswith(TEMPORARY)
        if ours and leftover != keep:
            leftover.delete()
