"""Divide a cell into leaves: squares in which few nonzeros compete for the same parameters.

All nonzeros of a batch use the parameters from before the batch, so a nonzero (i, j) ignores what
the other nonzeros of row i and column j do at the same time. If both have many, both sides correct
the same residuals and overshoot. If one of them has few, as in a star of one frequent word and many
rare ones, the damping of the frequent side is enough. So the *staleness* of a nonzero is ``min(n_i,
n_j)``, where n_i are the nonzeros of its row in the leaf and n_j those of its column. A leaf is a
largest square, of the quadtree over (row, column), whose mean staleness is bounded. The bound has
the same meaning in dense and sparse parts, and for any number of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]

LARGEST_LEVEL = 11
"""The largest side is ``2**11``: a bound on n_i that does not depend on the number of blocks."""

SIDES_PER_STALENESS = 8
"""In a cell of n words per side, n / 8 also bounds staleness, so that tiny vocabularies take many
steps."""


class Roots(NamedTuple):
    """The nonzeros of a cell, grouped by squares of the top level.

    Attributes
    ----------
    level
        The level of the squares: their side is ``2**level``.
    per_side
        Squares per side of the cell; square (i, j) has the number ``i * per_side + j``.
    ptr
        int64 (per_side**2 + 1,): the start of the nonzeros of each square.
    place
        int32 (nnz,): the row in the square times its side, plus the column.
    values
        (nnz,), another value of each nonzero.
    """

    level: int
    per_side: int
    ptr: Int64
    place: Int32
    values: NDArray[Any]

    @property
    def size(self) -> int:
        """Return the side of the cell, rounded up to whole squares."""
        return self.per_side << self.level


@dataclass(frozen=True)
class Leaves:
    """The L leaves of one cell and the leaf of each of its nonzeros.

    `leaf_of` is int32 (nnz,); `level`, `row`, `col` and `nnz` are int64 (L,). A leaf of level l is
    the square of side ``2**l`` whose first row is ``row << l`` and whose first column ``col << l``.
    """

    leaf_of: Int32
    level: Int64
    row: Int64
    col: Int64
    nnz: Int64


def group_by_root(
    rows: NDArray[np.integer[Any]], cols: NDArray[np.integer[Any]], values: NDArray[Any]
) -> Roots:
    """Group the nonzeros of a cell, of at least one, by squares of the top level.

    Parameters
    ----------
    rows, cols
        (nnz,), local ids.
    values
        (nnz,), values that are grouped with them.
    """
    size = int(max(rows.max(), cols.max())) + 1
    level = min(LARGEST_LEVEL, (size - 1).bit_length())
    per_side = ((size - 1) >> level) + 1
    inside = (1 << level) - 1
    number = ((rows >> level) * per_side + (cols >> level)).astype(np.int32)
    place = (((rows & inside) << level) | (cols & inside)).astype(np.int32)
    entries = coo_array(
        (values, (number, place)), shape=(per_side * per_side, 1 << (2 * level)), copy=False
    )
    # no pair occurs twice, so tocsr does not need to merge any: it only counts
    entries.has_canonical_format = True
    grouped = entries.tocsr()
    return Roots(
        level,
        per_side,
        grouped.indptr.astype(np.int64),
        grouped.indices.astype(np.int32, copy=False),
        grouped.data,
    )


def cut_leaves(roots: Roots, size: int, max_staleness: float) -> Leaves:
    """Divide the nonzeros of a cell into leaves.

    Parameters
    ----------
    roots
        The nonzeros, without repeated pairs.
    size
        The largest row or column of a nonzero, plus 1.
    max_staleness
        The bound on the mean of ``min(n_i, n_j)`` over the nonzeros of a leaf.
    """
    bound = min(max_staleness, size / SIDES_PER_STALENESS)
    leaf_of = np.empty(len(roots.place), dtype=np.int32)
    found: list[tuple[Int64, Int64, Int64, Int64]] = []
    num_leaves = 0
    for number in np.flatnonzero(np.diff(roots.ptr)).tolist():
        inside = slice(int(roots.ptr[number]), int(roots.ptr[number + 1]))
        corner = divmod(number, roots.per_side)
        own, *leaves = _cut_root(roots.place[inside], roots.level, bound, corner)
        own += np.int32(num_leaves)
        leaf_of[inside] = own
        num_leaves += len(leaves[0])
        found.append((leaves[0], leaves[1], leaves[2], leaves[3]))
    return Leaves(leaf_of, *(np.concatenate(part) for part in zip(*found, strict=True)))


def _cut_root(
    place: Int32, top: int, bound: float, corner: tuple[int, int]
) -> tuple[Int32, Int64, Int64, Int64, Int64]:
    """Divide one root; return the leaf of each nonzero, and level, row, column, nnz of leaves."""
    side = 1 << top
    rows, cols = place >> top, place & (side - 1)
    if len(place) <= _most(bound, side) and (
        int(np.minimum(np.bincount(rows)[rows], np.bincount(cols)[cols]).sum())
        <= bound * len(place)
    ):
        one = (np.array([value], dtype=np.int64) for value in (top, *corner, len(place)))
        level, row, col, nnz = one
        return np.zeros(len(place), dtype=np.int32), level, row, col, nnz
    # no n_i in a square exceeds its side, so squares of this level always satisfy the bound
    floor = max(0, int(bound).bit_length() - 1)
    squares = side >> floor
    levels = _levels(rows, cols, top, floor, bound)
    # for every finest square, the first finest square of its leaf
    shift = levels.astype(np.int64) - floor
    first_row, first_col = ((axis >> shift) << shift for axis in np.ogrid[:squares, :squares])
    first = (first_row * squares + first_col).ravel()
    node = first[(rows >> floor) * squares + (cols >> floor)]
    nnz = np.bincount(node, minlength=squares * squares)
    chosen = np.flatnonzero(nnz)
    number = np.empty(squares * squares, dtype=np.int32)
    number[chosen] = np.arange(len(chosen), dtype=np.int32)
    level = levels.ravel()[chosen].astype(np.int64)
    row, col = np.divmod(chosen, squares)
    row, col = ((c << top) + (f << floor) for c, f in zip(corner, (row, col), strict=True))
    return number[node], level, row >> level, col >> level, nnz[chosen]


def _levels(rows: Int32, cols: Int32, top: int, floor: int, bound: float) -> NDArray[np.int8]:
    """Return the level of the leaf of each square of level `floor`, a square array.

    It goes down the quadtree from below `top`. The numbers of nonzeros of rows and columns in the
    squares of a level are sums of those of the level below.
    """
    squares = 1 << (top - floor)
    in_rows = [np.bincount(rows * squares + (cols >> floor), minlength=squares << top)]
    in_cols = [np.bincount(cols * squares + (rows >> floor), minlength=squares << top)]
    counts = [in_rows[0].reshape(squares, -1, squares).sum(axis=1)]
    for _ in range(floor + 1, top):
        in_rows.append(in_rows[-1][::2] + in_rows[-1][1::2])
        in_cols.append(in_cols[-1][::2] + in_cols[-1][1::2])
        half = len(counts[-1]) // 2
        counts.append(counts[-1].reshape(half, 2, half, 2).sum(axis=(1, 3)))
    levels = np.full((squares, squares), floor, dtype=np.int8)
    undecided = np.ones((2, 2), dtype=np.bool_)
    for level in range(top - 1, floor, -1):
        per_side = 1 << (top - level)
        count = counts[level - floor]
        tested = undecided & (count <= _most(bound, 1 << level))
        if not (tested & (count > 0)).any():
            undecided = undecided.repeat(2, axis=0).repeat(2, axis=1)
            continue
        row_square, col_square = rows >> level, cols >> level
        node = row_square * per_side + col_square
        inside = np.flatnonzero(tested.ravel()[node])
        stale = np.minimum(
            in_rows[level - floor][(rows * per_side + col_square)[inside]],
            in_cols[level - floor][(cols * per_side + row_square)[inside]],
        )
        total = np.bincount(node[inside], weights=stale, minlength=per_side * per_side)
        accepted = tested & (total.reshape(per_side, per_side) <= bound * count)
        finest = 1 << (level - floor)
        view = levels.reshape(per_side, finest, per_side, finest)
        np.copyto(view, level, where=accepted[:, np.newaxis, :, np.newaxis])
        undecided &= ~accepted
        open_still = undecided.ravel()[node]
        rows, cols = rows[open_still], cols[open_still]
        undecided = undecided.repeat(2, axis=0).repeat(2, axis=1)
    return levels


def _most(bound: float, side: int) -> float:
    """Return the largest number of nonzeros of a square within the bound.

    ``min(a, b) >= 1 / (1/a + 1/b)``, and the mean of 1/n_i over k nonzeros is the number of rows
    with nonzeros divided by k. So, by Jensen's inequality, their mean staleness is at least k / 2s.
    """
    return 2 * bound * side
