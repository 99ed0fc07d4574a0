"""What a stage is, and the rule by which one is skipped, redone or refused.

    nothing published            -> build
    published, same recipe       -> skip
    published, another recipe    -> refuse, naming the difference; or redo

A stage writes to a hidden folder beside its target, which is moved into place
when it is whole. Its name holds the recipe's fingerprint, so a stage that can
resume finds its own unfinished work and no other's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyarrow import fs
from pyspark.sql import SparkSession

from glove_spark.errors import DatasetError
from glove_spark.logs.lines import fields
from glove_spark.settings.option import Settings
from glove_spark.spark.failures import task_errors
from glove_spark.spark.progress import StageProgress, shown_progress
from glove_spark.spark.session import cores, describe
from glove_spark.store.checksums import FileState, Hasher, file_state, file_states
from glove_spark.store.location import TEMPORARY, Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe
from glove_spark.store.publication import (
    lineage_of,
    name_some,
    open_dataset,
    publish_dataset,
    published,
    refuse_followed,
)
from glove_spark.store.run_lock import RunLock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What a stage's function is given.

    Attributes
    ----------
    spark
        The session.
    settings
        The stage's own settings.
    inputs
        The published datasets that it reads, by name.
    output
        The folder (or file) to write; it does not exist yet, unless the stage
        can resume.
    progress
        Where a stage says how far it is, if it knows more than Spark's tasks tell.
    hasher
        What finds the checksums of files.
    """

    spark: SparkSession
    settings: Any
    inputs: Mapping[str, Dataset]
    output: Location
    timings: dict[str, float] = field(default_factory=dict)
    progress: StageProgress = field(default_factory=lambda: StageProgress(""))
    hasher: Hasher = file_states


@dataclass(frozen=True)
class Stage:
    """One dataset and how it is made.

    Attributes
    ----------
    dataset
        Name of what it makes, in the output folder.
    command
        The stage's name on the command line and in `config.SETTINGS`.
    format_version
        Version of the dataset's layout.
    inputs
        Names of the datasets it reads.
    build
        Writes `Job.output` and returns the facts for the manifest.
    external_inputs
        Fingerprints of what it reads from outside the output folder, by name.
    resumable
        Whether unfinished work of the same recipe is handed to ``build``.
    """

    dataset: str
    command: str
    format_version: int
    inputs: tuple[str, ...]
    build: Callable[[Job], Mapping[str, Any]]
    external_inputs: Callable[[Any], Mapping[str, str]] = lambda settings: {}
    resumable: bool = False


def run_stage(
    stage: Stage,
    spark: SparkSession,
    settings: Settings,
    root: Location,
    *,
    inputs_root: Location | None = None,
    overwrite: bool = False,
    verify: bool = True,
    known: MutableMapping[str, Dataset] | None = None,
    lock: RunLock | None = None,
) -> Dataset:
    """Bring one dataset up to date.

    Parameters
    ----------
    root
        The output folder.
    inputs_root
        Where to find the inputs that ``root`` does not hold.
    overwrite
        Redo a dataset that another recipe made or that is damaged, instead of
        refusing.
    verify
        Compare the checksums of what is there; without, sizes only.
    known
        Datasets that this run made or verified before, by name, which are not
        verified again; this one is added.
    lock
        The lock of ``root``, without which nothing is published.

    Raises
    ------
    DatasetError
        If the dataset was made by another recipe or is damaged and
        ``overwrite`` is not set; if an input is damaged, or inputs do not
        belong together.
    InputError
        If an input has not been made yet.
    """
    known = {} if known is None else known
    hasher = hasher_of(spark, stage.command)
    for name in stage.inputs:
        if name not in known:
            holder = _holder(name, root, inputs_root)
            known[name] = open_dataset(holder / name, hasher=hasher if verify else None)
    inputs = {name: known[name] for name in stage.inputs}
    lineage = lineage_of(inputs)
    target = root / stage.dataset
    recipe = Recipe(
        stage=stage.command,
        format_version=stage.format_version,
        settings=settings.as_dict(only_result=True),
        inputs={
            **stage.external_inputs(settings),
            **{name: dataset.manifest.fingerprint for name, dataset in inputs.items()},
        },
    )
    present = published(target)
    if present is not None:
        refuse_followed(present, target, stage.command)
        reasons = present.recipe.differences(recipe)
        if not reasons:
            damaged = present.damaged_files(target, hasher if verify else None)
            if not damaged:
                log.info("%s: done already, skipped", stage.dataset)
                return known.setdefault(stage.dataset, Dataset(target, present))
            reasons = [f"{name_some(damaged, target)} missing or not as written"]
        if not overwrite:
            raise DatasetError(
                f"{target.shown} was made differently: {'; '.join(reasons)}. "
                "Give --overwrite to redo it, or another output folder"
            )
        log.info("%s: redone, because %s", stage.dataset, "; ".join(reasons))
    unfinished = root / f".{stage.dataset}.{recipe.fingerprint[:12]}{TEMPORARY}"
    _delete_leftovers(stage, root, keep=unfinished if stage.resumable else None)
    with shown_progress(spark, stage.dataset) as progress:
        job = Job(spark, settings, inputs, unfinished, progress=progress, hasher=hasher)
        log.info("%s: started", stage.dataset)
        started = time.perf_counter()
        with task_errors():
            facts = stage.build(job)
            _delete_strays(unfinished)
            job.timings["total"] = time.perf_counter() - started
            if lock is not None:
                lock.check()
            dataset = publish_dataset(
                unfinished, target, recipe, facts, job.timings, lineage=lineage, hasher=hasher
            )
        seconds = round(job.timings["total"], 3)
        log.info(
            "%s: finished in %.1f s",
            stage.dataset,
            seconds,
            extra=fields(seconds=seconds, facts=dict(facts)),
        )
    known[stage.dataset] = dataset
    return dataset


def hasher_of(spark: SparkSession | None, command: str) -> Hasher:
    """Return what finds the checksums of files: threads, or the cluster's tasks.

    Where the master is local, threads do it without the cost of a job.
    """
    if spark is None or str(spark.sparkContext.master).startswith("local"):
        return file_states

    def in_tasks(files: Sequence[Location]) -> list[FileState]:
        if not files:
            return []
        describe(spark, f"{command}: checksums of {len(files):,} files")
        slices = min(len(files), cores(spark))
        return spark.sparkContext.parallelize(files, slices).map(file_state).collect()

    return in_tasks


def _holder(name: str, root: Location, inputs_root: Location | None) -> Location:
    if inputs_root is None or Manifest.location(root / name).exists():
        return root
    return inputs_root


def _delete_strays(output: Location) -> None:
    """Delete what tasks left that were killed while they wrote."""
    if output.kind() == fs.FileType.Directory:
        for info in output.walk():
            if info.base_name.endswith(TEMPORARY):
                output.filesystem().delete_file(info.path)


def _delete_leftovers(stage: Stage, root: Location, keep: Location | None) -> None:
    for info in root.walk(recursive=False):
        leftover = root / info.base_name
        ours = info.base_name.startswith(f".{stage.dataset}.") and leftover.name.endswith(TEMPORARY)
        if ours and leftover != keep:
            leftover.delete()
