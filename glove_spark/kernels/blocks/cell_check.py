"""Check that the indices of a cell are valid, before compiled code uses them.

The update passes indices to compiled code that does not check bounds. A file with a valid checksum
may still have been made by another program.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.cells import LARGEST_TILE, BatchedCell, Lists


def cell_problem(cell: BatchedCell, num_rows: int, num_cols: int) -> str | None:
    """Check all indices of a cell.

    Parameters
    ----------
    num_rows, num_cols
        Words of the cell's two blocks.

    Returns
    -------
    str or None
        What is wrong, for a message after the name of the file; None if the cell is valid.
    """
    lists = (cell.row_ids, cell.col_ids, cell.row_ptr, cell.col_index, cell.log_count)
    if any(not _is_sound(part, cell.num_batches) for part in lists):
        return "has batches that overlap or lie outside"
    rows, cols, pointers, indices, values = (np.diff(part.offsets) for part in lists)
    side = cell.side.astype(np.int64)
    dense = side > 0
    if np.any((side < 0) | (side > LARGEST_TILE) | (side & (side - 1) != 0)):
        return "has tiles of a side that is no power of two"
    tiles = (rows == cols) & (pointers == 0) & (indices == 0) & (values == rows * side**2)
    sparse = (pointers == rows + 1) & (indices == values)
    if not np.all(np.where(dense, tiles, sparse)):
        return "has batches whose arrays do not fit each other"
    scale = np.maximum(side, 1)
    for ids, limit in ((cell.row_ids, num_rows), (cell.col_ids, num_cols)):
        least, most = _extremes(ids)
        if np.any(least < 0) or np.any(most * scale >= limit):
            return "names words that its block does not have"
    if np.any(_extremes(cell.col_index)[1] >= np.where(dense, 1, np.maximum(cols, 1))):
        return "has columns that its batch does not have"
    if not _pointers_are_sound(cell, indices, ~dense):
        return "has rows that overlap"
    return None


def _is_sound(part: Lists, batches: int) -> bool:
    offsets = part.offsets
    return bool(
        len(offsets) == batches + 1
        and offsets[0] >= 0
        and offsets[-1] <= len(part.values)
        and np.all(np.diff(offsets) >= 0)
    )


def _extremes(part: Lists) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the least and the largest value of each list, 0 if it is empty."""
    filled = np.flatnonzero(np.diff(part.offsets))
    found = np.zeros((2, len(part.offsets) - 1), np.int64)
    if len(filled):
        # between the starts of two non-empty lists there is only the first of them
        values = part.values[: part.offsets[-1]]
        for row, reduce in zip(found, (np.minimum.reduceat, np.maximum.reduceat), strict=True):
            row[filled] = reduce(values, part.offsets[filled])
    return found[0], found[1]


def _pointers_are_sound(
    cell: BatchedCell, nonzeros: NDArray[np.int64], sparse: NDArray[np.bool_]
) -> bool:
    """Return whether every `row_ptr` increases from 0 to the number of nonzeros of its batch."""
    starts, ends = cell.row_ptr.offsets[:-1][sparse], cell.row_ptr.offsets[1:][sparse]
    if not len(starts):
        return True
    values = cell.row_ptr.values
    falls = np.flatnonzero(np.diff(values[: cell.row_ptr.offsets[-1]].astype(np.int64)) < 0) + 1
    return bool(
        np.all(values[starts] == 0)
        and np.all(values[ends - 1] == nonzeros[sparse])
        # at the start of a batch it is 0 again
        and np.all(np.isin(falls, starts))
    )
