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
    """The argument of the function of a stage.

    Attributes
    ----------
    spark
        The session.
    settings
        The settings of the stage.
    inputs
        The published datasets that it reads, by name.
    output
        The folder (or file) to write; it does not exist yet, unless the stage
        can resume.
    progress
        Receives the progress of stages that know more than Spark's tasks show.
    hasher
        Computes the checksums of files.
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
    """A dataset and how it is made.

    Attributes
    ----------
    dataset
        The name of the dataset in the output folder.
    command
        The stage's name on the command line and in `config.SETTINGS`.
    format_version
        Version of the dataset's layout.
    inputs
        Names of the datasets that it reads.
    build
        Writes `Job.output` and returns the facts for the manifest.
    external_inputs
        Fingerprints of external inputs, by name.
    resumable
        Whether ``build`` continues unfinished work of the same recipe.
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
        The folder of inputs that are not in ``root``.
    overwrite
        Replace a dataset that has another recipe or is damaged, instead of
        raising an error.
    verify
        Compare the checksums of existing datasets; if False, only sizes.
    known
        Datasets that this run made or verified before, by name, which are not
        verified again; this one is added.
    lock
        The lock of ``root``; if it is lost, nothing is published.

    Raises
    ------
    DatasetError
        If the dataset has another recipe or is damaged and
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
    # an earlier stage may have verified a skipped dataset
    known[stage.dataset] = dataset
    return dataset


def hasher_of(spark: SparkSession | None, command: str) -> Hasher:
    """Return a function that computes the checksums of files, in threads or in tasks.

    With a local master, threads avoid the cost of a job.
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
