"""What the options ask of an epoch: objective, step size and rounds."""

from __future__ import annotations

from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.schedule import (
    Round,
    averaging_rounds,
    derived_rng,
    stratified_rounds,
)
from glove_spark.settings.stages import TrainSettings

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


def rounds_of(settings: TrainSettings, grid: BlockGrid, epoch: int) -> list[Round]:
    """List the rounds of an epoch."""
    rng = derived_rng(settings.seed, _SCHEDULE, epoch)
    if settings.schedule == "averaging":
        return averaging_rounds(grid.num_blocks, settings.syncs_per_epoch, rng)
    return stratified_rounds(grid.num_blocks, rng)
