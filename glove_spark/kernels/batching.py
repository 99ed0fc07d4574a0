"""Cut the nonzeros of one cell into batches, once, before training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.leaves import cut_leaves
from glove_spark.kernels.ordering import stable_order
from glove_spark.kernels.packing import pack_leaves

DEFAULT_MAX_STALENESS = 16.0
DEFAULT_BATCH_NNZ = 20_000

LARGEST_BATCH_NNZ = 1 << 15
"""With a largest leaf's columns on top, the columns of a batch still have 16-bit numbers."""


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
    rows: NDArray[np.integer[Any]],
    cols: NDArray[np.integer[Any]],
    counts: NDArray[np.float64],
    *,
    max_staleness: float = DEFAULT_MAX_STALENESS,
    batch_nnz: int = DEFAULT_BATCH_NNZ,
) -> BatchedCell:
    """Cut the nonzeros of one cell into batches.

    Parameters
    ----------
    rows, cols
        (nnz,), local ids, no pair twice; in any order, but fastest sorted by row and column. The
        result does not depend on the order.
    counts
        float64 (nnz,), X_ij > 0.
    max_staleness
        Bound of a leaf's mean ``min(n_i, n_j)``, see `leaves`. Larger is faster, smaller closer to
        one nonzero at a time.
    batch_nnz
        Nonzeros to pack into a batch at most; only a single large leaf exceeds it by much.

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
    if len(rows) == 0:
        nothing = np.empty(0, dtype=np.int64)
        return _packed(nothing, nothing, nothing, counts, num_batches=0)
    row, col = rows.astype(np.int64), cols.astype(np.int64)
    row_bits, col_bits = int(row.max()).bit_length(), int(col.max()).bit_length()
    place = (row << col_bits) | col
    if np.any(place[1:] < place[:-1]):
        order = stable_order(place, row_bits + col_bits)
        row, col, counts = row[order], col[order], counts[order]
    leaves = cut_leaves(row, col, max_staleness)
    batch_of_leaf = pack_leaves(leaves, batch_nnz)
    num_batches = int(batch_of_leaf.max()) + 1
    batch = batch_of_leaf[leaves.leaf_of]
    order = stable_order(batch, num_batches.bit_length())
    return _packed(batch[order], row[order], col[order], counts[order], num_batches=num_batches)


def _packed(
    batch: NDArray[np.int64],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    counts: NDArray[np.float64],
    *,
    num_batches: int,
) -> BatchedCell:
    """Number rows and columns inside each batch; nonzeros come sorted by batch, row, column."""
    numbers = np.arange(num_batches)
    nnz_offsets = np.searchsorted(batch, np.arange(num_batches + 1))
    row_starts = np.flatnonzero(_changes(batch) | _changes(rows))
    row_offsets = np.searchsorted(row_starts, nnz_offsets)
    batch_of_row = np.repeat(numbers, np.diff(row_offsets))
    row_ptr = np.empty(len(row_starts) + num_batches, dtype=np.int32)
    row_ptr[np.arange(len(row_starts)) + batch_of_row] = row_starts - nnz_offsets[batch_of_row]
    row_ptr[row_offsets[1:] + numbers] = np.diff(nnz_offsets)

    col_bits = int(cols.max(initial=0)).bit_length()
    by_col = stable_order((batch << col_bits) | cols, num_batches.bit_length() + col_bits)
    sorted_cols = cols[by_col]
    changes = _changes(batch) | _changes(sorted_cols)
    col_starts = np.flatnonzero(changes)
    col_offsets = np.searchsorted(col_starts, nnz_offsets)
    number = np.cumsum(changes) - 1
    number -= np.repeat(col_offsets[:-1], np.diff(nnz_offsets))
    col_index = np.empty(len(cols), dtype=np.uint16)
    col_index[by_col] = number
    return BatchedCell(
        row_ids=rows[row_starts].astype(np.int32),
        row_offsets=row_offsets,
        col_ids=sorted_cols[col_starts].astype(np.int32),
        col_offsets=col_offsets,
        row_ptr=row_ptr,
        col_index=col_index,
        log_count=np.log(counts).astype(np.float32),
        nnz_offsets=nnz_offsets,
    )


def _changes(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark where a run of equal values starts."""
    result = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=result[1:])
    return result
