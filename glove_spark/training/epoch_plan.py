"""Objective, learning rate and rounds of an epoch, from the options."""

from __future__ import annotations

from dataclasses import dataclass

from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.schedule import (
    Round,
    averaging_rounds,
    derived_rng,
    stratified_rounds,
)
from glove_spark.settings.stages import TrainSettings

MOST_STRATIFIED = 64
"""Blocks, at most, of which schedule=auto makes stratified rounds."""

REPLICAS = 4
"""Replicas of a block that a merge is to have: more lose quality."""

FEWEST_MERGES, MOST_MERGES = 4, 16
"""Merges of an epoch: the bound on rounds is what the schedule is for."""

_SCHEDULE = 2
"""Keeps the order of cells apart from what else is derived from the seed."""


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
    """Return the step size of an epoch, 1 to ``epochs``: equal factors from first to last."""
    if settings.epochs == 1:
        return settings.learning_rate
    share = (epoch - 1) / (settings.epochs - 1)
    ratio = settings.final_learning_rate / settings.learning_rate
    return float(settings.learning_rate * ratio**share)


@dataclass(frozen=True)
class Schedule:
    """How the cells of an epoch are dealt to rounds.

    Attributes
    ----------
    name
        ``"stratified"`` or ``"averaging"``.
    num_blocks
        P.
    rounds
        Of an epoch.
    row_tasks
        Tasks of a round that share a row block.
    chosen
        Whether the number of blocks chose it.
    """

    name: str
    num_blocks: int
    rounds: int
    row_tasks: int
    chosen: bool

    @property
    def described(self) -> str:
        """A line for the log."""
        merged = "" if self.name == "stratified" else " and merges"
        reason = ""
        if self.chosen:
            relation = "up to" if self.name == "stratified" else "more than"
            reason = f", as schedule=auto has it for {relation} {MOST_STRATIFIED} blocks"
        return (
            f"{self.num_blocks} blocks, the {self.name} schedule, "
            f"{self.rounds} rounds{merged} an epoch{reason}"
        )


def schedule_of(settings: TrainSettings, num_blocks: int) -> Schedule:
    """Choose the schedule: the number of blocks decides what the options leave open."""
    # adam keeps moments, of which replicas have no sum
    chosen = settings.schedule == "auto" and settings.optimizer != "adam"
    name = "stratified" if settings.optimizer == "adam" else settings.schedule
    if chosen:
        name = "stratified" if num_blocks <= MOST_STRATIFIED else "averaging"
    if name == "stratified":
        return Schedule(name, num_blocks, num_blocks, 1, chosen)
    rounds = settings.syncs_per_epoch or default_merges(num_blocks)
    return Schedule(name, num_blocks, rounds, settings.row_tasks, chosen)


def idle_cores_hint(schedule: Schedule, cores: int) -> str | None:
    """Word how more of the cores can train; None where most of them do, or none more could."""
    tasks = schedule.num_blocks * schedule.row_tasks
    useful = min(schedule.num_blocks // schedule.rounds, cores // schedule.num_blocks)
    if schedule.name == "stratified" or useful <= schedule.row_tasks:
        return None
    return (
        f"{tasks} tasks of a round for {cores} cores; "
        f"--row-tasks {useful} makes them {schedule.num_blocks * useful}"
    )


def default_merges(num_blocks: int) -> int:
    """Return how often replicas are merged in an epoch, so that few share a block in a round."""
    return min(num_blocks, max(FEWEST_MERGES, min(MOST_MERGES, num_blocks // REPLICAS)))


def rounds_of(settings: TrainSettings, grid: BlockGrid, epoch: int) -> list[Round]:
    """List the rounds of an epoch."""
    rng = derived_rng(settings.seed, _SCHEDULE, epoch)
    schedule = schedule_of(settings, grid.num_blocks)
    if schedule.name == "averaging":
        return averaging_rounds(grid.num_blocks, schedule.rounds, rng, schedule.row_tasks)
    return stratified_rounds(grid.num_blocks, rng)
