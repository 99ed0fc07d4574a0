"""Pack leaves that share no row and no column into batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.leaves import Leaves

Int64 = NDArray[np.int64]


def pack_leaves(leaves: Leaves, kind: NDArray[np.bool_], load: NDArray[np.float64]) -> Int64:
    """Return the batch of each leaf, int64 (L,), numbered from 0 without gaps.

    A batch has leaves of one level and kind. Leaves on one diagonal, ``(row + col) mod M``, share
    no row and no column if no row of squares spans more than M columns, and no column of squares
    more than M rows::

        leaves     diagonals, M = 4
        x x x x    0 1 2 3
        x x x      1 2 3
        x x        2 3
        x          3

    Words are ranked by frequency, so the leaves of a level form bands without large gaps. All
    leaves of one row need separate batches, so no other packing could have many fewer batches.

    Parameters
    ----------
    leaves
        The leaves of one cell.
    kind
        bool (L,); a batch has leaves of one kind.
    load
        float64 (L,), the share of a full batch that each leaf takes. A diagonal of more than one
        batch is divided evenly, and only a leaf larger than a batch makes a larger batch.
    """
    group = leaves.level * 2 + kind
    diagonal = np.empty(len(group), dtype=np.int64)
    for number in np.unique(group).tolist():
        inside = np.flatnonzero(group == number)
        row, col = leaves.row[inside], leaves.col[inside]
        diagonal[inside] = (row + col) % max(_widest(row, col), _widest(col, row))
    order = np.lexsort((leaves.row, diagonal, group))
    begins = _changes(group[order]) | _changes(diagonal[order])
    begins |= _changes(_parts(load[order], np.flatnonzero(begins)))
    batch = np.empty(len(order), dtype=np.int64)
    batch[order] = np.cumsum(begins) - 1
    return batch


def _widest(line: Int64, across: Int64) -> int:
    """Return the largest extent of `across` among the leaves of one `line`."""
    low = np.full(int(line.max()) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), -1)
    np.minimum.at(low, line, across)
    np.maximum.at(high, line, across)
    return int((high - low)[high >= 0].max()) + 1


def _parts(load: NDArray[np.float64], starts: Int64) -> Int64:
    """Enumerate the parts, of at most about 1, of the runs of leaves from `starts`."""
    lengths = np.diff(starts, append=len(load))
    before = np.cumsum(load) - load
    before -= np.repeat(before[starts], lengths)
    total = np.repeat(np.add.reduceat(load, starts), lengths)
    # the middle of a leaf decides, so that rounding at an edge has no effect
    part: Int64 = np.floor((before + load / 2) / total * np.ceil(total)).astype(np.int64)
    return part


def _changes(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the starts of runs of equal values."""
    result = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=result[1:])
    return result
