"""Run the stages of the pipeline one after another."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import SparkSession

from glove_spark.following.batches import add_batch, compact, remove_batch
from glove_spark.following.matrix import CountSettings
from glove_spark.following.rerank import rerank
from glove_spark.logs.lines import fields
from glove_spark.settings.config import PipelineConfig
from glove_spark.settings.stages import RunSettings, UpdateSettings
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.cooccurrence import COOCCURRENCE
from glove_spark.stages.export import VECTORS, VECTORS_TEXT
from glove_spark.stages.stage import Stage, run_stage
from glove_spark.stages.tokenize import TOKENS
from glove_spark.stages.train import MODEL
from glove_spark.stages.vocabulary import VOCABULARY
from glove_spark.store.dataset import claim_folder
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset
from glove_spark.store.run_lock import hold_lock

log = logging.getLogger(__name__)

PIPELINE: tuple[Stage, ...] = (
    TOKENS,
    VOCABULARY,
    COOCCURRENCE,
    BLOCKS,
    MODEL,
    VECTORS,
    VECTORS_TEXT,
)
"""The stage of every dataset, ordered so that inputs come first."""


def run_pipeline(spark: SparkSession, config: PipelineConfig) -> dict[str, Dataset]:
    """Run all stages, and bring every dataset of ``config.run.output`` up to date.

    Complete datasets are skipped. Datasets that were made with other settings are made again, with
    all datasets that depend on them.

    Returns
    -------
    dict
        The datasets by name.
    """
    made = _run_stages(spark, "run", PIPELINE, config, overwrite=True)
    return {stage.dataset: made[stage.dataset] for stage in PIPELINE}


def run_command(spark: SparkSession, command: str, config: PipelineConfig) -> list[Dataset]:
    """Run the stage (or stages) of one command on the output folder.

    Raises
    ------
    DatasetError
        If a dataset was made with other settings and ``config.run.overwrite`` is
        not set.
    InputError
        If an earlier stage has not been run.
    """
    chosen = [stage for stage in PIPELINE if stage.command == command]
    made = _run_stages(spark, command, chosen, config, overwrite=config.run.overwrite)
    return [made[stage.dataset] for stage in chosen]


def _run_stages(
    spark: SparkSession,
    command: str,
    stages: Sequence[Stage],
    config: PipelineConfig,
    *,
    overwrite: bool,
) -> dict[str, Dataset]:
    """Run some stages while holding the lock of the output folder."""
    run = config.run
    root = Location.of(run.output)
    claim_folder(root)
    known: dict[str, Dataset] = {}
    made, started = [], time.perf_counter()
    with hold_lock(root, f"glove-spark {command}") as lock:
        for stage in stages:
            dataset = run_stage(
                stage,
                spark,
                getattr(config, stage.command),
                root,
                inputs_root=Location.of(run.reuse) if run.reuse else None,
                overwrite=overwrite,
                verify=run.verify,
                known=known,
                lock=lock,
            )
            if dataset.made:
                made.append(stage.dataset)
    skipped = [stage.dataset for stage in stages if stage.dataset not in made]
    _summarize(command, made, skipped, known, time.perf_counter() - started)
    return known


def _summarize(
    command: str,
    made: Sequence[str],
    skipped: Sequence[str],
    known: Mapping[str, Dataset],
    seconds: float,
) -> None:
    """Log the summary of a run: what was made or skipped, time and quality."""
    parts = [f"made {', '.join(made)}"] if made else []
    parts += [f"skipped {', '.join(skipped)}"] if skipped else []
    model = known.get("model")
    if model is not None:
        # None if there was nothing to train on, or nothing was held out
        held_out = (model.facts.get("held_out_costs") or [None])[-1]
        costs = {"cost": model.facts.get("cost"), "held-out cost": held_out}
        parts += [f"{name} {cost:.6g}" for name, cost in costs.items() if cost is not None]
    log.info(
        "%s: done in %.1f s; %s",
        command,
        seconds,
        "; ".join(parts),
        extra=fields(seconds=round(seconds, 3), made=list(made), skipped=list(skipped)),
    )


def run_update(
    spark: SparkSession,
    run: RunSettings,
    update: UpdateSettings,
    counting: Mapping[str, Any],
) -> None:
    """Add a batch to the counts of ``run.output``, remove one, compact them, or assign new ids.

    Parameters
    ----------
    counting
        The settings ``tokenize``, ``vocabulary`` and ``cooccurrence``, by these names.

    Raises
    ------
    DatasetError
        If the batch was already added, or was counted with other settings.
    """
    root = Location.of(run.output)
    claim_folder(root)
    started = time.perf_counter()
    with hold_lock(root, "glove-spark update") as lock:
        if update.remove is not None:
            followed = remove_batch(root, update.remove, lock)
        elif update.rerank:
            followed = rerank(spark, root, lock)
        elif update.batch is None:
            followed = compact(spark, root, lock)
        else:
            followed = add_batch(
                spark,
                root,
                update.batch,
                CountSettings(**counting),
                lock,
                replacing=update.replace,
                skip_existing=update.skip_existing,
                grow=update.grow,
            )
            if 0 < update.compact_after <= len(followed.ledger.not_in_sum()):
                followed = compact(spark, root, lock)
    batches, seconds = followed.ledger.batches.values(), time.perf_counter() - started
    log.info(
        "update: done in %.1f s; %s batches, %s tokens",
        seconds,
        f"{len(batches):,}",
        f"{sum(batch.tokens for batch in batches):,}",
        extra=fields(seconds=round(seconds, 3), batches=len(batches)),
    )
