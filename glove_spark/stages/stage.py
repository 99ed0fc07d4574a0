"""The definition of a stage; run one: open its inputs and bring its dataset up to date."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from glove_spark.settings.option import Settings
from glove_spark.spark.collecting import collected
from glove_spark.spark.failures import task_errors
from glove_spark.spark.progress import StageProgress, shown_progress
from glove_spark.spark.session import cores, describe
from glove_spark.store.checksums import FileState, Hasher, file_state, file_states
from glove_spark.store.dataset import (
    lineage_of,
    open_dataset,
)
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe
from glove_spark.store.run_lock import RunLock
from glove_spark.store.up_to_date import bring_up_to_date

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
    """Bring one dataset up to date (see `bring_up_to_date`).

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
    timings: dict[str, float] = {}

    def build(unfinished: Location) -> Mapping[str, Any]:
        with shown_progress(spark, stage.dataset) as progress:
            return stage.build(Job(spark, settings, inputs, unfinished, timings, progress, hasher))

    with task_errors(None if spark is None else spark.sparkContext.pythonExec):
        dataset = bring_up_to_date(
            target,
            recipe,
            build,
            lineage=lineage,
            hasher=hasher,
            verify=verify,
            overwrite=overwrite,
            resumable=stage.resumable,
            lock=lock,
            timings=timings,
        )
    # what was skipped may be known from a stage before
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
        return collected(spark.sparkContext.parallelize(files, slices).map(file_state))

    return in_tasks


def _holder(name: str, root: Location, inputs_root: Location | None) -> Location:
    if inputs_root is None or Manifest.location(root / name).exists():
        return root
    return inputs_root
