"""Train: epochs of rounds over the cells, each epoch a checkpoint.

An epoch starts from the files of the one before, so a run that ended in the
middle resumes at the last whole epoch and ends with the same bytes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from pyspark import Broadcast

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, DivergenceError
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.objective import log_keep_factors
from glove_spark.kernels.training.schedule import (
    Round,
    averaging_rounds,
    derived_rng,
    stratified_rounds,
)
from glove_spark.kernels.training.update import UpdateSettings
from glove_spark.logs.lines import fields
from glove_spark.settings.stages import TrainSettings
from glove_spark.spark.session import describe
from glove_spark.stages.stage import Job, Stage
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset
from glove_spark.training.checkpoints import (
    EpochRecord,
    commit_epoch,
    committed_epochs,
    delete_uncommitted,
    is_whole,
    metrics_of,
    placement_of,
    prune_epochs,
    write_metrics,
)
from glove_spark.training.held_out import held_out_cost
from glove_spark.training.initial_state import write_initial_state
from glove_spark.training.probe import describe_neighbors
from glove_spark.training.rounds import EpochPlan, Placement, TaskResult, run_round
from glove_spark.training.warm_start import open_warm_start, warm_start_fingerprint

log = logging.getLogger(__name__)

_SCHEDULE = 2
"""Keeps the order of cells apart from what else is derived from the seed."""

GROWTH_LIMIT = 10.0
"""A cost so many times the best one will not come back."""


def build_model(job: Job) -> Mapping[str, Any]:
    """Train on `Job.inputs` ``blocks``; `Job.output` may hold a run to resume."""
    settings: TrainSettings = job.settings
    blocks, vocabulary = job.inputs["blocks"], Vocabulary.read(job.inputs["vocabulary"].location)
    grid = BlockGrid(len(vocabulary), int(blocks.facts["num_blocks"]))
    check_settings(settings, grid, vocabulary)
    start = (
        None if settings.warm_start is None else open_warm_start(settings, vocabulary, job.hasher)
    )
    model = job.output.make_folder()
    vocabulary.write(model)
    history = _resume(job, model)
    if not history:
        first_state = write_initial_state(
            job.spark, settings, blocks, grid, model, start, job.hasher
        )
        history = [first_state]
    log_keep = None
    if settings.subsample > 0:
        log_keep = job.spark.sparkContext.broadcast(
            log_keep_factors(vocabulary.counts, settings.subsample)
        )
    stopped = False
    first = history[-1].epoch + 1
    for epoch in range(first, settings.epochs + 1):
        record = _train_epoch(
            job, blocks, grid, log_keep, history, epoch, check_cells=epoch == first
        )
        prune_epochs(model, epoch, settings.keep_epochs)
        history.append(record)
        write_metrics(model, history)
        log.info("%s", _progress(history, settings.epochs), extra=fields(**metrics_of(record)))
        for line in describe_neighbors(model, epoch, grid, settings, vocabulary):
            log.info("%s", line)
        stopped = _no_longer_improves(history, settings.tolerance)
        if stopped:
            log.info("train: the cost improved by less than tolerance=%g", settings.tolerance)
            break
    return {
        "epoch": history[-1].epoch,
        "cost": history[-1].cost,
        "costs": [record.cost for record in history[1:]],
        "held_out_costs": [record.held_out_cost for record in history[1:]],
        "epoch_seconds": [record.seconds for record in history[1:]],
        "nonzeros_per_second": [
            round(record.nnz / record.seconds) for record in history[1:] if record.seconds
        ],
        "stopped_early": stopped,
        "vector_size": settings.vector_size,
        "adagrad": settings.adagrad,
        "num_blocks": grid.num_blocks,
        "vocabulary_size": grid.vocabulary_size,
        "known_words": None if start is None else start.num_known,
    }


def check_settings(settings: TrainSettings, grid: BlockGrid, vocabulary: Vocabulary) -> None:
    """Check what only the data can tell, before the first job.

    Raises
    ------
    ConfigurationError
        If a probe word is not in the vocabulary, or ``syncs_per_epoch`` exceeds
        the number of blocks.
    """
    for word in settings.probe:
        if word not in vocabulary:
            raise ConfigurationError(
                f"probe={word!r} is not in the vocabulary of {len(vocabulary):,} words; "
                "name a word that is, in the case that the tokenizer gives it"
            )
    if settings.schedule == "averaging" and settings.syncs_per_epoch > grid.num_blocks:
        raise ConfigurationError(
            f"syncs_per_epoch={settings.syncs_per_epoch} must be at most "
            f"num_blocks={grid.num_blocks}; lower it or make more blocks"
        )


def learning_rate_of(settings: TrainSettings, epoch: int) -> float:
    """Return the step size of an epoch, 1 to ``epochs``: equal factors from first to last."""
    if settings.epochs == 1:
        return settings.learning_rate
    share = (epoch - 1) / (settings.epochs - 1)
    ratio = settings.final_learning_rate / settings.learning_rate
    return float(settings.learning_rate * ratio**share)


def rounds_of(settings: TrainSettings, grid: BlockGrid, epoch: int) -> list[Round]:
    """List the rounds of an epoch."""
    rng = derived_rng(settings.seed, _SCHEDULE, epoch)
    if settings.schedule == "averaging":
        return averaging_rounds(grid.num_blocks, settings.syncs_per_epoch, rng)
    return stratified_rounds(grid.num_blocks, rng)


def _resume(job: Job, model: Location) -> list[EpochRecord]:
    """Return the history up to the last whole epoch; empty where there is none."""
    history = committed_epochs(model)
    while history and not is_whole(model, history[-1], job.hasher):
        log.warning("train: epoch %d is not as it was written", history[-1].epoch)
        history.pop()
    delete_uncommitted(model, history[-1].epoch if history else -1)
    if history and history[-1].epoch > 0:
        write_metrics(model, history)
        log.info("train: resumes after epoch %d", history[-1].epoch)
    return history


def _train_epoch(
    job: Job,
    blocks: Dataset,
    grid: BlockGrid,
    log_keep: Broadcast[Any] | None,
    history: list[EpochRecord],
    epoch: int,
    *,
    check_cells: bool,
) -> EpochRecord:
    settings: TrainSettings = job.settings
    rate = learning_rate_of(settings, epoch)
    plan = EpochPlan(
        epoch=epoch,
        seed=settings.seed,
        blocks=blocks.location,
        symmetric=bool(blocks.facts["symmetric"]),
        model=job.output,
        grid=grid,
        vector_size=settings.vector_size,
        update=UpdateSettings(
            learning_rate=rate,
            damping=settings.damping,
            x_max=settings.x_max,
            alpha=settings.alpha,
            adagrad=settings.adagrad,  # type: ignore[arg-type]
        ),
        log_keep=log_keep,
        check_cells=check_cells,
    )
    plan.folder.make_folder()
    placement: Placement = placement_of(job.output, epoch - 1, grid.num_blocks)
    started = time.perf_counter()
    cost_sum, nnz, share = 0.0, 0, int(blocks.facts["nnz"])
    rounds = rounds_of(settings, grid, epoch)
    for number, tasks in enumerate(rounds, 1):
        where = f"epoch {epoch}/{settings.epochs}"
        describe(job.spark, f"train: {where}, round {number}/{len(rounds)}")
        job.progress.report(
            (epoch - 1) * share + nnz,
            settings.epochs * share,
            step=share // len(rounds),
            unit="nonzeros",
            note=where,
        )
        results = run_round(job.spark.sparkContext, plan, tasks, placement)
        _check_finite(results, epoch, blocks)
        cost_sum += math.fsum(loss.cost_sum for result in results for _, loss in result.losses)
        nnz += sum(loss.nnz for result in results for _, loss in result.losses)
    cost = cost_sum / max(nnz, 1)
    check_growth(cost, history, settings)
    seconds = time.perf_counter() - started
    held_out = _held_out_cost(job, blocks, plan, placement)
    record = EpochRecord(epoch, cost, nnz, rate, seconds, held_out)
    commit_epoch(job.output, record, placement, job.hasher)
    return record


def _held_out_cost(
    job: Job, blocks: Dataset, plan: EpochPlan, placement: Placement
) -> float | None:
    """Measure the held-out nonzeros; None where the blocks were made without."""
    nnz = int(blocks.facts["held_out_nnz"])
    if not nnz:
        return None
    describe(job.spark, f"train: epoch {plan.epoch}/{job.settings.epochs}, held-out cost")
    cells = plan.grid.stored_cells(symmetric=plan.symmetric)
    return held_out_cost(job.spark.sparkContext, plan, cells, placement, nnz)


def check_growth(cost: float, history: list[EpochRecord], settings: TrainSettings) -> None:
    """Check the cost of the epoch after ``history``.

    Raises
    ------
    DivergenceError
        If it is many times the best so far.
    """
    best = min((record.cost for record in history if record.cost is not None), default=math.inf)
    if cost > GROWTH_LIMIT * best:
        last = history[-1].epoch
        raise DivergenceError(
            f"cost rose from {best:.4g} to {cost:.4g} in epoch {last + 1}; epoch {last} is kept; "
            f"lower learning_rate={settings.learning_rate:g} "
            f"or raise damping={settings.damping:g}"
        )


def _check_finite(results: list[TaskResult], epoch: int, blocks: Dataset) -> None:
    for result in results:
        for block, loss in result.losses:
            if not loss.finite:
                raise DivergenceError(
                    f"cost is {loss.cost_sum} in epoch {epoch}, "
                    f"cell ({result.row_block}, {block}); "
                    f"the largest count is {blocks.facts['largest_count']:g}; "
                    f"epoch {epoch - 1} is kept; lower learning_rate or raise damping"
                )


def _no_longer_improves(history: list[EpochRecord], tolerance: float) -> bool:
    costs = [record.cost for record in history if record.cost is not None]
    return tolerance > 0 and len(costs) > 1 and costs[-1] > (1 - tolerance) * costs[-2]


def _progress(history: list[EpochRecord], epochs: int) -> str:
    """Word the line of an epoch: cost, speed, time, and what is left."""
    record = history[-1]
    left = (epochs - record.epoch) * record.seconds
    held_out = "" if record.held_out_cost is None else f" (held out {record.held_out_cost:.4f})"
    return (
        f"train: epoch {record.epoch}/{epochs}, cost {record.cost:.4f}{held_out}, "
        f"{record.nnz / max(record.seconds, 1e-9) / 1e6:.2f}M nonzeros/s, "
        f"{record.seconds:.1f} s, about {left:.0f} s left"
    )


MODEL = Stage(
    dataset="model",
    command="train",
    format_version=FORMAT_VERSIONS["model"],
    inputs=("vocabulary", "blocks"),
    build=build_model,
    external_inputs=warm_start_fingerprint,
    resumable=True,
)
