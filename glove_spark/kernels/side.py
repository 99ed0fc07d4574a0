"""One side of a cell while it is trained: its parameters as tables that batches gather from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.cells import LARGEST_TILE
from glove_spark.kernels.parameters import Parameters

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


class Side:
    """The words of one block and side.

    Rows of `table` are ``[w, b, 1]`` on the word side and ``[u, 1, c]`` on the context side, so
    that a product of the two is ``w.u + b + c`` and a gradient comes with its bias's. Rows of
    `state` are the accumulators of the vector, that of the bias, and `log_weight`. Both are padded
    to whole tiles by words that no nonzero has.

    Parameters
    ----------
    parameters
        Copied; `store` writes back to them.
    is_row
        Whether it is the word side, or the context side.
    log_weight
        float32 (n,), the words' part of the logarithm of f.
    """

    def __init__(self, parameters: Parameters, log_weight: Float32, *, is_row: bool) -> None:
        n, d = parameters.vectors.shape
        padded = -(-n // LARGEST_TILE) * LARGEST_TILE
        self.parameters = parameters
        self.bias_at, self.one_at = (d, d + 1) if is_row else (d + 1, d)
        self.table = np.zeros((padded, d + 2), dtype=np.float32)
        self.table[:n, :d] = parameters.vectors
        self.table[:n, self.bias_at] = parameters.biases
        self.table[:, self.one_at] = 1
        of_vectors = parameters.vector_gradsq.reshape(n, -1)
        self.state = np.ones((padded, of_vectors.shape[1] + 2), dtype=np.float32)
        self.state[:n, :-2] = of_vectors
        self.state[:n, -2] = parameters.bias_gradsq
        self.state[:n, -1] = log_weight

    def store(self) -> None:
        """Write the tables back to the parameters that they were made from."""
        n, d = self.parameters.vectors.shape
        self.parameters.vectors[...] = self.table[:n, :d]
        self.parameters.biases[...] = self.table[:n, self.bias_at]
        gradsq = self.parameters.vector_gradsq
        gradsq[...] = self.state[:n, :-2].reshape(gradsq.shape)
        self.parameters.bias_gradsq[...] = self.state[:n, -2]

    def gather(self, ids: Int32, values: Float32, state: Float32) -> None:
        """Copy rows of the tables; ids are of words, or of runs of words, to fill the outputs."""
        run = len(values) // len(ids)
        for table, out in ((self.table, values), (self.state, state)):
            _in_runs(table, run).take(ids, 0, _in_runs(out, run), "clip")

    def scatter(self, ids: Int32, values: Float32, state: Float32) -> None:
        """Write what `gather` gave back."""
        run = len(values) // len(ids)
        _in_runs(self.table, run)[ids] = _in_runs(values, run)
        _in_runs(self.state, run)[ids] = _in_runs(state, run)


def _in_runs(table: Float32, run: int) -> Float32:
    return table if run == 1 else table.reshape(-1, run, table.shape[1])
