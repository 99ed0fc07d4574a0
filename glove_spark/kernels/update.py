"""Damped block AdaGrad: train the parameters of one cell, batch by batch.

For one batch, with parameters frozen, ``r = w.u + b + c - ln x`` and ``e = f(x) r``::

    g_i  = sum_j e_ij u_j
    h_i  = sum_j f_ij (|u_j|^2 + 1)
    w_i -= eta g_i / (sqrt(G_i) (1 + kappa eta h_i))
    G_i += eta^2 sum_j e_ij^2 |u_j|^2 / d

and the same for u_j and, with accumulators of their own, for both biases. ``eta h_i`` bounds the
curvature of row i's least-squares problem in the batch, so the damped step is close to that of an
implicit update; for a rare row it is the ordinary AdaGrad step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from glove_spark.kernels import objective
from glove_spark.kernels.batching import Batch, BatchedCell

Float32 = NDArray[np.float32]


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
        kappa; 0 is plain AdaGrad, which diverges on batches of many nonzeros a row.
    x_max, alpha
        Of the weighting function f.
    adagrad
        ``"row"``: one accumulator a word; ``"element"``: one a coordinate, as the reference does.
    """

    learning_rate: float = 0.5
    damping: float = 0.3
    x_max: float = 10.0
    alpha: float = 0.75
    adagrad: Literal["row", "element"] = "row"
    bias_rate: float | None = None


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
    cost_sum = weight_sum = 0.0
    row_table = _Table(rows, one_after=True)
    col_table = _Table(columns, one_after=False)
    for k in order.tolist():
        batch = cell.batch(k)
        cost, weight = _train_batch(
            batch, row_table, col_table, settings, row_log_keep, col_log_keep
        )
        cost_sum += cost
        weight_sum += weight
        if not math.isfinite(cost_sum):
            break
    row_table.store()
    col_table.store()
    return CellLoss(cost_sum, weight_sum, cell.nnz)


class _Table:
    """One side's parameters as one table with a constant 1 beside each bias.

    Rows are ``[w, b, 1]`` and columns ``[u, 1, c]``, so that a product of the two is
    ``w.u + b + c`` and a gradient with respect to one side comes with its bias's.
    """

    def __init__(self, parameters: Parameters, *, one_after: bool) -> None:
        n, d = parameters.vectors.shape
        self.parameters = parameters
        self.bias_at = d if one_after else d + 1
        self.values = np.ones((n, d + 2), dtype=np.float32)
        self.values[:, :d] = parameters.vectors
        self.values[:, self.bias_at] = parameters.biases

    def store(self) -> None:
        d = self.parameters.vectors.shape[1]
        self.parameters.vectors[...] = self.values[:, :d]
        self.parameters.biases[...] = self.values[:, self.bias_at]


def _train_batch(
    batch: Batch,
    rows: _Table,
    columns: _Table,
    settings: UpdateSettings,
    row_log_keep: Float32 | None,
    col_log_keep: Float32 | None,
) -> tuple[float, float]:
    """Update one batch; return its ``sum 0.5 f r^2`` and ``sum f``."""
    a = np.take(rows.values, batch.row_ids, axis=0)
    b = np.take(columns.values, batch.col_ids, axis=0)
    col = batch.col_index.astype(np.int32)
    row = np.repeat(np.arange(len(a), dtype=np.int32), np.diff(batch.row_ptr))
    scaled = batch.log_count
    if row_log_keep is not None and col_log_keep is not None:
        scaled = scaled + row_log_keep[batch.row_ids][row]
        scaled += col_log_keep[batch.col_ids][col]
    f = objective.weights(scaled, settings.x_max, settings.alpha)
    e = _products(a, b, row, col)
    e -= batch.log_count
    fr = f * e
    cost = 0.5 * float(np.dot(fr, e))
    shape = (len(a), len(b))
    by_row = csr_array((fr, col, batch.row_ptr), shape=shape)
    by_col = csc_array((fr, col, batch.row_ptr), shape=shape[::-1])
    row_gradient = by_row @ b
    col_gradient = by_col @ a
    row_norm = np.einsum("ij,ij->i", a, a)
    col_norm = np.einsum("ij,ij->i", b, b)
    # The norms of the tables' rows count the bias and the constant: take both off, add 1.
    row_norm -= a[:, rows.bias_at] ** 2 + 1
    col_norm -= b[:, columns.bias_at] ** 2 + 1
    by_row.data = by_col.data = f
    row_h = by_row @ (col_norm + 1)
    col_h = by_col @ (row_norm + 1)
    squared = fr * fr
    by_row.data = by_col.data = squared
    _step(
        rows, batch.row_ids, a, row_gradient, row_h, settings, by_row, b, col_norm
    )
    _step(
        columns, batch.col_ids, b, col_gradient, col_h, settings, by_col, a, row_norm
    )
    return cost, float(f.sum())


def _step(table, ids, values, gradient, h, settings, squared, other, other_norm):
    eta, kappa = settings.learning_rate, settings.damping
    bias_eta = eta if settings.bias_rate is None else settings.bias_rate
    d = other.shape[1] - 2
    p = table.parameters
    at = table.bias_at
    gb = p.bias_gradsq[ids]
    bias_step = bias_eta * gradient[:, at] / (np.sqrt(gb) * (1 + kappa * bias_eta * h))
    p.bias_gradsq[ids] = gb + squared.sum(axis=1) * bias_eta**2
    gv = p.vector_gradsq[ids]
    if settings.adagrad == "row":
        scale = eta / (np.sqrt(gv) * (1 + kappa * eta * h))
        p.vector_gradsq[ids] = gv + (squared @ other_norm) * (eta * eta / d)
        gradient *= scale[:, None]
    else:
        gradient[:, :d] *= eta / (np.sqrt(gv) * (1 + kappa * eta * h)[:, None])
        p.vector_gradsq[ids] = gv + (squared @ (other[:, :d] ** 2)) * eta**2
    gradient[:, d:] = 0
    gradient[:, at] = bias_step
    np.subtract(values, gradient, out=gradient)
    table.values[ids] = gradient


def _products(a: Float32, b: Float32, row: NDArray[np.int32], col: NDArray[np.int32]) -> Float32:
    """Return ``a[row] . b[col]`` of every nonzero, float32, through buffers that stay in cache."""
    width = a.shape[1]
    chunk = max(1000, 500_000 // width)
    n = len(row)
    result = np.empty(n, dtype=np.float32)
    left = np.empty((min(n, chunk), width), dtype=np.float32)
    right = np.empty_like(left)
    for start in range(0, n, chunk):
        stop = min(start + chunk, n)
        x, y = left[: stop - start], right[: stop - start]
        np.take(a, row[start:stop], axis=0, out=x, mode="clip")
        np.take(b, col[start:stop], axis=0, out=y, mode="clip")
        if width < 64:
            np.einsum("ij,ij->i", x, y, out=result[start:stop])
        else:
            np.vecdot(x, y, out=result[start:stop])
    return result
