"""Train: run epochs of rounds over the cells, and write a checkpoint after each epoch.

An epoch starts from the files of the previous one, so an interrupted run resumes after the last
complete epoch and ends with the same bytes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark import Broadcast

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.held_out import HeldOutCost
from glove_spark.kernels.training.objective import Objective, log_keep_factors
from glove_spark.kernels.training.update import CellLoss, StepSettings
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
from glove_spark.training.epoch_files import EpochPlan, Placement
from glove_spark.training.epoch_plan import (
    Schedule,
    idle_cores_hint,
    learning_rate_of,
    objective_of,
    rounds_of,
    schedule_of,
)
from glove_spark.training.held_out import held_out_cost
from glove_spark.training.initial_state import write_initial_state
from glove_spark.training.probe import describe_neighbors
from glove_spark.training.progress import (
    check_finite,
    check_growth,
    no_longer_improves,
    progress_line,
)
from glove_spark.training.published import Published, known_token_share
from glove_spark.training.published_start import place_published, start_folder
from glove_spark.training.rounds import run_round
from glove_spark.training.warm_start import WarmStart, open_warm_start, warm_start_fingerprint
from glove_spark.training.word_terms import AllTerms, measure_terms

log = logging.getLogger(__name__)


def build_model(job: Job) -> Mapping[str, Any]:
    """Train on `Job.inputs` ``blocks``; `Job.output` may contain a run to resume."""
    settings: TrainSettings = job.settings
    blocks, vocabulary = job.inputs["blocks"], Vocabulary.read(job.inputs["vocabulary"].location)
    grid = BlockGrid(len(vocabulary), int(blocks.facts["num_blocks"]))
    check_settings(settings, grid, vocabulary)
    found = (
        None if settings.warm_start is None else open_warm_start(settings, vocabulary, job.hasher)
    )
    schedule = schedule_of(settings, grid.num_blocks, int(blocks.facts["nnz"]))
    log.info("train: %s", schedule.described)
    if hint := idle_cores_hint(schedule, job.spark.sparkContext.defaultParallelism):
        log.info("train: %s", hint)
    model = job.output.make_folder()
    vocabulary.write(model)
    history = _resume(job, model)
    objective = objective_of(settings)
    terms = job.spark.sparkContext.broadcast(
        _terms(job, objective, blocks, grid, vocabulary.counts)
    )
    needs_start = not history or (settings.stay > 0 and history[-1].epoch < settings.epochs)
    start = None
    if isinstance(found, Published):
        if needs_start:
            start = place_published(
                found, settings, model, blocks, grid, terms.value, vocabulary.counts
            )
    else:
        start = found
    near = None
    if start is not None and settings.stay > 0:
        near = job.spark.sparkContext.broadcast(start)
    if not history:
        first_state = write_initial_state(
            job.spark, settings, blocks, grid, model, start, job.hasher, objective, terms
        )
        history = [first_state]
    stopped = False
    first = history[-1].epoch + 1
    for epoch in range(first, settings.epochs + 1):
        record = _train_epoch(
            job,
            blocks,
            schedule,
            grid,
            terms,
            near,
            history,
            epoch,
            # the margins were measured on cells that were checked
            check_cells=epoch == first and not objective.needs_margins,
        )
        prune_epochs(model, epoch, settings.keep_epochs)
        history.append(record)
        write_metrics(model, history)
        log.info("%s", progress_line(history, settings.epochs), extra=fields(**metrics_of(record)))
        for line in describe_neighbors(model, epoch, grid, settings, vocabulary):
            log.info("%s", line)
        stopped = no_longer_improves(history, settings.tolerance)
        if stopped:
            log.info("train: the cost improved by less than tolerance=%g", settings.tolerance)
            break
    start_folder(model).delete()
    return {
        **_facts_of(history),
        "stopped_early": stopped,
        "vector_size": settings.vector_size,
        "adagrad": settings.accumulators,
        "num_blocks": grid.num_blocks,
        "schedule": schedule.name,
        "rounds": schedule.rounds,
        "row_tasks": schedule.row_tasks,
        "vocabulary_size": grid.vocabulary_size,
        "known_words": None if found is None else found.num_known,
        "known_token_share": None
        if found is None
        else round(known_token_share(found.known, vocabulary.counts), 6),
    }


def _facts_of(history: list[EpochRecord]) -> dict[str, Any]:
    """Return the facts of the epochs for the manifest; the first record is the initial state."""
    last, epochs = history[-1], history[1:]
    return {
        "epoch": last.epoch,
        "cost": last.cost,
        "unobserved_cost": last.unobserved_cost,
        "costs": [record.cost for record in epochs],
        "unobserved_costs": [record.unobserved_cost for record in epochs],
        "held_out_costs": [record.held_out_cost for record in epochs],
        "held_out_unobserved_costs": [record.held_out_unobserved_cost for record in epochs],
        "epoch_seconds": [record.seconds for record in epochs],
        "nonzeros_per_second": [
            round(record.nnz / record.seconds) for record in epochs if record.seconds
        ],
    }


def check_settings(settings: TrainSettings, grid: BlockGrid, vocabulary: Vocabulary) -> None:
    """Check the settings that depend on the data, before the first job.

    Raises
    ------
    ConfigurationError
        If a probe word is not in the vocabulary, or the number of blocks is too small for
        ``syncs_per_epoch`` or ``row_tasks``.
    """
    for word in settings.probe:
        if word not in vocabulary:
            raise ConfigurationError(
                f"probe={word!r} is not in the vocabulary of {len(vocabulary):,} words; "
                "name a word of the vocabulary, in the case that the tokenizer gives it"
            )
    if settings.schedule == "stratified":
        return
    for name in ("syncs_per_epoch", "row_tasks"):
        value = getattr(settings, name)
        if value is not None and value > grid.num_blocks:
            raise ConfigurationError(
                f"{name}={value} must be at most num_blocks={grid.num_blocks}; "
                "lower it, or raise num_blocks"
            )


def _terms(
    job: Job,
    objective: Objective,
    blocks: Dataset,
    grid: BlockGrid,
    counts: NDArray[np.int64],
) -> AllTerms:
    """Return the terms of the objective per word."""
    log_keep = None
    if job.settings.subsample > 0:
        log_keep = log_keep_factors(counts, job.settings.subsample)
    if not objective.needs_margins:
        return AllTerms(log_keep)
    describe(job.spark, "train: sums of rows and columns")
    return measure_terms(
        job.spark.sparkContext,
        blocks.location,
        grid,
        objective,
        log_keep,
        symmetric=bool(blocks.facts["symmetric"]),
    )


def _resume(job: Job, model: Location) -> list[EpochRecord]:
    """Return the history up to the last complete epoch; empty if there is none."""
    history = committed_epochs(model)
    while history and not is_whole(model, history[-1], job.hasher):
        log.warning("train: the checkpoint of epoch %d is damaged and not used", history[-1].epoch)
        history.pop()
    delete_uncommitted(model, history[-1].epoch if history else -1)
    if history and history[-1].epoch > 0:
        write_metrics(model, history)
        log.info("train: resumes after epoch %d", history[-1].epoch)
    return history


def _plan(
    job: Job,
    blocks: Dataset,
    grid: BlockGrid,
    terms: Broadcast[AllTerms],
    near: Broadcast[WarmStart] | None,
    epoch: int,
    *,
    check_cells: bool,
) -> EpochPlan:
    """Collect what the tasks of an epoch need."""
    settings: TrainSettings = job.settings
    return EpochPlan(
        epoch=epoch,
        seed=settings.seed,
        blocks=blocks.location,
        symmetric=bool(blocks.facts["symmetric"]),
        model=job.output,
        grid=grid,
        vector_size=settings.vector_size,
        update=StepSettings(
            learning_rate=learning_rate_of(settings, epoch),
            damping=settings.damping,
            objective=objective_of(settings),
            adagrad=settings.accumulators,  # type: ignore[arg-type]
        ),
        terms=terms,
        check_cells=check_cells,
        near=near,
    )


def _train_epoch(
    job: Job,
    blocks: Dataset,
    schedule: Schedule,
    grid: BlockGrid,
    terms: Broadcast[AllTerms],
    near: Broadcast[WarmStart] | None,
    history: list[EpochRecord],
    epoch: int,
    *,
    check_cells: bool,
) -> EpochRecord:
    settings: TrainSettings = job.settings
    plan = _plan(job, blocks, grid, terms, near, epoch, check_cells=check_cells)
    plan.folder.make_folder()
    placement: Placement = placement_of(job.output, epoch - 1, grid.num_blocks)
    started = time.perf_counter()
    losses: list[CellLoss] = []
    superseded: list[Location] = []
    nnz, share = 0, int(blocks.facts["nnz"])
    rounds = rounds_of(schedule, settings.seed, epoch)
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
        results = run_round(job.spark.sparkContext, plan, tasks, placement, superseded)
        check_finite(results, epoch, blocks)
        losses += [loss for result in results for _, loss in result.losses]
        nnz = sum(loss.nnz for loss in losses)
    record = EpochRecord(
        epoch=epoch,
        cost=math.fsum(loss.cost_sum for loss in losses) / max(nnz, 1),
        nnz=nnz,
        learning_rate=plan.update.learning_rate,
        seconds=time.perf_counter() - started,
        unobserved_cost=math.fsum(loss.unobserved_sum for loss in losses) / max(nnz, 1)
        if settings.unobserved > 0
        else None,
    )
    check_growth(record, history, settings)
    held_out = _held_out_cost(job, blocks, plan, placement)
    if held_out is not None:
        record = replace(
            record,
            held_out_cost=held_out.observed,
            held_out_unobserved_cost=held_out.unobserved if settings.unobserved > 0 else None,
        )
    commit_epoch(job.output, record, placement, job.hasher)
    return record


def _held_out_cost(
    job: Job, blocks: Dataset, plan: EpochPlan, placement: Placement
) -> HeldOutCost | None:
    """Return the cost of the held-out nonzeros; None if the blocks have none."""
    nnz = int(blocks.facts["held_out_nnz"])
    if not nnz:
        return None
    describe(job.spark, f"train: epoch {plan.epoch}/{job.settings.epochs}, held-out cost")
    cells = plan.grid.stored_cells(symmetric=plan.symmetric)
    return held_out_cost(job.spark.sparkContext, plan, cells, placement, nnz)


MODEL = Stage(
    dataset="model",
    command="train",
    format_version=FORMAT_VERSIONS["model"],
    inputs=("vocabulary", "blocks"),
    build=build_model,
    external_inputs=warm_start_fingerprint,
    resumable=True,
)
