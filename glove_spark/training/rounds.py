"""One round of training: tasks in parallel, each on cells of one row block, then a merge.

Parameters are exchanged as files. A task reads the blocks that it needs, trains, writes the new
blocks under unique names and returns these names, which the driver keeps. If several tasks trained
replicas of one block, a second job merges them (`merging`). If only one task trained it, no merge
is needed, so the stratified schedule needs no second job.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from pyspark import SparkContext

from glove_spark.datasets.blocks import cell_file, read_cell
from glove_spark.kernels.training.draws import draws_of
from glove_spark.kernels.training.merge import Replica
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.kernels.training.replica_weight import ReplicaWeight
from glove_spark.kernels.training.schedule import Round, Task, derived_rng
from glove_spark.kernels.training.update import CellLoss, train_cell
from glove_spark.spark.collecting import collected
from glove_spark.store.location import Location, delete_files
from glove_spark.training.epoch_files import COLUMNS, ROWS, EpochPlan, Place, Placement
from glove_spark.training.merging import merge_files, places_of_several

BATCH_ORDER = 1
"""Separates the random order of batches from other random numbers of the same seed."""


class TaskResult(NamedTuple):
    """The result of a task: the files that it wrote, and the costs of its cells."""

    row_block: int
    files: list[tuple[Place, Location]]
    losses: list[tuple[int, CellLoss]]
    seconds: float


class Visit(NamedTuple):
    """A task, the files of its blocks, and files that are no longer needed."""

    task: Task
    rows: Location
    columns: list[Location]
    superseded: list[Location]


def run_round(
    context: SparkContext,
    plan: EpochPlan,
    tasks: Round,
    placement: Placement,
    superseded: list[Location],
) -> list[TaskResult]:
    """Run the tasks of a round and update ``placement`` with the merged blocks.

    If a cost is not finite, nothing is merged or placed; the results show the cost.

    Parameters
    ----------
    superseded
        Files of this epoch that an earlier round replaced. Each task deletes a share of them,
        because the driver alone would take long. Afterwards it has the files that this round
        replaced.
    """
    visits = [
        Visit(
            task,
            placement[ROWS, task.row_block],
            [placement[COLUMNS, q] for q in task.column_blocks],
            superseded[number :: len(tasks)],
        )
        for number, task in enumerate(tasks)
    ]
    shared = places_of_several(tasks)

    def train(part: Iterable[Visit]) -> Iterable[TaskResult]:
        return [train_task(plan, visit, shared) for visit in part]

    # more Spark tasks than cores would only add Spark's cost per task
    slices = min(len(visits), context.defaultParallelism)
    results = collected(context.parallelize(visits, slices).mapPartitions(train))
    if not all(loss.finite for result in results for _, loss in result.losses):
        return results
    written: dict[Place, list[Location]] = {}
    for result in results:
        for place, file in result.files:
            written.setdefault(place, []).append(file)
    replicas = {place: written[place] for place in sorted(shared)}
    merged = merge_files(context, plan, replicas, placement)
    replaced = [placement[place] for place in written]
    replaced += [file for files in replicas.values() for file in files]
    placement.update({place: files[0] for place, files in written.items()} | merged)
    # files of an earlier epoch are a checkpoint and are kept
    superseded[:] = [file for file in replaced if file.parent == plan.folder]
    return results


def train_task(plan: EpochPlan, visit: Visit, shared: frozenset[Place]) -> TaskResult:
    """Train the cells of one row block in the task's order; runs on an executor.

    Stops at the first cell whose cost is not finite.

    Parameters
    ----------
    shared
        The places that other tasks of the round also train.
    """
    started = time.perf_counter()
    delete_files(visit.superseded)
    row_block = visit.task.row_block
    rows = plan.read(visit.rows)
    row_terms = plan.trained_terms_of(ROWS, row_block)
    row_weight = _weight_of((ROWS, row_block), rows, shared)
    files: list[tuple[Place, Location]] = []
    losses: list[tuple[int, CellLoss]] = []
    for block, file in zip(visit.task.column_blocks, visit.columns, strict=True):
        source = cell_file(plan.blocks, row_block, block, symmetric=plan.symmetric)
        cell = read_cell(source.location, plan.stored_shape(row_block, block, source))
        columns = plan.read(file)
        col_terms = plan.trained_terms_of(COLUMNS, block)
        col_weight = _weight_of((COLUMNS, block), columns, shared)
        draws = draws_of(plan.grid.num_blocks, plan.vector_size, row_block, block, plan.epoch)
        loss = train_cell(
            cell,
            rows,
            columns,
            plan.update,
            transposed=source.transposed,
            rng=derived_rng(plan.seed, BATCH_ORDER, plan.epoch, row_block, block),
            row_terms=row_terms,
            col_terms=col_terms,
            draws=draws,
            row_weight=row_weight,
            col_weight=col_weight,
        )
        losses.append((block, loss))
        files.append(_write(plan, (COLUMNS, block), columns, col_weight))
        if not loss.finite:
            break
    files.append(_write(plan, (ROWS, row_block), rows, row_weight))
    return TaskResult(row_block, files, losses, time.perf_counter() - started)


def _weight_of(place: Place, block: Parameters, shared: frozenset[Place]) -> ReplicaWeight | None:
    """Return the weight of a replica before training; None if no other task trains the block."""
    return ReplicaWeight.nothing(len(block.biases)) if place in shared else None


def _write(
    plan: EpochPlan, place: Place, block: Parameters, weight: ReplicaWeight | None
) -> tuple[Place, Location]:
    """Write a trained block, as a replica if it has a weight; return its place and file."""
    if weight is None:
        return place, plan.write(block, *place)
    return place, plan.write_replica(Replica(block, weight), *place)
