"""Objective, learning rate and rounds of an epoch, from the options."""

from __future__ import annotations

from dataclasses import dataclass

from glove_spark.kernels.blocks.grid import FULL_CELL, MOST_FOR_CORES
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.schedule import (
    Round,
    averaging_rounds,
    derived_rng,
    stratified_rounds,
)
from glove_spark.settings.stages import TrainSettings

MOST_STRATIFIED = 64
"""The largest number of blocks for which schedule=auto chooses stratified rounds."""

REPLICAS = 2
"""Replicas of a block per merge, if `MOST_MERGES` allow so few; more of them lose quality."""

FEWEST_MERGES, MOST_MERGES = 4, 16
"""Merges per epoch. The upper bound limits the rounds, which is the purpose of the schedule."""

MOST_ROW_TASKS = 4
"""The largest number of row tasks that is chosen: eight lose quality (docs/ALGORITHM.md)."""

_SCHEDULE = 2
"""Separates the random order of cells from other random numbers of the same seed."""


def objective_of(settings: TrainSettings) -> Objective:
    """Return the objective that the options ask for."""
    return Objective(
        x_max=settings.x_max,
        alpha=settings.alpha,
        unobserved=settings.unobserved,
        anchored=settings.biases == "anchored",
        context_smoothing=settings.context_smoothing,
        stay=settings.stay,
    )


def learning_rate_of(settings: TrainSettings, epoch: int) -> float:
    """Return the learning rate of an epoch, from 1 to ``epochs``; it decays linearly."""
    if settings.epochs == 1:
        return settings.learning_rate
    share = (epoch - 1) / (settings.epochs - 1)
    # exact if both rates are the same
    fall = settings.learning_rate - settings.final_learning_rate
    return settings.learning_rate - fall * share


@dataclass(frozen=True)
class Schedule:
    """How the cells of an epoch are distributed over rounds.

    Attributes
    ----------
    name
        ``"stratified"`` or ``"averaging"``.
    num_blocks
        P.
    rounds
        Rounds per epoch.
    row_tasks
        Tasks of a round that share a row block.
    chosen
        Whether ``schedule=auto`` chose it.
    """

    name: str
    num_blocks: int
    rounds: int
    row_tasks: int
    chosen: bool

    @property
    def described(self) -> str:
        """The schedule in a line for the log."""
        merged = "" if self.name == "stratified" else " and merges"
        shared = f", {self.row_tasks} tasks per row block" if self.row_tasks > 1 else ""
        reason = ""
        if self.chosen:
            relation = "up to" if self.name == "stratified" else "more than"
            reason = f", chosen by schedule=auto for {relation} {MOST_STRATIFIED} blocks"
        return (
            f"{self.num_blocks} blocks, the {self.name} schedule, "
            f"{self.rounds} rounds{merged} per epoch{shared}{reason}"
        )


def schedule_of(settings: TrainSettings, num_blocks: int, nnz: float) -> Schedule:
    """Return the schedule that the options, the number of blocks and of nonzeros define."""
    # the moments of adam's replicas cannot be added up
    chosen = settings.schedule == "auto" and settings.optimizer != "adam"
    name = "stratified" if settings.optimizer == "adam" else settings.schedule
    if chosen:
        name = "stratified" if num_blocks <= MOST_STRATIFIED else "averaging"
    if name == "stratified":
        return Schedule(name, num_blocks, num_blocks, 1, chosen)
    rounds = settings.syncs_per_epoch or default_merges(num_blocks)
    row_tasks = settings.row_tasks or default_row_tasks(num_blocks, rounds, nnz)
    return Schedule(name, num_blocks, rounds, row_tasks, chosen)


def idle_cores_hint(schedule: Schedule, cores: int) -> str | None:
    """Return a hint if more of the cores could train at the same quality; otherwise None."""
    num_blocks = schedule.num_blocks
    row_tasks = min(cores // num_blocks, num_blocks // schedule.rounds, MOST_ROW_TASKS)
    if row_tasks <= schedule.row_tasks:
        return None
    return (
        f"a round has {schedule.row_tasks * num_blocks} tasks, but there are {cores} cores; "
        f"--row-tasks {row_tasks} makes {row_tasks * num_blocks} tasks"
    )


def default_merges(num_blocks: int) -> int:
    """Return the merges per epoch for which few replicas share a block in a round."""
    return min(num_blocks, max(FEWEST_MERGES, min(MOST_MERGES, num_blocks // REPLICAS)))


def default_row_tasks(num_blocks: int, rounds: int, nnz: float) -> int:
    """Return the tasks per row block.

    There are several if there may be more cores than blocks, and cells are so large that it pays to
    start more tasks in every round.
    """
    if num_blocks < MOST_FOR_CORES or nnz < FULL_CELL * num_blocks**2:
        return 1
    return max(1, min(MOST_ROW_TASKS, num_blocks // rounds))


def rounds_of(schedule: Schedule, seed: int, epoch: int) -> list[Round]:
    """List the rounds of an epoch; the seed and the epoch draw their order."""
    rng = derived_rng(seed, _SCHEDULE, epoch)
    if schedule.name == "averaging":
        return averaging_rounds(schedule.num_blocks, schedule.rounds, rng, schedule.row_tasks)
    return stratified_rounds(schedule.num_blocks, rng)
