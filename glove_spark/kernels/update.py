"""Bounded block AdaGrad: train the parameters of one cell, batch by batch.

For one batch, with parameters frozen, ``r = w.u + b + c - ln x`` and ``e = f(x) r``::

    g_i  = sum_j e_ij u_j
    h_i  = sum_j f_ij (|u_j|^2 + 1)
    w_i -= eta g_i / max( sqrt(G_i) (1 + kappa eta h_i), eta h_i )
    G_i += eta^2 sum_j e_ij^2 |u_j|^2 / d

and the same for u_j and, with accumulators of their own, for both biases. h_i bounds the largest
eigenvalue of the Hessian of row i's least-squares problem in the batch, so no step is longer than
``g_i / h_i``, which cannot overshoot in any direction. A rare row (h small) takes the ordinary
AdaGrad step. In between, kappa makes the step that of an implicit update.

Departures from the reference program, for a batch of one nonzero: the bound and the damping; biases
use eta too, as the formula above says; gradients are not clipped, as the bound leaves no need to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels import objective
from glove_spark.kernels.batching import Batch, BatchedCell
from glove_spark.kernels.sparse import Pattern, Workspace, multiply, multiply_transposed

Float32 = NDArray[np.float32]

_GATHER_FLOATS = 500_000
"""Floats gathered at a time for each side; twice this, 4 MB, measured best with 1 MB of L2."""

_EINSUM_WIDTH = 64
"""Below this width einsum takes inner products faster than a stack of tiny matmuls."""


@dataclass
class Parameters:
    """The parameters and accumulators of n words, of one side, all float32.

    `vectors` (n, d), `biases` (n,), `vector_gradsq` (n,) with one accumulator a word or (n, d) with
    one a coordinate, `bias_gradsq` (n,). Training mutates them in place.
    """

    vectors: Float32
    biases: Float32
    vector_gradsq: Float32
    bias_gradsq: Float32

    def copy(self) -> Parameters:
        """Return a deep copy."""
        return Parameters(
            self.vectors.copy(),
            self.biases.copy(),
            self.vector_gradsq.copy(),
            self.bias_gradsq.copy(),
        )


@dataclass(frozen=True)
class UpdateSettings:
    """What one epoch's update needs to know.

    Parameters
    ----------
    learning_rate
        eta of this epoch.
    damping
        kappa, at least 0.
    x_max, alpha
        Of the weighting function f.
    adagrad
        ``"row"``: one accumulator a word; ``"element"``: one a coordinate, as the reference does.
    """

    learning_rate: float
    damping: float
    x_max: float
    alpha: float
    adagrad: Literal["row", "element"]


@dataclass(frozen=True)
class CellLoss:
    """What training one cell cost.

    `cost_sum` is ``sum 0.5 f r^2`` over the cell's nonzeros, each measured before its batch's
    update; divided by `nnz` and added up over cells it is the published cost. `weight_sum` is
    ``sum f``. `finite` is False where training was stopped because the cost no longer was.
    """

    cost_sum: float
    weight_sum: float
    nnz: int

    @property
    def finite(self) -> bool:
        """Whether the cost is a finite number."""
        return math.isfinite(self.cost_sum)


def initial_parameters(
    num_words: int,
    vector_size: int,
    rng: np.random.Generator,
    adagrad: Literal["row", "element"] = "row",
) -> Parameters:
    """Return fresh parameters: uniform in (-0.5, 0.5) / d, accumulators 1, as the reference's."""
    shape = (num_words, vector_size)
    values = rng.random((num_words, vector_size + 1), dtype=np.float32)
    values -= np.float32(0.5)
    values /= np.float32(vector_size)
    return Parameters(
        vectors=np.ascontiguousarray(values[:, :vector_size]),
        biases=np.ascontiguousarray(values[:, vector_size]),
        vector_gradsq=np.ones(shape if adagrad == "element" else num_words, dtype=np.float32),
        bias_gradsq=np.ones(num_words, dtype=np.float32),
    )


def train_cell(
    cell: BatchedCell,
    rows: Parameters,
    columns: Parameters,
    settings: UpdateSettings,
    *,
    rng: np.random.Generator | None = None,
    row_log_keep: Float32 | None = None,
    col_log_keep: Float32 | None = None,
) -> CellLoss:
    """Visit every batch of a cell once; mutate `rows` and `columns` in place.

    Parameters
    ----------
    cell
        The cell's nonzeros in batches.
    rows, columns
        The parameters of the cell's row block and column block.
    settings
        The update's constants.
    rng
        Draws the order in which batches are visited; None visits them as they are stored.
    row_log_keep, col_log_keep
        float32, ``ln k`` of the block's words (`objective.log_keep_factors`), None for all kept.
    """
    order = np.arange(cell.num_batches) if rng is None else rng.permutation(cell.num_batches)
    trainer = _CellTrainer(
        _Side(rows, bias_first=True, log_keep=row_log_keep),
        _Side(columns, bias_first=False, log_keep=col_log_keep),
        settings,
    )
    cost_sum = weight_sum = 0.0
    # An overflow shows in the cost, which the caller is told about.
    with np.errstate(over="ignore", invalid="ignore"):
        for k in order.tolist():
            cost, weight = trainer.train(cell.batch(k))
            cost_sum += cost
            weight_sum += weight
            if not math.isfinite(cost_sum):
                break
    trainer.store()
    return CellLoss(cost_sum, weight_sum, cell.nnz)


class _Side:
    """One side's parameters as one table with a constant 1 beside each bias.

    Rows are ``[w, b, 1]`` and columns ``[u, 1, c]``, so that a product of the two is
    ``w.u + b + c`` and a gradient with respect to one side comes with its bias's.
    """

    def __init__(
        self, parameters: Parameters, *, bias_first: bool, log_keep: Float32 | None
    ) -> None:
        n, d = parameters.vectors.shape
        self.parameters = parameters
        self.bias_at, self.one_at = (d, d + 1) if bias_first else (d + 1, d)
        self.log_keep = log_keep
        self.table = np.ones((n, d + 2), dtype=np.float32)
        self.table[:, :d] = parameters.vectors
        self.table[:, self.bias_at] = parameters.biases

    def store(self) -> None:
        """Write the table back to the parameters that it was made from."""
        d = self.parameters.vectors.shape[1]
        self.parameters.vectors[...] = self.table[:, :d]
        self.parameters.biases[...] = self.table[:, self.bias_at]


@dataclass(frozen=True)
class _Step:
    """What one side's step in a batch needs of the other, all from before the batch.

    `times` multiplies the batch's matrix, transposed for the column side, with nonzeros given as
    its first argument, by an array over the other side's words; `out` receives the product.
    """

    times: Callable[[Float32, Float32, Float32], None]
    f: Float32
    e: Float32
    squared_e: Float32
    other: Float32
    other_norms: Float32


class _CellTrainer:
    """The state that the batches of one cell share: both sides' tables and the buffers."""

    def __init__(self, rows: _Side, columns: _Side, settings: UpdateSettings) -> None:
        self.rows = rows
        self.columns = columns
        self.settings = settings
        self.vector_size = rows.table.shape[1] - 2
        self.buffers = Workspace()

    def store(self) -> None:
        """Write both tables back."""
        self.rows.store()
        self.columns.store()

    def train(self, batch: Batch) -> tuple[float, float]:
        """Update one batch; return its ``sum 0.5 f r^2`` and ``sum f``."""
        array, d = self.buffers.array, self.vector_size
        n, m, nnz = len(batch.row_ids), len(batch.col_ids), len(batch.log_count)
        row = np.repeat(np.arange(n), batch.row_ptr[1:] - batch.row_ptr[:-1])
        pattern = Pattern(batch.row_ptr, batch.col_index.astype(np.int32), n, m)
        a = np.take(self.rows.table, batch.row_ids, 0, array("rows", n, d + 2), "clip")
        b = np.take(self.columns.table, batch.col_ids, 0, array("columns", m, d + 2), "clip")

        f = self._weights(batch, row)
        r = array("r", nnz)
        self._products(a, b, row, pattern.col, r)
        r -= batch.log_count
        e = np.multiply(f, r, out=array("e", nnz))
        cost, weight = 0.5 * float(np.dot(e, r)), float(f.sum())

        squared_e = np.multiply(e, e, out=r)
        a_norms = np.einsum("ij,ij->i", a[:, :d], a[:, :d])
        b_norms = np.einsum("ij,ij->i", b[:, :d], b[:, :d])
        by_row = _Step(partial(multiply, pattern), f, e, squared_e, b, b_norms)
        by_col = _Step(partial(multiply_transposed, pattern), f, e, squared_e, a, a_norms)
        # Both steps are computed from the old values before either is written.
        new_a = self._stepped("row step", self.rows, batch.row_ids, a, by_row)
        new_b = self._stepped("column step", self.columns, batch.col_ids, b, by_col)
        self.rows.table[batch.row_ids] = new_a
        self.columns.table[batch.col_ids] = new_b
        return cost, weight

    def _weights(self, batch: Batch, row: NDArray[np.int64]) -> Float32:
        log_counts = batch.log_count
        if self.rows.log_keep is not None:
            log_counts = log_counts + self.rows.log_keep[batch.row_ids][row]
        if self.columns.log_keep is not None:
            log_counts = log_counts + self.columns.log_keep[batch.col_ids][batch.col_index]
        return objective.weights(log_counts, self.settings.x_max, self.settings.alpha)

    def _products(
        self,
        a: Float32,
        b: Float32,
        row: NDArray[np.int64],
        col: NDArray[np.int32],
        out: Float32,
    ) -> None:
        """Write ``a[row] . b[col]`` of every nonzero, through buffers that stay in cache."""
        width, nnz = a.shape[1], len(row)
        chunk = min(nnz, max(1000, _GATHER_FLOATS // width))
        left = self.buffers.array("left", chunk, width)
        right = self.buffers.array("right", chunk, width)
        for start in range(0, nnz, chunk):
            stop = min(start + chunk, nnz)
            x = np.take(a, row[start:stop], 0, left[: stop - start], "clip")
            y = np.take(b, col[start:stop], 0, right[: stop - start], "clip")
            if width < _EINSUM_WIDTH:
                np.einsum("ij,ij->i", x, y, out=out[start:stop])
            else:
                np.matmul(x[:, np.newaxis, :], y[:, :, np.newaxis], out=out[start:stop, None, None])

    def _stepped(
        self, name: str, side: _Side, ids: NDArray[np.int32], values: Float32, step: _Step
    ) -> Float32:
        """Return one side's new rows of the batch and add to its accumulators."""
        array, d, n = self.buffers.array, self.vector_size, len(ids)
        eta, kappa = np.float32(self.settings.learning_rate), np.float32(self.settings.damping)
        gradient = array(name, n, d + 2)
        step.times(step.e, step.other, gradient)
        curvature = array("curvature", n)
        step.times(step.f, step.other_norms + np.float32(1), curvature)
        curvature *= eta
        damping = np.float32(1) + kappa * curvature

        gradsq = side.parameters.bias_gradsq
        old = gradsq[ids]
        squares = array("squares", n)
        step.times(step.squared_e, np.ones(len(step.other), dtype=np.float32), squares)
        rate = eta / np.maximum(np.sqrt(old) * damping, curvature)
        bias_step = gradient[:, side.bias_at] * rate
        gradsq[ids] = old + squares * (eta * eta)

        gradsq = side.parameters.vector_gradsq
        old = gradsq[ids]
        if self.settings.adagrad == "row":
            step.times(step.squared_e, step.other_norms, squares)
            rate = eta / np.maximum(np.sqrt(old) * damping, curvature)
            gradient *= rate[:, np.newaxis]
            gradsq[ids] = old + squares * (eta * eta / np.float32(d))
        else:
            squares = array("coordinate squares", n, d)
            step.times(step.squared_e, np.square(step.other[:, :d]), squares)
            damping, curvature = damping[:, np.newaxis], curvature[:, np.newaxis]
            gradient[:, :d] *= eta / np.maximum(np.sqrt(old) * damping, curvature)
            gradsq[ids] = old + squares * (eta * eta)

        gradient[:, side.bias_at] = bias_step
        gradient[:, side.one_at] = 0
        return np.subtract(values, gradient, out=gradient)
