"""Divide the nonzeros of one cell into batches, once, before training.

The nonzeros are grouped by large squares, the squares are divided into leaves, and the leaves are
packed into batches. Then every nonzero is written to its position. Nothing is sorted: positions are
found by counting, so the result does not depend on the order of the nonzeros.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from glove_spark.kernels.blocks.cells import ABSENT, LARGEST_TILE, BatchedCell, Lists
from glove_spark.kernels.blocks.leaves import Leaves, Roots, cut_leaves, group_by_root
from glove_spark.kernels.blocks.packing import pack_leaves

Bool = NDArray[np.bool_]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

DEFAULT_MAX_STALENESS = 16.0
DEFAULT_BATCH_NNZ = 20_000

LARGEST_BATCH_NNZ = 1 << 15
"""Together with the columns of a largest leaf, the columns of a batch still fit 16 bits."""

BATCH_PLACES = 1 << 17
"""Entries in a batch of tiles: a few arrays of so many float32 stay in the cache."""

SMALLEST_TILE = 8
"""The smallest side of a tile; products of smaller ones would be mostly overhead."""

TILE_DENSITY = 1 / 10
"""The density from which a leaf is a tile. An entry of a tile takes a tenth of the time of a sparse
nonzero, and 4 bytes on disk instead of about 7."""

PIECE_NNZ = 1 << 18
"""Nonzeros placed at a time, so that derived arrays stay in the cache."""


def batch_cell(
    rows: NDArray[np.integer[Any]],
    cols: NDArray[np.integer[Any]],
    log_counts: Float32,
    *,
    triangle: bool = False,
    max_staleness: float = DEFAULT_MAX_STALENESS,
    batch_nnz: int = DEFAULT_BATCH_NNZ,
) -> BatchedCell:
    """Divide the nonzeros of one cell into batches.

    Parameters
    ----------
    rows, cols
        (nnz,), local ids without repeated pairs, in any order.
    log_counts
        float32 (nnz,), ln X_ij.
    triangle
        The cell is on the diagonal of a symmetric matrix, and one of each two nonzeros (i, j) and
        (j, i) is given. Then batches are mirrored, except those of diagonal nonzeros.
    max_staleness
        The bound on the mean ``min(n_i, n_j)`` of a leaf, see `leaves`. Larger values are faster,
        smaller ones are closer to training one nonzero at a time.
    batch_nnz
        The largest number of nonzeros of a batch; only a single large leaf exceeds it by much.

    Raises
    ------
    ValueError
        If `max_staleness` is below 1 or `batch_nnz` outside 1..32,768.
    """
    if not max_staleness >= 1:
        raise ValueError(
            f"max_staleness={max_staleness} must be at least 1; use 1 to train nonzero by nonzero"
        )
    if not 1 <= batch_nnz <= LARGEST_BATCH_NNZ:
        raise ValueError(
            f"batch_nnz={batch_nnz} must be in 1..{LARGEST_BATCH_NNZ}; columns have 16-bit numbers"
        )
    if not triangle:
        return _batched(rows, cols, log_counts, max_staleness, batch_nnz)
    diagonal = rows == cols
    mirrored = _batched(
        rows[~diagonal], cols[~diagonal], log_counts[~diagonal], max_staleness, batch_nnz
    )
    once = _batched(rows[diagonal], cols[diagonal], log_counts[diagonal], max_staleness, batch_nnz)
    return mirrored.as_mirrored().followed_by(once)


class _Cut(NamedTuple):
    """The nonzeros of a cell, their leaves, and the batch of each leaf.

    Attributes
    ----------
    row, col
        int64 (L,): the first row and column of each leaf, relative to its root.
    dense
        bool (L,): whether the leaf is a tile.
    batch
        int64 (L,): the batch of each leaf.
    """

    roots: Roots
    leaves: Leaves
    row: Int64
    col: Int64
    dense: Bool
    batch: Int64


def _batched(
    rows: NDArray[np.integer[Any]],
    cols: NDArray[np.integer[Any]],
    log_counts: Float32,
    max_staleness: float,
    batch_nnz: int,
) -> BatchedCell:
    if len(rows) == 0:
        return BatchedCell.empty()
    size = int(max(rows.max(), cols.max())) + 1
    roots = group_by_root(rows, cols, log_counts)
    leaves = cut_leaves(roots, size, max_staleness)
    side, places = 1 << leaves.level, 1 << 2 * leaves.level
    dense = (leaves.nnz >= TILE_DENSITY * places) & (side >= SMALLEST_TILE)
    dense &= side <= LARGEST_TILE
    load = np.maximum(leaves.nnz / batch_nnz, np.where(dense, places / BATCH_PLACES, 0))
    batch = pack_leaves(leaves, dense, load)
    inside = (1 << roots.level) - 1
    row, col = ((line << leaves.level) & inside for line in (leaves.row, leaves.col))
    return _packed(_Cut(roots, leaves, row, col, dense, batch))


def _packed(cut: _Cut) -> BatchedCell:
    leaves, dense, batch = cut.leaves, cut.dense, cut.batch
    num_batches = int(batch.max()) + 1
    length = np.where(dense, 1 << 2 * leaves.level, leaves.nnz)
    log_count = Lists.of_lengths(_sums(length, batch, num_batches), np.float32)
    log_count.values.fill(ABSENT)
    rest = _place_tiles(cut, length, log_count.values)
    rows, cols, ordered = _order_sparse(cut, rest)

    sparse = np.ones(num_batches, dtype=np.bool_)
    sparse[batch[dense]] = False
    num_rows = np.bincount(rows.batch, minlength=num_batches)
    num_cols = np.bincount(cols.batch, minlength=num_batches)
    first_col = np.cumsum(num_cols) - num_cols
    nnz = _sums(leaves.nnz, batch, num_batches)
    sparse_nnz = np.where(sparse, nnz, 0)
    first_nnz = np.cumsum(sparse_nnz) - sparse_nnz
    batch_of_nnz = np.repeat(np.arange(num_batches), sparse_nnz)

    at = (log_count.offsets[:-1] - first_nnz)[batch_of_nnz]
    at += np.arange(len(at))
    log_count.values[at] = ordered.data
    col_index = Lists.of_lengths(sparse_nnz, np.uint16)
    np.subtract(ordered.indices, first_col[batch_of_nnz], out=col_index.values, casting="unsafe")
    row_ptr = Lists.of_lengths(np.where(sparse, num_rows + 1, 0), np.int32)
    ends = row_ptr.offsets[1:][sparse] - 1
    begins = np.delete(np.arange(len(row_ptr.values)), ends)
    row_ptr.values[begins] = ordered.indptr[:-1] - first_nnz[rows.batch]
    row_ptr.values[ends] = sparse_nnz[sparse]

    side = np.zeros(num_batches, dtype=np.int32)
    side[batch[dense]] = 1 << leaves.level[dense]
    tiles = np.flatnonzero(dense)
    tiles = tiles[np.lexsort((leaves.row[tiles], batch[tiles]))]
    return BatchedCell(
        side=side,
        nnz=nnz.astype(np.int32),
        mirrored=np.zeros(num_batches, dtype=np.bool_),
        row_ids=_ids(leaves.row[tiles], batch[tiles], rows, num_batches),
        col_ids=_ids(leaves.col[tiles], batch[tiles], cols, num_batches),
        row_ptr=row_ptr,
        col_index=col_index,
        log_count=log_count,
    )


def _place_tiles(cut: _Cut, length: Int64, log_count: Float32) -> Int64:
    """Write the nonzeros of dense leaves to their positions; return the numbers of the others.

    Nonzero (r, c) of a root goes to ``start + (r - first row) * side + c - first column``.
    """
    roots, leaves = cut.roots, cut.leaves
    order = np.lexsort((leaves.row, cut.batch))
    start = np.empty(len(order), dtype=np.int64)
    start[order] = np.cumsum(length[order]) - length[order]
    start -= (cut.row << leaves.level) + cut.col
    level = leaves.level.astype(np.int32)
    inside = (1 << roots.level) - 1
    rest = []
    for begin in range(0, len(roots.place), PIECE_NNZ):
        leaf = leaves.leaf_of[begin : begin + PIECE_NNZ]
        in_tile = cut.dense[leaf]
        rest.append(np.flatnonzero(~in_tile) + begin)
        chosen = np.flatnonzero(in_tile)
        leaf, chosen = leaf[chosen], chosen + begin
        place = roots.place[chosen]
        at = start[leaf]
        at += (place >> roots.level) << level[leaf]
        at += place & inside
        log_count[at] = roots.values[chosen]
    return np.concatenate(rest)


class _Lines(NamedTuple):
    """The rows, or the columns, of all sparse batches.

    Attributes
    ----------
    ids
        int64 (n,): local ids, ascending within a batch, batch after batch.
    batch
        int64 (n,): the batch of each line.
    number
        int32 (nnz,): the line of each nonzero.
    """

    ids: Int64
    batch: Int64
    number: Int32


def _order_sparse(cut: _Cut, rest: Int64) -> tuple[_Lines, _Lines, Any]:
    """Return rows, columns and matrix of the nonzeros outside tiles, sorted by both."""
    roots, leaves = cut.roots, cut.leaves
    place, leaf = roots.place[rest], leaves.leaf_of[rest]
    rows = _lines(cut, leaves.row, cut.row, leaf, place >> roots.level)
    cols = _lines(cut, leaves.col, cut.col, leaf, place & ((1 << roots.level) - 1))
    entries = coo_array(
        (roots.values[rest], (rows.number, cols.number)), shape=(len(rows.ids), len(cols.ids))
    )
    # no pair occurs twice, so neither conversion needs to merge any: both only count
    entries.has_canonical_format = True
    return rows, cols, entries.tocsc().tocsr()


def _lines(cut: _Cut, square: Int64, first: Int64, leaf: Int32, line: Int32) -> _Lines:
    """Enumerate the lines with nonzeros; `square` and `first` locate a leaf in cell and root."""
    level = cut.leaves.level
    leaves = np.flatnonzero(~cut.dense)
    leaves = leaves[np.lexsort((square[leaves] << level[leaves], cut.batch[leaves]))]
    # a slot for every line of every leaf, used or not
    width = 1 << level[leaves]
    starts = np.cumsum(width) - width
    start_of = np.zeros(len(level), dtype=np.int64)
    start_of[leaves] = starts
    slot = (start_of - first)[leaf] + line
    taken = np.zeros(int(width.sum()), dtype=np.bool_)
    taken[slot] = True
    number_of = np.cumsum(taken, dtype=np.int32)
    number_of -= 1
    slots = np.flatnonzero(taken)
    leaf_of = leaves[np.searchsorted(starts, slots, side="right") - 1]
    ids = (square[leaf_of] << level[leaf_of]) + slots - start_of[leaf_of]
    return _Lines(ids, cut.batch[leaf_of], number_of[slot])


def _ids(tile: Int64, batch_of_tile: Int64, lines: _Lines, num_batches: int) -> Lists:
    """Combine the ids of tiles and of sparse lines; a batch has one kind."""
    batch = np.concatenate([batch_of_tile, lines.batch])
    ids = np.concatenate([tile, lines.ids])[np.argsort(batch, kind="stable")]
    found = Lists.of_lengths(np.bincount(batch, minlength=num_batches), np.int32)
    found.values[...] = ids
    return found


def _sums(values: Int64, batch: Int64, num_batches: int) -> Int64:
    return np.bincount(batch, weights=values, minlength=num_batches).astype(np.int64)
