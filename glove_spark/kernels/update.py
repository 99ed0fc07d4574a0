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

from glove_spark.kernels import objective
from glove_spark.kernels.batching import Batch, BatchedCell
from glove_spark.kernels.sparse import Pattern, Workspace, multiply, multiply_transposed

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
    trainer = _Trainer(rows, columns, settings, row_log_keep, col_log_keep)
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
        self, parameters: Parameters, bias_at: int, log_keep: Float32 | None, name: str
    ) -> None:
        n, d = parameters.vectors.shape
        self.parameters = parameters
        self.bias_at = d + bias_at
        self.one_at = d + 1 - bias_at
        self.log_keep = log_keep
        self.name = name
        self.table = np.ones((n, d + 2), dtype=np.float32)
        self.table[:, :d] = parameters.vectors
        self.table[:, self.bias_at] = parameters.biases

    def store(self) -> None:
        d = self.parameters.vectors.shape[1]
        self.parameters.vectors[...] = self.table[:, :d]
        self.parameters.biases[...] = self.table[:, self.bias_at]


class _Trainer:
    """What the batches of one cell share."""

    def __init__(
        self,
        rows: Parameters,
        columns: Parameters,
        settings: UpdateSettings,
        row_log_keep: Float32 | None,
        col_log_keep: Float32 | None,
    ) -> None:
        self.rows = _Side(rows, 0, row_log_keep, "row")
        self.columns = _Side(columns, 1, col_log_keep, "column")
        self.settings = settings
        self.vector_size = rows.vectors.shape[1]
        self.buffers = Workspace()

    def store(self) -> None:
        self.rows.store()
        self.columns.store()

    def train(self, batch: Batch) -> tuple[float, float]:
        """Update one batch; return its ``sum 0.5 f r^2`` and ``sum f``."""
        array, d = self.buffers.array, self.vector_size
        n, m, nnz = len(batch.row_ids), len(batch.col_ids), len(batch.log_count)
        a, b = array("a", n, d + 2), array("b", m, d + 2)
        np.take(self.rows.table, batch.row_ids, axis=0, out=a, mode="clip")
        np.take(self.columns.table, batch.col_ids, axis=0, out=b, mode="clip")
        pattern = Pattern(batch.row_ptr, batch.col_index.astype(np.int32), n, m)
        row = np.repeat(np.arange(n), batch.row_ptr[1:] - batch.row_ptr[:-1])

        f = self._weights(batch, row, pattern.col)
        r = array("r", nnz)
        self._products(a, b, row, pattern.col, r)
        r -= batch.log_count
        e = np.multiply(f, r, out=array("e", nnz))
        cost, weight = 0.5 * float(np.dot(e, r)), float(f.sum())
        squared = np.multiply(e, e, out=r)

        row_norm = np.einsum("ij,ij->i", a[:, :d], a[:, :d])
        col_norm = np.einsum("ij,ij->i", b[:, :d], b[:, :d])
        row_gradient, col_gradient = array("row_g", n, d + 2), array("col_g", m, d + 2)
        multiply(pattern, e, b, row_gradient)
        multiply_transposed(pattern, e, a, col_gradient)
        self._step(self.rows, batch.row_ids, a, row_gradient, multiply, pattern, f, squared, col_norm, b)
        self._step(self.columns, batch.col_ids, b, col_gradient, multiply_transposed, pattern, f, squared, row_norm, a)
        return cost, weight

    def _weights(self, batch, row, col):
        scaled = batch.log_count
        if self.rows.log_keep is not None and self.columns.log_keep is not None:
            scaled = scaled + self.rows.log_keep[batch.row_ids][row]
            scaled += self.columns.log_keep[batch.col_ids][col]
        return objective.weights(scaled, self.settings.x_max, self.settings.alpha)

    def _products(self, a, b, row, col, out) -> None:
        """Write ``a[row] . b[col]`` of every nonzero, through buffers that stay in cache."""
        width, nnz = a.shape[1], len(row)
        chunk = min(nnz, max(1000, 500_000 // width))
        left, right = self.buffers.array("left", chunk, width), self.buffers.array("right", chunk, width)
        for start in range(0, nnz, chunk):
            stop = min(start + chunk, nnz)
            x, y = left[: stop - start], right[: stop - start]
            np.take(a, row[start:stop], axis=0, out=x, mode="clip")
            np.take(b, col[start:stop], axis=0, out=y, mode="clip")
            if width < 64:
                np.einsum("ij,ij->i", x, y, out=out[start:stop])
            else:
                np.vecdot(x, y, out=out[start:stop])

    def _step(self, side, ids, values, gradient, product, pattern, f, squared, other_norm, other):
        s, d, array = self.settings, self.vector_size, self.buffers.array
        eta = np.float32(s.learning_rate)
        bias_eta = eta if s.bias_rate is None else np.float32(s.bias_rate)
        p = side.parameters
        n = len(ids)
        h = array("h", n)
        product(pattern, f, other_norm + np.float32(1), h)
        damping = h
        bias_sum = array("bias_sum", n)
        product(pattern, squared, np.ones(len(other_norm), dtype=np.float32), bias_sum)
        gb = p.bias_gradsq[ids]
        bias = values[:, side.bias_at] - bias_eta * gradient[:, side.bias_at] / (
            np.sqrt(gb) * (1 + np.float32(s.damping) * bias_eta * h)
        )
        p.bias_gradsq[ids] = gb + bias_sum * bias_eta**2
        damping = 1 + np.float32(s.damping) * eta * h
        gv = p.vector_gradsq[ids]
        if s.adagrad == "row":
            squares = array("squares", n)
            product(pattern, squared, other_norm, squares)
            gradient *= (eta / (np.sqrt(gv) * damping))[:, np.newaxis]
            p.vector_gradsq[ids] = gv + squares * (eta * eta / np.float32(d))
        else:
            squares = array("squares", n, d)
            product(pattern, squared, np.square(other[:, :d]), squares)
            gradient[:, :d] *= eta / (np.sqrt(gv) * damping[:, np.newaxis])
            p.vector_gradsq[ids] = gv + squares * (eta * eta)
        values -= gradient
        values[:, side.bias_at] = bias
        values[:, side.one_at] = 1
        side.table[ids] = values
