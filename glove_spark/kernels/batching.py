"""Cut the nonzeros of one cell into batches, once, before training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.leaves import cut_leaves, pack_leaves


class Batch(NamedTuple):
    """One batch as a CSR matrix over its own rows and columns: views into a BatchedCell."""

    row_ids: NDArray[np.int32]
    col_ids: NDArray[np.int32]
    row_ptr: NDArray[np.int32]
    col_index: NDArray[np.uint16]
    log_count: NDArray[np.float32]


@dataclass(frozen=True)
class BatchedCell:
    """The nonzeros of one cell in batches, packed in flat arrays; batch k is a slice of each.

    Parameters
    ----------
    row_ids, row_offsets
        int32 local rows of each batch, ascending inside it; batch k has
        ``row_ids[row_offsets[k]:row_offsets[k + 1]]``. Offsets are int64 (batches + 1,).
    col_ids, col_offsets
        The same for columns, at most 65,536 a batch.
    row_ptr
        int32; CSR row pointers from 0, one more than rows in each batch, so batch k has
        ``row_ptr[row_offsets[k] + k : row_offsets[k + 1] + k + 1]``.
    col_index, nnz_offsets
        uint16 (nnz,); position of each nonzero's column in the batch's own `col_ids`.
    log_count
        float32 (nnz,); natural logarithm of the count, in the order of `col_index`.
    """

    row_ids: NDArray[np.int32]
    row_offsets: NDArray[np.int64]
    col_ids: NDArray[np.int32]
    col_offsets: NDArray[np.int64]
    row_ptr: NDArray[np.int32]
    col_index: NDArray[np.uint16]
    log_count: NDArray[np.float32]
    nnz_offsets: NDArray[np.int64]

    @property
    def num_batches(self) -> int:
        """Number of batches, 0 for an empty cell."""
        return len(self.nnz_offsets) - 1

    @property
    def nnz(self) -> int:
        """Number of nonzeros."""
        return len(self.log_count)

    def batch(self, k: int) -> Batch:
        """Return batch k as views."""
        r0, r1 = int(self.row_offsets[k]), int(self.row_offsets[k + 1])
        c0, c1 = int(self.col_offsets[k]), int(self.col_offsets[k + 1])
        n0, n1 = int(self.nnz_offsets[k]), int(self.nnz_offsets[k + 1])
        return Batch(
            self.row_ids[r0:r1],
            self.col_ids[c0:c1],
            self.row_ptr[r0 + k : r1 + k + 1],
            self.col_index[n0:n1],
            self.log_count[n0:n1],
        )

    def batches(self) -> Iterator[Batch]:
        """Yield all batches in stored order."""
        for k in range(self.num_batches):
            yield self.batch(k)


def batch_cell(
    rows: NDArray[np.integer],
    cols: NDArray[np.integer],
    counts: NDArray[np.float64],
    *,
    max_staleness: float = 16.0,
    batch_nnz: int = 20_000,
    rule: str = "min",
    weights: NDArray[np.float64] | None = None,
) -> BatchedCell:
    nnz = len(rows)
    if nnz == 0:
        return _empty_cell()
    rows = np.asarray(rows, dtype=np.int64)
    cols = np.asarray(cols, dtype=np.int64)
    col_bits = int(cols.max()).bit_length()
    place = (rows << col_bits) | cols
    if np.any(place[1:] < place[:-1]):
        order = _stable_order(place, int(rows.max()).bit_length() + col_bits)
        rows, cols, counts = rows[order], cols[order], counts[order]
        if weights is not None:
            weights = weights[order]
    leaves = cut_leaves(rows, cols, max_staleness, rule, weights)
    batch_of_leaf = pack_leaves(leaves, batch_nnz)
    num_batches = int(batch_of_leaf.max()) + 1
    batch = batch_of_leaf[leaves.leaf_of]
    batch_bits = num_batches.bit_length()
    order = _stable_order(batch, batch_bits)
    batch, rows, cols = batch[order], rows[order], cols[order]
    log_count = np.log(counts[order]).astype(np.float32)
    nnz_offsets = np.zeros(num_batches + 1, dtype=np.int64)
    np.cumsum(np.bincount(batch, minlength=num_batches), out=nnz_offsets[1:])

    row_start = np.flatnonzero(_changes(batch) | _changes(rows))
    row_offsets = np.searchsorted(row_start, nnz_offsets)
    rows_in = np.diff(row_offsets)
    row_ptr = np.empty(len(row_start) + num_batches, dtype=np.int32)
    batch_of_row = np.repeat(np.arange(num_batches), rows_in)
    row_ptr[np.arange(len(row_start)) + batch_of_row] = row_start - nnz_offsets[batch_of_row]
    row_ptr[row_offsets[1:] + np.arange(num_batches)] = np.diff(nnz_offsets)

    by_col = _stable_order((batch << col_bits) | cols, batch_bits + col_bits)
    sorted_cols = cols[by_col]
    starts = _changes(batch) | _changes(sorted_cols)
    col_start = np.flatnonzero(starts)
    col_offsets = np.searchsorted(col_start, nnz_offsets)
    rank = np.cumsum(starts) - 1
    rank -= np.repeat(col_offsets[:-1], np.diff(nnz_offsets))
    col_index = np.empty(nnz, dtype=np.uint16)
    col_index[by_col] = rank
    return BatchedCell(
        row_ids=rows[row_start].astype(np.int32),
        row_offsets=row_offsets.astype(np.int64),
        col_ids=sorted_cols[col_start].astype(np.int32),
        col_offsets=col_offsets.astype(np.int64),
        row_ptr=row_ptr,
        col_index=col_index,
        log_count=log_count,
        nnz_offsets=nnz_offsets,
    )


def _changes(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark where a run of equal values starts."""
    result = np.empty(len(values), dtype=np.bool_)
    result[0] = True
    np.not_equal(values[1:], values[:-1], out=result[1:])
    return result


def _stable_order(key: NDArray[np.int64], key_bits: int) -> NDArray[np.int64]:
    """Return the stable argsort of keys below ``2**key_bits``.

    Key and position are sorted as one integer where both fit: ten times faster than argsort.
    """
    position_bits = len(key).bit_length()
    if key_bits + position_bits > 63:
        return np.argsort(key, kind="stable")
    packed = key << position_bits
    packed |= np.arange(len(key), dtype=np.int64)
    packed.sort()
    packed &= (1 << position_bits) - 1
    return packed


def _empty_cell() -> BatchedCell:
    offsets = np.zeros(1, dtype=np.int64)
    return BatchedCell(
        row_ids=np.empty(0, dtype=np.int32),
        row_offsets=offsets,
        col_ids=np.empty(0, dtype=np.int32),
        col_offsets=offsets,
        row_ptr=np.empty(0, dtype=np.int32),
        col_index=np.empty(0, dtype=np.uint16),
        log_count=np.empty(0, dtype=np.float32),
        nnz_offsets=offsets,
    )
