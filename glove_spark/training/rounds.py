"""One round of training: tasks in parallel, each on its own row block, then a merge.

Parameters move through files. A task reads the blocks it needs, trains, writes
the new blocks under names of its own and returns those names; the driver keeps
the names. Where several tasks trained replicas of one column block, a second job
averages them. With one contributor the merge is the contributor itself, so the
stratified schedule needs no second job.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyspark import Broadcast, SparkContext

from glove_spark.datasets.blocks import CellFile, cell_file, read_cell
from glove_spark.datasets.model import (
    SIDES,
    block_file,
    epoch_folder,
    read_parameters,
    write_parameters,
)
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.merge import Replica, merge_replicas
from glove_spark.kernels.training.objective import WordTerms
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.kernels.training.replica_weight import column_weights
from glove_spark.kernels.training.schedule import Round, Task, derived_rng
from glove_spark.kernels.training.unobserved import draws_of
from glove_spark.kernels.training.update import CellLoss, UpdateSettings, train_cell
from glove_spark.store.location import Location, delete_files
from glove_spark.training.warm_start import WarmStart
from glove_spark.training.word_terms import AllTerms

ROWS, COLUMNS = SIDES

Placement = dict[tuple[str, int], Location]
"""The file that holds each (side, block) now."""

BATCH_ORDER = 1
"""Keeps the random order of batches apart from what else is derived from the seed."""


@dataclass(frozen=True)
class EpochPlan:
    """What the tasks of one epoch need to know; small, for it travels with each.

    Attributes
    ----------
    blocks, symmetric
        The folder of the cells, and whether one file serves a cell and its transpose.
    model
        The folder of the model; this epoch's files go to its folder there.
    update
        The epoch's learning rate and the objective.
    terms
        What the objective knows of every word.
    check_cells
        Whether to look through the cells before they are trained, as in a run's first epoch.
    near
        Whose vectors words are kept near; None where they are not.
    """

    epoch: int
    seed: int
    blocks: Location
    symmetric: bool
    model: Location
    grid: BlockGrid
    vector_size: int
    update: UpdateSettings
    terms: Broadcast[AllTerms]
    check_cells: bool
    near: Broadcast[WarmStart] | None = None

    @property
    def folder(self) -> Location:
        """Where this epoch's files go."""
        return epoch_folder(self.model, self.epoch)

    def read(self, file: Location) -> Parameters:
        """Read a parameter block to work on."""
        return read_parameters(file, self.vector_size, self.update.adagrad)

    def write(self, parameters: Parameters, side: str, block: int) -> Location:
        """Write a parameter block under a name that no other attempt uses."""
        file = block_file(self.model, self.epoch, side, block).temporary_sibling()
        write_parameters(parameters, file)
        return file

    def stored_shape(
        self, row_block: int, column_block: int, source: CellFile
    ) -> tuple[int, int] | None:
        """Return the shape that a cell's file is to be checked for; None once that was done."""
        if not self.check_cells:
            return None
        shape = self.grid.block_size(row_block), self.grid.block_size(column_block)
        return shape[::-1] if source.transposed else shape

    def terms_of(self, side: str, block: int) -> WordTerms:
        """Return what the objective knows of a block's words on one side."""
        return self.terms.value.of(side, self.grid.global_ids(block))

    def trained_terms_of(self, side: str, block: int) -> WordTerms:
        """Return these and the vectors that the words are kept near."""
        terms = self.terms_of(side, block)
        if self.near is None:
            return terms
        return terms._replace(references=self.near.value.references(side, self.grid, block))


class ReplicaFile(NamedTuple):
    """A column block as one task left it, and the weight of each word in it."""

    block: int
    file: Location
    weight: NDArray[np.float64] | None


class TaskResult(NamedTuple):
    """What a task tells the driver."""

    row_block: int
    rows: Location
    columns: list[ReplicaFile]
    losses: list[tuple[int, CellLoss]]
    seconds: float


def run_round(
    context: SparkContext, plan: EpochPlan, tasks: Round, placement: Placement
) -> list[TaskResult]:
    """Run the tasks of a round and update ``placement`` with the merged blocks.

    Files that the round superseded are deleted; those of epochs before are not.
    """
    visits = [
        (task, placement[ROWS, task.row_block], [placement[COLUMNS, q] for q in task.column_blocks])
        for task in tasks
    ]
    shared = _columns_of_several(tasks)

    def train(parts: Iterable[tuple[Task, Location, list[Location]]]) -> Iterable[TaskResult]:
        return [train_task(plan, *part, shared=shared) for part in parts]

    # more Spark tasks than cores would only pay Spark's cost per task more often
    slices = min(len(visits), context.defaultParallelism)
    results = context.parallelize(visits, slices).mapPartitions(train).collect()
    superseded = []
    replicas: dict[int, list[ReplicaFile]] = {}
    for result in results:
        superseded.append(placement[ROWS, result.row_block])
        placement[ROWS, result.row_block] = result.rows
        for replica in result.columns:
            replicas.setdefault(replica.block, []).append(replica)
    for block, merged in _merge(context, plan, replicas, placement).items():
        superseded.append(placement[COLUMNS, block])
        superseded += [replica.file for replica in replicas[block] if replica.file != merged]
        placement[COLUMNS, block] = merged
    # what an earlier epoch published is a checkpoint
    delete_files([file for file in superseded if file.parent == plan.folder])
    return results


def train_task(
    plan: EpochPlan,
    task: Task,
    rows_file: Location,
    column_files: list[Location],
    *,
    shared: frozenset[int],
) -> TaskResult:
    """Train the cells of one row block in the task's order; runs on an executor.

    Stops at the first cell whose cost is not finite.
    """
    started = time.perf_counter()
    rows = plan.read(rows_file)
    row_terms = plan.trained_terms_of(ROWS, task.row_block)
    columns: list[ReplicaFile] = []
    losses: list[tuple[int, CellLoss]] = []
    for block, file in zip(task.column_blocks, column_files, strict=True):
        source = cell_file(plan.blocks, task.row_block, block, symmetric=plan.symmetric)
        cell = read_cell(source.location, plan.stored_shape(task.row_block, block, source))
        side = plan.read(file)
        col_terms = plan.trained_terms_of(COLUMNS, block)
        loss = train_cell(
            cell,
            rows,
            side,
            plan.update,
            transposed=source.transposed,
            rng=derived_rng(plan.seed, BATCH_ORDER, plan.epoch, task.row_block, block),
            row_terms=row_terms,
            col_terms=col_terms,
            draws=draws_of(
                plan.grid.num_blocks, plan.vector_size, task.row_block, block, plan.epoch
            ),
        )
        losses.append((block, loss))
        weight = None
        if block in shared:
            weight = column_weights(
                cell,
                len(side.biases),
                plan.update.objective,
                row_terms,
                col_terms,
                transposed=source.transposed,
            )
        columns.append(ReplicaFile(block, plan.write(side, COLUMNS, block), weight))
        if not loss.finite:
            break
    new_rows = plan.write(rows, ROWS, task.row_block)
    return TaskResult(task.row_block, new_rows, columns, losses, time.perf_counter() - started)


def _columns_of_several(tasks: Round) -> frozenset[int]:
    """Find the column blocks that more than one task of the round trains."""
    seen: dict[int, int] = {}
    for task in tasks:
        for block in task.column_blocks:
            seen[block] = seen.get(block, 0) + 1
    return frozenset(block for block, times in seen.items() if times > 1)


def _merge(
    context: SparkContext,
    plan: EpochPlan,
    replicas: dict[int, list[ReplicaFile]],
    placement: Placement,
) -> dict[int, Location]:
    """Merge the replicas of every column block; return the file of each."""
    merged = {block: found[0].file for block, found in replicas.items() if len(found) == 1}
    several = [
        (block, placement[COLUMNS, block], found)
        for block, found in sorted(replicas.items())
        if len(found) > 1
    ]
    if not several:
        return merged

    def merge_one(
        part: tuple[int, Location, list[ReplicaFile]],
    ) -> tuple[int, Location]:
        block, base, found = part
        loaded = [
            Replica(plan.read(item.file), item.weight) for item in found if item.weight is not None
        ]
        return block, plan.write(merge_replicas(plan.read(base), loaded), COLUMNS, block)

    merged.update(context.parallelize(several, len(several)).map(merge_one).collect())
    return merged
