"""Cut a cell into leaves: squares in which few nonzeros compete for the same parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LEVEL = 15
"""Largest leaf side is 2**15, so that a leaf's columns can be numbered in 16 bits."""


@dataclass(frozen=True)
class Leaves:
    """The leaves of one cell's quadtree, L of them, and the leaf of each nonzero.

    A leaf of level l is the square of side ``2**l`` with corner ``(row << l, col << l)``.
    """

    leaf_of: NDArray[np.int32]
    level: NDArray[np.int64]
    row: NDArray[np.int64]
    col: NDArray[np.int64]
    nnz: NDArray[np.int64]


def cut_leaves(
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    max_staleness: float,
    rule: str = "min",
    weights: NDArray[np.float64] | None = None,
    rect: int = 0,
) -> Leaves:
    nnz = len(rows)
    size = int(max(rows.max(), cols.max())) + 1
    top = min(MAX_LEVEL, (size - 1).bit_length())
    per_side = ((size - 1) >> top) + 1
    leaf_of = np.empty(nnz, dtype=np.int32)
    levels, leaf_rows, leaf_cols, sizes = [], [], [], []
    num_leaves = 0
    active = np.arange(nnz)
    node = (rows >> top) * per_side + (cols >> top)
    node_row, node_col = np.divmod(np.arange(per_side * per_side), per_side)
    w = weights
    for level in range(top, -1, -1):
        count = np.bincount(node, minlength=len(node_row))
        side = 1 << level
        if level == 0:
            cost = np.zeros(len(count))
        elif rule == "area":
            cost = count / side
        else:
            row_slot = node * side + (rows & (side - 1))
            col_slot = node * side + (cols & (side - 1))
            per_row = np.bincount(row_slot, weights=w)
            per_col = np.bincount(col_slot, weights=w)
            if rule == "max":
                a = np.bincount(node, weights=per_row[row_slot], minlength=len(count))
                b = np.bincount(node, weights=per_col[col_slot], minlength=len(count))
                cost = np.maximum(a, b) / np.maximum(count, 1)
            else:
                pr = per_row[row_slot]
                pc = per_col[col_slot]
                if rule == "min":
                    s = np.minimum(pr, pc)
                elif rule == "geo":
                    s = np.sqrt(pr * pc)
                elif rule == "har":
                    s = 2 * pr * pc / (pr + pc)
                elif rule == "sqmean":
                    s = (np.sqrt(pr)+np.sqrt(pc))**2/4
                elif rule.startswith("mix"):
                    k = float(rule[3:])
                    s = np.minimum(pr, pc) + k * np.maximum(pr, pc)
                else:
                    raise ValueError(rule)
                cost = np.bincount(node, weights=s, minlength=len(count)) / np.maximum(count, 1)
        accepted = cost <= max_staleness
        number = np.cumsum(accepted & (count > 0)) - 1 + num_leaves
        done = accepted[node]
        leaf_of[active[done]] = number[node[done]]
        chosen = np.flatnonzero(accepted & (count > 0))
        levels.append(np.full(len(chosen), level))
        leaf_rows.append(node_row[chosen])
        leaf_cols.append(node_col[chosen])
        sizes.append(count[chosen])
        num_leaves += len(chosen)
        left = ~done
        if not left.any():
            break
        active, rows, cols, node = active[left], rows[left], cols[left], node[left]
        if w is not None:
            w = w[left]
        parents = np.flatnonzero(~accepted)
        renumber = np.cumsum(~accepted) - 1
        half = level - 1
        node = renumber[node] * 4 + ((rows >> half) & 1) * 2 + ((cols >> half) & 1)
        quadrant = np.arange(4)
        node_row = (node_row[parents][:, None] * 2 + (quadrant >> 1)).ravel()
        node_col = (node_col[parents][:, None] * 2 + (quadrant & 1)).ravel()
    return Leaves(
        leaf_of,
        np.concatenate(levels),
        np.concatenate(leaf_rows),
        np.concatenate(leaf_cols),
        np.concatenate(sizes),
    )


def pack_leaves(leaves: Leaves, batch_nnz: int) -> NDArray[np.int64]:
    """Pack leaves that share no row and no column into batches; return each leaf's batch, (L,).

    Leaves of level l with one value of ``row XOR col`` are disjoint, and so are leaves of two
    levels when the value of the larger is a prefix of the smaller's. The values are therefore nodes
    of a binary tree, and the nodes of any path from the root may share a batch.
    """
    top = max(
        int(leaves.level.max()),
        int(((np.maximum(leaves.row, leaves.col) + 1) << leaves.level).max() - 1).bit_length(),
    )
    heap = (1 << (top - leaves.level)) + (leaves.row ^ leaves.col)
    weight = np.bincount(heap, weights=leaves.nnz, minlength=2 << top)
    # The batch that each tree node hands to its parent to be filled up, and its load.
    load = np.full(2 << top, np.inf)
    open_batch = np.arange(2 << top)
    batch_of_node = np.arange(2 << top)
    for depth in range(top, -1, -1):
        node = np.arange(1 << depth, 2 << depth)
        if depth < top:
            child = 2 * node + (load[2 * node + 1] < load[2 * node])
            child_load, child_batch = load[child], open_batch[child]
        else:
            child_load, child_batch = np.full(len(node), np.inf), node
        own = weight[node]
        joins = (own > 0) & (own + child_load <= batch_nnz)
        batch_of_node[node[joins]] = child_batch[joins]
        alone = (own > 0) & ~joins & (own < child_load)
        load[node] = np.where(joins, own + child_load, np.where(alone, own, child_load))
        open_batch[node] = np.where(alone, node, child_batch)
    # A node heavier than a batch is split between its leaves.
    order = np.lexsort((leaves.row, heap))
    before = np.cumsum(leaves.nnz[order]) - leaves.nnz[order]
    starts = np.flatnonzero(np.r_[True, np.diff(heap[order]) != 0])
    within = before - np.repeat(before[starts], np.diff(np.r_[starts, len(order)]))
    part = np.empty(len(heap), dtype=np.int64)
    part[order] = np.where(weight[heap[order]] > batch_nnz, within // batch_nnz, 0)
    key = batch_of_node[heap] * (part.max() + 1) + part
    batch: NDArray[np.int64] = np.unique(key, return_inverse=True)[1]
    return batch
