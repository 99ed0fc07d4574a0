"""Cut a cell into leaves: squares in which few nonzeros compete for the same parameters.

Inside a batch all parameters are frozen, so a nonzero (i, j) is fitted in ignorance of what the
other nonzeros of row i and of column j do at the same time. Where both have many, both sides
correct the same residuals and overshoot; where either has few, as in a star of one frequent word
and many rare ones, the frequent side's own damping sees to it. So the *staleness* of a nonzero is
``min(n_i, n_j)``, with n_i the nonzeros of its row in the leaf and n_j those of its column, and a
leaf is a largest square, of the quadtree over (row, column), whose mean staleness is bounded. The
bound means the same in a dense corner and in the sparse tail, and for any number of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.ordering import stable_order

Int64 = NDArray[np.int64]

LARGEST_LEVEL = 11
"""Sides end at ``2**11``: a bound on n_i that does not depend on the number of blocks."""

PIECE_NNZ = 1 << 18
"""Nonzeros worked on at a time, some 10 MB with what is derived from them."""

SIDES_PER_STALENESS = 8
"""A cell of n words a side bounds staleness by n / 8 too: tiny vocabularies need steps as well."""


@dataclass(frozen=True)
class Leaves:
    """The L leaves of one cell and the leaf of each of its nonzeros.

    `leaf_of` is (nnz,); `level`, `row`, `col` and `nnz` are (L,). A leaf of level l is the square
    of side ``2**l`` whose first row is ``row << l`` and whose first column ``col << l``.
    """

    leaf_of: Int64
    level: Int64
    row: Int64
    col: Int64
    nnz: Int64


def cut_leaves(rows: Int64, cols: Int64, max_staleness: float) -> Leaves:
    """Cut the nonzeros of a cell into leaves.

    Works down the quadtree: squares that keep the bound become leaves, the nonzeros of the others
    go on to the quarters. A square of one row and one column is always a leaf.

    Parameters
    ----------
    rows, cols
        (nnz,), local ids of at least one nonzero; no pair twice.
    max_staleness
        Bound of the mean over a leaf's nonzeros of ``min(n_i, n_j)``.
    """
    size = int(max(rows.max(), cols.max())) + 1
    bound = min(max_staleness, size / SIDES_PER_STALENESS)
    level = min(LARGEST_LEVEL, (size - 1).bit_length())
    per_side = ((size - 1) >> level) + 1
    root = (rows >> level) * per_side + (cols >> level)
    order = stable_order(root, (per_side * per_side).bit_length())
    stops = np.cumsum(np.bincount(root, minlength=per_side * per_side))
    leaf_of = np.empty(len(rows), dtype=np.int64)
    pieces: list[Leaves] = []
    num_leaves = first = 0
    while first < len(stops):
        # Roots enough to be worth the calls, few enough for their nonzeros to stay in cache.
        start = int(stops[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(stops, start + PIECE_NNZ, side="right")))
        inside = order[start : int(stops[last - 1])]
        if len(inside):
            corners = np.divmod(np.arange(first, last), per_side)
            piece = _cut_roots(
                rows[inside], cols[inside], root[inside] - first, corners, level, bound
            )
            leaf_of[inside] = piece.leaf_of + num_leaves
            num_leaves += len(piece.nnz)
            pieces.append(piece)
        first = last
    return Leaves(
        leaf_of,
        np.concatenate([piece.level for piece in pieces]),
        np.concatenate([piece.row for piece in pieces]),
        np.concatenate([piece.col for piece in pieces]),
        np.concatenate([piece.nnz for piece in pieces]),
    )


def _cut_roots(
    rows: Int64, cols: Int64, node: Int64, corners: tuple[Int64, Int64], level: int, bound: float
) -> Leaves:
    """Cut the nonzeros of a few squares of one level, `node` saying which, into leaves."""
    node_row, node_col = corners
    active = np.arange(len(rows))
    leaf_of = np.empty(len(rows), dtype=np.int64)
    found: list[tuple[Int64, Int64, Int64, Int64]] = []
    num_leaves = 0
    while True:
        count = np.bincount(node, minlength=len(node_row))
        if level == 0:
            accepted = np.ones(len(count), dtype=np.bool_)
        else:
            accepted = _staleness(node, rows, cols, level, count, bound) <= bound
        chosen = np.flatnonzero(accepted & (count > 0))
        levels = np.full_like(chosen, level)
        found.append((levels, node_row[chosen], node_col[chosen], count[chosen]))
        number = np.empty(len(count), dtype=np.int64)
        number[chosen] = np.arange(num_leaves, num_leaves + len(chosen))
        num_leaves += len(chosen)
        done = accepted[node]
        leaf_of[active[done]] = number[node[done]]
        if done.all():
            break
        np.logical_not(done, out=done)
        active, rows, cols, node = active[done], rows[done], cols[done], node[done]
        level -= 1
        split = np.flatnonzero(~accepted)
        number[split] = 4 * np.arange(len(split))
        node = number[node] + 2 * ((rows >> level) & 1) + ((cols >> level) & 1)
        quarter = np.arange(4)
        node_row = (2 * node_row[split, np.newaxis] + (quarter >> 1)).ravel()
        node_col = (2 * node_col[split, np.newaxis] + (quarter & 1)).ravel()
    return Leaves(leaf_of, *(np.concatenate(part) for part in zip(*found, strict=True)))


def _staleness(
    node: Int64, rows: Int64, cols: Int64, level: int, count: Int64, bound: float
) -> NDArray[np.float64]:
    """Return each node's mean staleness, or infinity where it is above the bound for certain.

    At most ``2 s a`` of a node's k nonzeros can have a staleness below a, so the mean is at least
    ``a (k - 2 s a) / k``, which is ``k / 8s`` for the best a. That settles the large squares.
    """
    side = 1 << level
    certain = count > 8 * bound * side
    if certain.any():
        open_nodes = np.flatnonzero(~certain)
        number = np.full(len(count), -1)
        number[open_nodes] = np.arange(len(open_nodes))
        node = number[node]
        kept = np.flatnonzero(node >= 0)
        node, rows, cols = node[kept], rows[kept], cols[kept]
    else:
        open_nodes = np.arange(len(count))
    result = np.full(len(count), np.inf)
    if not len(node):
        result[open_nodes] = 0.0
        return result
    # A slot a row of a node: nodes are few where they are large, so the slots stay near nnz.
    slot = node * side
    row_slot = slot + (rows & (side - 1))
    slot += cols & (side - 1)
    stale = np.bincount(row_slot).astype(np.float64)[row_slot]
    np.minimum(stale, np.bincount(slot).astype(np.float64)[slot], out=stale)
    total = np.bincount(node, weights=stale, minlength=len(open_nodes))
    result[open_nodes] = total / np.maximum(count[open_nodes], 1)
    return result
