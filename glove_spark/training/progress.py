"""Check that the cost is finite and does not grow, and write the log line of an epoch."""

from __future__ import annotations

import math

from glove_spark.errors import DivergenceError
from glove_spark.settings.stages import TrainSettings
from glove_spark.store.manifest import Dataset
from glove_spark.training.checkpoints import EpochRecord
from glove_spark.training.rounds import TaskResult

GROWTH_LIMIT = 10.0
"""Training does not recover from a cost of this many times the best one."""


def check_growth(record: EpochRecord, history: list[EpochRecord], settings: TrainSettings) -> None:
    """Check the cost, of both terms, of the epoch after ``history``.

    Raises
    ------
    DivergenceError
        If it is more than `GROWTH_LIMIT` times the best so far.
    """
    cost = record.objective or 0.0
    best = min((old.objective for old in history if old.objective is not None), default=math.inf)
    if cost > GROWTH_LIMIT * best:
        last = history[-1].epoch
        raise DivergenceError(
            f"the cost rose from {best:.4g} to {cost:.4g} in epoch {last + 1}, so training stopped "
            f"and the checkpoint of epoch {last} remains; "
            f"lower learning_rate={settings.learning_rate:g} "
            f"or raise damping={settings.damping:g}"
        )


def check_finite(results: list[TaskResult], epoch: int, blocks: Dataset) -> None:
    """Check the cost of every cell of a round.

    Raises
    ------
    DivergenceError
        If one is not a finite number.
    """
    for result in results:
        for block, loss in result.losses:
            if not loss.finite:
                raise DivergenceError(
                    f"the cost is {loss.cost_sum + loss.unobserved_sum} in epoch {epoch}, "
                    f"cell ({result.row_block}, {block}), and must be finite "
                    f"(the largest count is {blocks.facts['largest_count']:g}); "
                    f"the checkpoint of epoch {epoch - 1} remains; lower learning_rate or raise "
                    "damping"
                )


def no_longer_improves(history: list[EpochRecord], tolerance: float) -> bool:
    """Return whether the last epoch lowered the cost, of both terms, by less than this share."""
    costs = [record.objective for record in history if record.objective is not None]
    return tolerance > 0 and len(costs) > 1 and costs[-1] > (1 - tolerance) * costs[-2]


def progress_line(history: list[EpochRecord], epochs: int) -> str:
    """Return the log line of an epoch: cost, speed, time, and remaining time."""
    record = history[-1]
    left = (epochs - record.epoch) * record.seconds
    observed = _with_held_out(record.cost, record.held_out_cost)
    unobserved = ""
    if record.unobserved_cost is not None:
        found = _with_held_out(record.unobserved_cost, record.held_out_unobserved_cost)
        unobserved = f" and {found} of unobserved pairs"
    return (
        f"train: epoch {record.epoch}/{epochs}, cost {observed}{unobserved}, "
        f"{record.nnz / max(record.seconds, 1e-9) / 1e6:.2f}M nonzeros/s, "
        f"{record.seconds:.1f} s, about {left:.0f} s left"
    )


def _with_held_out(cost: float | None, held_out: float | None) -> str:
    return f"{cost:.4f}" + ("" if held_out is None else f" (held out {held_out:.4f})")
