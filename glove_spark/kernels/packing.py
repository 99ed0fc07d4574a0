"""Pack leaves that share no row and no column into batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.leaves import Leaves


def pack_leaves(leaves: Leaves, batch_nnz: int) -> NDArray[np.int64]:
    """Return the batch of each leaf, int64 (L,), numbered from 0 without gaps.

    Leaves of one level with one value of ``row XOR col`` are disjoint. So are leaves of two levels
    where the larger's value is a prefix of the smaller's. The values thus are the nodes of a binary
    tree, and leaves on one path from its root may share a batch::

        level 1      0            leaves of side 2 on the diagonal of 2 x 2 squares
                    / \\
        level 0    0   1          side 1: on, and beside, the diagonal of those squares

    From the bottom up, every node tries to fill up the lightest batch begun below it.

    Parameters
    ----------
    leaves
        The leaves of one cell.
    batch_nnz
        Nonzeros a batch should hold at most; only a larger leaf makes a larger batch, or the last
        leaf of a node that has to be split.
    """
    far = np.maximum(leaves.row, leaves.col)
    top = int(((far + 1) << leaves.level).max() - 1).bit_length()
    # Numbered as a heap: the root is 1, the children of k are 2k and 2k + 1.
    node_of = (1 << (top - leaves.level)) + (leaves.row ^ leaves.col)
    num_nodes = 2 << top
    own_nnz = np.bincount(node_of, weights=leaves.nnz, minlength=num_nodes)
    batch_of_node = np.arange(num_nodes)
    # The lightest batch of the subtree of each node, and its load.
    lightest = np.arange(num_nodes)
    load = np.full(num_nodes, np.inf)
    for depth in range(top, -1, -1):
        node = np.arange(1 << depth, 2 << depth)
        own = own_nnz[node]
        if depth < top:
            child = 2 * node + (load[2 * node + 1] < load[2 * node])
            below, batch_below = load[child], lightest[child]
        else:
            below, batch_below = load[node], node
        joins = (own > 0) & (own + below <= batch_nnz)
        batch_of_node[node[joins]] = batch_below[joins]
        begins = (own > 0) & ~joins & (own < below)
        load[node] = np.where(joins, own + below, np.where(begins, own, below))
        lightest[node] = np.where(begins, node, batch_below)
    part = _parts(leaves, node_of, batch_nnz)
    key = batch_of_node[node_of] * (int(part.max()) + 1) + part
    batch: NDArray[np.int64] = np.unique(key, return_inverse=True)[1]
    return batch


def _parts(leaves: Leaves, node_of: NDArray[np.int64], batch_nnz: int) -> NDArray[np.int64]:
    """Number the parts into which nodes of more than `batch_nnz` nonzeros are split, (L,)."""
    order = np.lexsort((leaves.row, node_of))
    nodes, nnz = node_of[order], leaves.nnz[order]
    before = np.cumsum(nnz) - nnz
    first = np.searchsorted(nodes, nodes)
    before -= before[first]
    heavy = np.bincount(node_of, weights=leaves.nnz)[nodes] > batch_nnz
    part = np.empty(len(nodes), dtype=np.int64)
    part[order] = np.where(heavy, before // batch_nnz, 0)
    return part
