"""The matrix products of one batch with the vectors of either side, for tiles and for CSR.

Both kinds have the same products. `data` has one number per entry of the batch: (T, s, s) for
tiles, (nnz,) for a sparse batch. An array over words is (words, k), or (k, words) for `sums`, tile
after tile.

scipy's compiled kernels are called directly if this scipy has them. The public operators check and
allocate for about 30 microseconds per product, as long as the product of a small batch takes, and
cannot write into a given buffer. Without the kernels, the public operators are used, with the same
result.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from glove_spark.kernels.blocks.cells import Sparse, Tiles
from glove_spark.kernels.training.workspace import Workspace

try:
    from scipy.sparse import _sparsetools
except ImportError:
    _compiled: Any = None
else:
    _compiled = _sparsetools

_NAMES = ("csr_matvec", "csr_matvecs", "csc_matvec", "csc_matvecs")
HAS_COMPILED = all(hasattr(_compiled, name) for name in _NAMES)

Float32 = NDArray[np.float32]

_GATHER_FLOATS = 80_000
"""Floats gathered at once for each side, so that they and the words of the batch stay in the
second-level cache. Measured with a cache of 2 MB, at d = 50, 100, 300: 23, 37, 114 ns per nonzero;
without a limit 35, 66, 209."""

_DOT_WIDTH = 100
"""From this width on, a call of BLAS per inner product is faster than multiplying a chunk and
adding with one call for all. At d = 50, 100, 300, the latter takes 5.7, 10.3, 31 ns per product;
vecdot takes 10.9, 9.7, 20, and einsum 8.1, 14.5, 31."""


class Products(Protocol):
    """The products of a batch with arrays over words."""

    shape: tuple[int, ...]
    num_rows: int
    num_cols: int

    def inner(self, a: Float32, b: Float32, out: Float32) -> None:
        """Write ``a_i . b_j`` for every entry (i, j)."""

    def times(self, data: Float32, b: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_j`` for every row."""

    def transposed_times(self, data: Float32, a: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_i`` for every column."""

    def sums(self, data: Float32, of_cols: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_kj`` for every row; few numbers per word, each in an array."""

    def transposed_sums(self, data: Float32, of_rows: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_ki`` for every column."""

    def at_rows(self, of_rows: Float32) -> Float32:
        """Return the number of the row of every entry, (rows,); broadcastable."""

    def at_cols(self, of_cols: Float32) -> Float32:
        """Return the number of the column of every entry, (columns,)."""


class TileProducts:
    """Products with a stack of tiles, by matrix products."""

    def __init__(self, batch: Tiles) -> None:
        self.shape = batch.log_count.shape
        self.count, height, width = self.shape
        self.num_rows, self.num_cols = self.count * height, self.count * width

    def inner(self, a: Float32, b: Float32, out: Float32) -> None:
        """Write ``a_i . b_j`` for every entry (i, j)."""
        np.matmul(self._stack(a), self._stack(b).transpose(0, 2, 1), out=out)

    def times(self, data: Float32, b: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_j`` for every row."""
        np.matmul(data, self._stack(b), out=self._stack(out))

    def transposed_times(self, data: Float32, a: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_i`` for every column."""
        np.matmul(data.transpose(0, 2, 1), self._stack(a), out=self._stack(out))

    def sums(self, data: Float32, of_cols: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_kj`` for every row."""
        np.matmul(data, self._columns(of_cols), out=self._columns(out))

    def transposed_sums(self, data: Float32, of_rows: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_ki`` for every column."""
        np.matmul(data.transpose(0, 2, 1), self._columns(of_rows), out=self._columns(out))

    def at_rows(self, of_rows: Float32) -> Float32:
        """Return the number of the row of every entry, (rows,); one per row of a tile."""
        return of_rows.reshape(self.count, -1, 1)

    def at_cols(self, of_cols: Float32) -> Float32:
        """Return the number of the column of every entry, (columns,); one per column of a tile."""
        return of_cols.reshape(self.count, 1, -1)

    def _stack(self, words: Float32) -> Float32:
        return words.reshape(self.count, -1, words.shape[1])

    def _columns(self, numbers: Float32) -> Float32:
        return numbers.reshape(len(numbers), self.count, -1).transpose(1, 2, 0)


class SparseProducts:
    """Products with a CSR matrix, whose arrays are the CSC arrays of its transpose."""

    def __init__(self, batch: Sparse, workspace: Workspace) -> None:
        self.shape = batch.log_count.shape
        self.num_rows, self.num_cols = len(batch.row_ids), len(batch.col_ids)
        self.row_ptr = batch.row_ptr
        self.row_nnz = batch.row_ptr[1:] - batch.row_ptr[:-1]
        self.col = batch.col_index.astype(np.int32)
        self.workspace = workspace

    def inner(self, a: Float32, b: Float32, out: Float32) -> None:
        """Write ``a_i . b_j`` for every entry (i, j), with buffers that stay in the cache."""
        row = np.repeat(np.arange(self.num_rows), self.row_nnz)
        width, nnz = a.shape[1], len(row)
        chunk = min(nnz, max(100, _GATHER_FLOATS // width))
        left = self.workspace.array("left", chunk, width)
        right = self.workspace.array("right", chunk, width)
        ones = np.ones(width, dtype=np.float32)
        for start in range(0, nnz, chunk):
            stop = min(start + chunk, nnz)
            x = a.take(row[start:stop], 0, left[: stop - start], "clip")
            y = b.take(self.col[start:stop], 0, right[: stop - start], "clip")
            if width < _DOT_WIDTH:
                x *= y
                np.matmul(x, ones, out=out[start:stop])
            else:
                np.vecdot(x, y, out=out[start:stop])

    def times(self, data: Float32, b: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_j`` for every row."""
        if HAS_COMPILED:
            # the kernels add to the existing content
            out.fill(0)
            _compiled.csr_matvecs(*self._matrix(b.shape[1]), data, b.ravel(), out.ravel())
        else:
            out[...] = self._rows_by_cols(data) @ b

    def transposed_times(self, data: Float32, a: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_i`` for every column."""
        if HAS_COMPILED:
            out.fill(0)
            _compiled.csc_matvecs(*self._transpose(a.shape[1]), data, a.ravel(), out.ravel())
        else:
            out[...] = self._rows_by_cols(data).T @ a

    def sums(self, data: Float32, of_cols: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_kj`` for every row."""
        if HAS_COMPILED:
            out.fill(0)
            for numbers, target in zip(of_cols, out, strict=True):
                _compiled.csr_matvec(*self._matrix(), data, numbers, target)
        else:
            out[...] = (self._rows_by_cols(data) @ of_cols.T).T

    def transposed_sums(self, data: Float32, of_rows: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_ki`` for every column."""
        if HAS_COMPILED:
            out.fill(0)
            for numbers, target in zip(of_rows, out, strict=True):
                _compiled.csc_matvec(*self._transpose(), data, numbers, target)
        else:
            out[...] = (self._rows_by_cols(data).T @ of_rows.T).T

    def at_rows(self, of_rows: Float32) -> Float32:
        """Return the number of the row of every entry, (rows,)."""
        return np.repeat(of_rows, self.row_nnz)

    def at_cols(self, of_cols: Float32) -> Float32:
        """Return the number of the column of every entry, (columns,)."""
        return of_cols.take(self.col)

    def _matrix(self, *width: int) -> tuple[Any, ...]:
        return (self.num_rows, self.num_cols, *width, self.row_ptr, self.col)

    def _transpose(self, *width: int) -> tuple[Any, ...]:
        return (self.num_cols, self.num_rows, *width, self.row_ptr, self.col)

    def _rows_by_cols(self, data: Float32) -> Any:
        return csr_array((data, self.col, self.row_ptr), shape=(self.num_rows, self.num_cols))
