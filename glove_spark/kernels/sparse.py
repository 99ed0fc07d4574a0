"""Products of a batch's CSR matrix with dense arrays, written into buffers of the caller.

scipy's compiled kernels are called directly where this scipy has them: its public operators check
and allocate for some 30 microseconds a product, as long as the product of a small batch takes, and
cannot write into a given buffer. Without them the public operators serve, with the same result.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

try:
    from scipy.sparse import _sparsetools as _compiled

    HAS_COMPILED = all(
hasattr(_compiled, name) for name in ("csr_matvecs", "csc_matvecs")
    )
except ImportError:
    HAS_COMPILED = False

Float32 = NDArray[np.float32]


class Pattern(NamedTuple):
    """Where the nonzeros of an (n, m) matrix are: CSR row pointers and columns, both int32."""

    row_ptr: NDArray[np.int32]
    col: NDArray[np.int32]
    num_rows: int
    num_cols: int


def multiply(pattern: Pattern, data: Float32, dense: Float32, out: Float32) -> Float32:
    """Write ``A @ dense`` into `out` and return it; `dense` is contiguous (m, k), `out` (n, k)."""
    if not HAS_COMPILED:
        shape = (pattern.num_rows, pattern.num_cols)
        matrix = csr_array((data, pattern.col, pattern.row_ptr), shape=shape)
        out[...] = np.asarray(matrix @ dense)
        return out
    return _product(_compiled.csr_matvecs, pattern.num_rows, pattern.num_cols, pattern, data, dense, out)


def multiply_transposed(pattern: Pattern, data: Float32, dense: Float32, out: Float32) -> Float32:
    """Write ``A.T @ dense`` into `out` and return it; `dense` is contiguous (n, k), `out` (m, k)."""
    # The CSR arrays of A are the CSC arrays of its transpose, so nothing is converted.
    if not HAS_COMPILED:
        shape = (pattern.num_cols, pattern.num_rows)
        matrix = csc_array((data, pattern.col, pattern.row_ptr), shape=shape)
        out[...] = np.asarray(matrix @ dense)
        return out
    return _product(_compiled.csc_matvecs, pattern.num_cols, pattern.num_rows, pattern, data, dense, out)


def _product(
    kernel: Any, n: int, m: int, pattern: Pattern, data: Float32, dense: Float32, out: Float32
) -> Float32:
    # the kernel adds to what is there
    out.fill(0)
    width = dense.shape[1]
    kernel(n, m, width, pattern.row_ptr, pattern.col, data, dense.reshape(-1), out.reshape(-1))
    return out


class Workspace:
    """Buffers that are handed out again for every batch of a cell.

    Fresh arrays of this size would come as unmapped pages from the system each time; touching those
    costs as much as the arithmetic on them.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.float32]] = {}

    def array(self, name: str, *shape: int) -> Float32:
        """Return the float32 buffer `name` in this shape, contents undefined."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size + size // 4, dtype=np.float32)
        return buffer[:size].reshape(shape)
