"""The cost of the held-out nonzeros after an epoch."""

from __future__ import annotations

import math

from pyspark import SparkContext

from glove_spark.datasets.blocks import held_out_file, read_held_out
from glove_spark.datasets.model import SIDES
from glove_spark.kernels.blocks.grid import Cell
from glove_spark.kernels.training.held_out import HeldOut, HeldOutCost, cost_of
from glove_spark.spark.collecting import collected
from glove_spark.training.epoch_files import EpochPlan, Placement

ROWS, COLUMNS = SIDES


def held_out_cost(
    context: SparkContext,
    plan: EpochPlan,
    cells: list[Cell],
    placement: Placement,
    nnz: int,
) -> HeldOutCost:
    """Return the mean cost of the held-out nonzeros, by term.

    Parameters
    ----------
    cells
        The cells that have a file.
    placement
        The files of the parameters.
    nnz
        Held-out nonzeros of the whole matrix.
    """

    def measure(cell: Cell) -> list[HeldOutCost]:
        p, q = cell
        held_out = read_held_out(held_out_file(plan.blocks, p, q))
        found = [_cost(plan, placement, cell, held_out)]
        if plan.symmetric:
            # the file of a cell on the diagonal contains one of (i, j) and (j, i), and the diagonal
            mirrored = held_out.chosen(held_out.rows != held_out.cols) if p == q else held_out
            found.append(_cost(plan, placement, (q, p), mirrored.transposed()))
        return found

    slices = min(len(cells), context.defaultParallelism)
    costs = collected(context.parallelize(cells, slices).flatMap(measure))
    observed, unobserved = (math.fsum(terms) / max(nnz, 1) for terms in zip(*costs, strict=True))
    return HeldOutCost(observed, unobserved)


def _cost(plan: EpochPlan, placement: Placement, cell: Cell, held_out: HeldOut) -> HeldOutCost:
    p, q = cell
    return cost_of(
        held_out,
        plan.read(placement[ROWS, p]),
        plan.read(placement[COLUMNS, q]),
        plan.update.objective,
        plan.terms_of(ROWS, p),
        plan.terms_of(COLUMNS, q),
    )
