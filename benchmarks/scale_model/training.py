"""The cost of an epoch of training with each schedule: the part of the model with rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from benchmarks.scale_model.coefficients import Coefficients, parameter_bytes
from glove_spark.settings.stages import TrainSettings
from glove_spark.store.location import REQUESTS_AT_ONCE
from glove_spark.training.epoch_plan import Schedule, schedule_of

WEIGHT_BYTES = 16
"""Bytes per word in the file of a replica in addition to its parameters: two float64 sums."""

PASSES = 2
"""How often a merge reads the replicas."""

MERGED_NUMBER_BYTES = 8 + 8 + 4 + 4 + 4
"""Bytes per number of a block in a merge: its sum and the movement of a replica in float64; the
base, the open replica and the result in float32; for any number of replicas."""


@dataclass(frozen=True)
class Epoch:
    """An epoch of V words of d numbers, Z nonzeros, `batches` of a cell, on `cores`.

    Attributes
    ----------
    schedule
        The schedule, from `schedule_of`.
    """

    schedule: Schedule
    vocabulary_size: float
    vector_size: int
    nonzeros: float
    batches: float
    cores: int

    @property
    def side(self) -> float:
        """Bytes of the parameters of one side."""
        return parameter_bytes(self.vocabulary_size, self.vector_size)

    @property
    def visited(self) -> float:
        """Column blocks that a row block visits in a round: replicas of a column block."""
        return self.schedule.num_blocks / self.schedule.rounds

    @property
    def row_tasks(self) -> int:
        """Tasks of a round that share a row block."""
        return max(1, min(self.schedule.row_tasks, int(self.visited)))

    @property
    def tasks(self) -> int:
        """Tasks of a round."""
        return self.schedule.num_blocks * self.row_tasks

    @property
    def at_once(self) -> int:
        """Tasks that run at the same time."""
        return min(self.tasks, self.cores)

    @property
    def replicas(self) -> float:
        """Replicas of columns and of rows that are written and merged, in units of one side."""
        columns = self.schedule.num_blocks if self.visited > 1 else 0
        rows = self.schedule.rounds * self.row_tasks if self.row_tasks > 1 else 0
        return columns + rows

    @property
    def merged_blocks(self) -> int:
        """Blocks that a merge writes, with one task each."""
        sides = (self.visited > 1) + (self.row_tasks > 1)
        return sides * self.schedule.num_blocks

    @property
    def round_bytes(self) -> float:
        """Bytes of parameters that the tasks of all rounds read and write."""
        rows = self.schedule.rounds * self.row_tasks
        return 2 * (rows + self.schedule.num_blocks) * self.side

    @property
    def merge_bytes(self) -> float:
        """Bytes that all merges read and write, including the weights of replicas."""
        weights = self.replicas * WEIGHT_BYTES * self.vocabulary_size
        sides = self.merged_blocks / self.schedule.num_blocks
        blocks = 2 * sides * self.schedule.rounds * self.side
        return blocks + PASSES * (self.replicas * self.side + weights) + weights

    @property
    def merge_memory(self) -> float:
        """Bytes in memory of a merge task: those of a block, for any number of replicas."""
        if not self.merged_blocks:
            return 0.0
        words = self.vocabulary_size / self.schedule.num_blocks
        return words * (self.vector_size + 3) * MERGED_NUMBER_BYTES

    def compute(self, known: Coefficients) -> float:
        """Seconds with all cores at work."""
        train, cells = known.training, self.schedule.num_blocks**2
        training = (train.cell + train.visit * self.batches) * cells
        training += train.byte * self.round_bytes
        training += train.nonzero_at(self.vector_size) * self.nonzeros
        merging = known.merged_byte * self.replicas * self.side
        return (training + merging) / self.at_once

    def driver(self, known: Coefficients, task_seconds: float) -> float:
        """Seconds in which the driver starts the jobs and tasks of all rounds and merges."""
        jobs = [self.at_once]
        if self.merged_blocks:
            jobs.append(min(self.merged_blocks, self.cores))
        measured_at = known.overheads["cores"]
        of_round = sum(
            known.training.round + task_seconds * max(0, tasks - measured_at) for tasks in jobs
        )
        return self.schedule.rounds * of_round

    def deletions(self, delete_seconds: float) -> float:
        """Seconds in which tasks delete the files that the previous round replaced."""
        blocks = self.schedule.num_blocks
        replaced = self.tasks + blocks * self.visited + self.merged_blocks
        at_once = REQUESTS_AT_ONCE * self.tasks
        return (self.schedule.rounds - 1) * math.ceil(replaced / at_once) * delete_seconds


def schedules(num_blocks: int, nnz: float, cores: int) -> dict[str, Schedule]:
    """Return the schedules to compare, by name; the last one has a task for every core."""
    settings = TrainSettings()
    averaging = schedule_of(replace(settings, schedule="averaging"), num_blocks, nnz)
    most = num_blocks // averaging.rounds
    row_tasks = max(1, min(most, cores // num_blocks))
    return {
        "stratified": schedule_of(replace(settings, schedule="stratified"), num_blocks, nnz),
        "averaging": averaging,
        "averaging, cores / P row tasks": replace(averaging, row_tasks=row_tasks),
    }
