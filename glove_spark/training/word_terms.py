"""The terms of the objective per word, measured once before the first epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark import Broadcast, SparkContext

from glove_spark.datasets.blocks import cell_file, read_cell
from glove_spark.datasets.model import SIDES
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.margins import (
    Margins,
    added_up,
    anchors,
    row_margins,
    shares,
)
from glove_spark.kernels.training.objective import Objective, WordTerms
from glove_spark.spark.collecting import collected
from glove_spark.store.location import Location

Float32 = NDArray[np.float32]
Sides = tuple[Float32, Float32]


@dataclass(frozen=True)
class AllTerms:
    """The terms of all V words; sent to tasks as a broadcast.

    Attributes
    ----------
    log_keep
        float32 (V,), ``ln k``, or None without subsampling.
    shares, anchors
        ``g / sqrt(G)`` and the fixed biases of both sides, float32 (V,) each; None if the objective
        has none.
    """

    log_keep: Float32 | None = None
    shares: Sides | None = None
    anchors: Sides | None = None

    def of(self, side: str, ids: NDArray[np.int64]) -> WordTerms:
        """Return the terms of some words on one side."""
        keep = None if self.log_keep is None else self.log_keep[ids]
        share = None if self.shares is None else self.shares[SIDES.index(side)][ids]
        return WordTerms(keep, share)

    def fixed_biases(self, side: str, ids: NDArray[np.int64]) -> Float32 | None:
        """Return the anchors of some words; None if biases are trained."""
        return None if self.anchors is None else self.anchors[SIDES.index(side)][ids]


def measure_terms(
    context: SparkContext,
    blocks: Location,
    grid: BlockGrid,
    objective: Objective,
    log_keep: Float32 | None,
    *,
    symmetric: bool,
) -> AllTerms:
    """Add counts and weights over rows and columns, with one task per block and side.

    The cells of a block are added in order, so the sums do not depend on where tasks run. The
    indices of the cells are checked at the same time. Cells do not contain held-out nonzeros.
    """
    kept = context.broadcast(AllTerms(log_keep))

    def measure(place: tuple[int, int]) -> Margins:
        side, block = place
        return added_up(
            (
                _margins(blocks, grid, objective, kept, (side, block, other), symmetric=symmetric)
                for other in range(grid.num_blocks)
            ),
            grid.block_size(block),
        )

    # the columns of a symmetric matrix are its rows
    sides = (0,) if symmetric else (0, 1)
    places = [(side, block) for side in sides for block in range(grid.num_blocks)]
    slices = min(len(places), context.defaultParallelism)
    measured = collected(context.parallelize(places, slices).map(measure))
    kept.destroy()
    totals = [Margins(*(np.zeros(grid.vocabulary_size) for _ in range(2))) for _ in sides]
    for (side, block), margins in zip(places, measured, strict=True):
        for total, part in zip(totals[side], margins, strict=True):
            total[grid.global_ids(block)] = part
    rows, columns = totals[0], totals[-1]
    return AllTerms(
        log_keep,
        shares(rows.weights, columns.weights) if objective.unobserved > 0 else None,
        anchors(rows.counts, columns.counts, objective.context_smoothing)
        if objective.anchored
        else None,
    )


def _margins(
    blocks: Location,
    grid: BlockGrid,
    objective: Objective,
    kept: Broadcast[Any],
    place: tuple[int, int, int],
    *,
    symmetric: bool,
) -> Margins:
    """Return what one cell adds to the sums of the words of a block on one side."""
    side, block, other = place
    cell = (other, block) if side else (block, other)
    file = cell_file(blocks, *cell, symmetric=symmetric)
    shape = grid.block_size(cell[0]), grid.block_size(cell[1])
    terms = [kept.value.of(SIDES[0], grid.global_ids(which)) for which in (block, other)]
    return row_margins(
        read_cell(file.location, shape[::-1] if file.transposed else shape),
        grid.block_size(block),
        objective,
        *terms,
        transposed=file.transposed != bool(side),
    )
