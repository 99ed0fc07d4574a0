"""Sums over the rows and columns of the whole matrix, and the anchors computed from them.

X_i are the sums of rows, Y_j those of columns, and N is the sum of the matrix::

    b_i = ln X_i - 1/2 ln N        c_j = ln Z_j - 1/2 ln N        Z_j = Y_j^s N / sum Y^s

so that ``ln X_ij - b_i - c_j`` is the pointwise mutual information of the pair; if s is below 1,
with smoothed context frequencies (Levy, Goldberg, Dagan 2015). A word without nonzeros gets the
anchor of the smallest sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.cells import Batch, BatchedCell, Tiles
from glove_spark.kernels.training.objective import NO_TERMS, Objective, WordTerms

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


class Margins(NamedTuple):
    """Sums over the nonzeros of n words of one side.

    Attributes
    ----------
    counts, weights
        float64 (n,), sums of X and of f, 0 for a word without nonzeros.
    """

    counts: Float64
    weights: Float64

    def plus(self, other: Margins) -> Margins:
        """Add the sums of other cells for the same words."""
        return Margins(self.counts + other.counts, self.weights + other.weights)


def row_margins(
    cell: BatchedCell,
    num_rows: int,
    objective: Objective,
    row_terms: WordTerms = NO_TERMS,
    col_terms: WordTerms = NO_TERMS,
    *,
    transposed: bool = False,
) -> Margins:
    """Return the sums over each row of a cell; the arguments are as in `train_cell`.

    Parameters
    ----------
    num_rows
        The rows of the requested cell; the columns of `cell`, if `cell` is its transpose.
    """
    counts, weights = np.zeros(num_rows), np.zeros(num_rows)
    for batch, mirrored in cell.visits():
        swapped = mirrored != transposed
        ids, other_ids = _words_of(batch, swapped)
        log_count = batch.log_count
        _add_to(counts, ids, _row_sums(batch, np.exp(log_count), swapped))
        if row_terms.log_keep is not None and col_terms.log_keep is not None:
            keeps = _kept(row_terms.log_keep, ids), _kept(col_terms.log_keep, other_ids)
            log_count = log_count + _at_places(batch, *(keeps[::-1] if swapped else keeps))
        _add_to(weights, ids, _row_sums(batch, objective.weights(log_count), swapped))
    return Margins(counts, weights)


def anchors(rows: Float64, columns: Float64, smoothing: float) -> tuple[Float32, Float32]:
    """Return the fixed biases of words and of contexts, float32.

    Parameters
    ----------
    rows, columns
        float64 (V,), sums of rows and of columns; at least one is above 0.
    smoothing
        s.
    """
    # a count that is not finite gives a cost that is not finite, which training reports
    with np.errstate(over="ignore", invalid="ignore"):
        half = 0.5 * np.log(rows.sum())
        log_rows, log_columns = (np.log(_positive(sums)) for sums in (rows, columns))
        total = np.log(np.sum(columns[columns > 0] ** smoothing))
        context = smoothing * log_columns + half - total
        return (log_rows - half).astype(np.float32), context.astype(np.float32)


def shares(rows: Float64, columns: Float64) -> tuple[Float32, Float32]:
    """Return ``g / sqrt(G)`` of words and of contexts, float32, from their sums of f."""
    root = np.sqrt(max(rows.sum(), np.finfo(np.float64).tiny))
    return (rows / root).astype(np.float32), (columns / root).astype(np.float32)


def added_up(parts: Iterable[Margins], num_words: int) -> Margins:
    """Add the sums of the words of a block over its cells, in the given order."""
    total = Margins(np.zeros(num_words), np.zeros(num_words))
    for part in parts:
        total = total.plus(part)
    return total


def _positive(sums: Float64) -> Float64:
    """Return the sums, with the smallest positive one instead of 0."""
    present = sums[sums > 0]
    return np.where(sums > 0, sums, present.min() if len(present) else 1.0)


def _words_of(batch: Batch, swapped: bool) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Return the local ids of the row words and column words of a visit."""
    found = []
    for ids in (batch.row_ids, batch.col_ids):
        if isinstance(batch, Tiles):
            side = batch.log_count.shape[1]
            ids = (ids[:, np.newaxis].astype(np.int64) * side + np.arange(side)).ravel()
        found.append(ids)
    rows, cols = found[::-1] if swapped else found
    return rows, cols


def _row_sums(batch: Batch, values: Float32, swapped: bool) -> Float64:
    """Return sums over the rows of a visit, float64, one per word of `_words_of`."""
    if isinstance(batch, Tiles):
        # an entry without a nonzero has count 0 and weight 0
        sums: Float64 = values.sum(axis=1 if swapped else 2, dtype=np.float64)
        return sums.ravel()
    if swapped:
        of_cols = np.bincount(batch.col_index, values, len(batch.col_ids))
        return of_cols.astype(np.float64, copy=False)
    # every row of a sparse batch has a nonzero
    return np.add.reduceat(values.astype(np.float64), batch.row_ptr[:-1])


def _at_places(batch: Batch, of_rows: Float32, of_cols: Float32) -> Float32:
    """Return, for every entry of the batch, the sum of the numbers of its row and column."""
    if isinstance(batch, Tiles):
        count, side, _ = batch.log_count.shape
        places: Float32 = of_rows.reshape(count, side, 1) + of_cols.reshape(count, 1, side)
        return places
    found: Float32 = np.repeat(of_rows, np.diff(batch.row_ptr)) + of_cols[batch.col_index]
    return found


def _kept(log_keep: Float32, ids: NDArray[np.integer]) -> Float32:
    """Return the numbers of words; the last tile may extend beyond the block."""
    return log_keep.take(ids, mode="clip")


def _add_to(sums: Float64, ids: NDArray[np.integer], values: Float64) -> None:
    """Add values at distinct ids; values beyond the block are 0."""
    inside = ids < len(sums)
    sums[ids[inside]] += values[inside]
