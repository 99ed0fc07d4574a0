"""The algebra of one batch: its places times the words of either side, for tiles and for CSR.

Both kinds offer the same products. `data` holds a number for each place of the batch: (T, s, s) of
tiles, (nnz,) of a sparse batch. An array over words is (words, k), tile after tile.

scipy's compiled kernels are called directly where this scipy has them: its public operators check
and allocate for some 30 microseconds a product, as long as the product of a small batch takes, and
cannot write into a given buffer. Without them the public operators serve, with the same result.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from glove_spark.kernels.cells import Sparse, Tiles
from glove_spark.kernels.workspace import Workspace

try:
    from scipy.sparse import _sparsetools as _compiled

    HAS_COMPILED = all(hasattr(_compiled, name) for name in ("csr_matvecs", "csc_matvecs"))
except ImportError:
    HAS_COMPILED = False

Float32 = NDArray[np.float32]

_GATHER_FLOATS = 80_000
"""Floats gathered at a time for each side: with the batch's words they stay in the second-level
cache. Measured with 2 MB of it, at d = 50, 100, 300: 23, 37, 114 ns a nonzero; unbounded 35, 66,
209."""

_EINSUM_WIDTH = 64
"""Below this width einsum takes inner products faster than vecdot, which calls BLAS for each."""


class Products(Protocol):
    """What a batch's places can be multiplied with."""

    shape: tuple[int, ...]
    num_rows: int
    num_cols: int

    def inner(self, a: Float32, b: Float32, out: Float32) -> None:
        """Write ``a_i . b_j`` of every place (i, j)."""

    def times(self, data: Float32, b: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_j`` of every row."""

    def transposed_times(self, data: Float32, a: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_i`` of every column."""

    def add(self, data: Float32, of_rows: Float32, of_cols: Float32) -> None:
        """Add to every place the number of its row, (rows,), and that of its column, (columns,)."""


class TileProducts:
    """Products with a stack of tiles, by matrix products."""

    def __init__(self, batch: Tiles) -> None:
        self.shape = batch.log_count.shape
        self.count, height, width = self.shape
        self.num_rows, self.num_cols = self.count * height, self.count * width

    def inner(self, a: Float32, b: Float32, out: Float32) -> None:
        """Write ``a_i . b_j`` of every place (i, j)."""
        np.matmul(self._stack(a), self._stack(b).transpose(0, 2, 1), out=out)

    def times(self, data: Float32, b: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_j`` of every row."""
        np.matmul(data, self._stack(b), out=self._stack(out))

    def transposed_times(self, data: Float32, a: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_i`` of every column."""
        np.matmul(data.transpose(0, 2, 1), self._stack(a), out=self._stack(out))

    def add(self, data: Float32, of_rows: Float32, of_cols: Float32) -> None:
        """Add to every place the number of its row, (rows,), and that of its column, (columns,)."""
        data += of_rows.reshape(self.count, -1, 1)
        data += of_cols.reshape(self.count, 1, -1)

    def _stack(self, words: Float32) -> Float32:
        return words.reshape(self.count, -1, words.shape[1])


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
        """Write ``a_i . b_j`` of every place (i, j), through buffers that stay in cache."""
        row = np.repeat(np.arange(self.num_rows), self.row_nnz)
        width, nnz = a.shape[1], len(row)
        chunk = min(nnz, max(100, _GATHER_FLOATS // width))
        left = self.workspace.array("left", chunk, width)
        right = self.workspace.array("right", chunk, width)
        for start in range(0, nnz, chunk):
            stop = min(start + chunk, nnz)
            x = a.take(row[start:stop], 0, left[: stop - start], "clip")
            y = b.take(self.col[start:stop], 0, right[: stop - start], "clip")
            if width < _EINSUM_WIDTH:
                np.einsum("ij,ij->i", x, y, out=out[start:stop])
            else:
                np.vecdot(x, y, out=out[start:stop])

    def times(self, data: Float32, b: Float32, out: Float32) -> None:
        """Write ``sum_j data_ij b_j`` of every row."""
        if HAS_COMPILED:
            self._product(_compiled.csr_matvecs, self.num_rows, self.num_cols, data, b, out)
        else:
            shape = (self.num_rows, self.num_cols)
            out[...] = np.asarray(csr_array((data, self.col, self.row_ptr), shape=shape) @ b)

    def transposed_times(self, data: Float32, a: Float32, out: Float32) -> None:
        """Write ``sum_i data_ij a_i`` of every column."""
        if HAS_COMPILED:
            self._product(_compiled.csc_matvecs, self.num_cols, self.num_rows, data, a, out)
        else:
            shape = (self.num_cols, self.num_rows)
            out[...] = np.asarray(csc_array((data, self.col, self.row_ptr), shape=shape) @ a)

    def add(self, data: Float32, of_rows: Float32, of_cols: Float32) -> None:
        """Add to every place the number of its row, (rows,), and that of its column, (columns,)."""
        data += np.repeat(of_rows, self.row_nnz)
        data += of_cols.take(self.col)

    def _product(
        self, kernel: Any, n: int, m: int, data: Float32, words: Float32, out: Float32
    ) -> None:
        # the kernel adds to what is there
        out.fill(0)
        kernel(n, m, words.shape[1], self.row_ptr, self.col, data, words.ravel(), out.ravel())
