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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.cells import Batch, BatchedCell, Tiles
from glove_spark.kernels.parameters import Accumulators, Parameters
from glove_spark.kernels.products import Products, SparseProducts, TileProducts
from glove_spark.kernels.side import Side
from glove_spark.kernels.workspace import Workspace

Float32 = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)


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
    adagrad: Accumulators


@dataclass(frozen=True)
class CellLoss:
    """What training one cell cost.

    `cost_sum` is ``sum 0.5 f r^2`` over the cell's nonzeros, each measured before its batch's
    update; divided by `nnz` and added up over cells it is the published cost. `finite` is False
    where training was stopped because the cost no longer was.
    """

    cost_sum: float
    nnz: int

    @property
    def finite(self) -> bool:
        """Whether the cost is a finite number."""
        return math.isfinite(self.cost_sum)


def train_cell(
    cell: BatchedCell,
    rows: Parameters,
    columns: Parameters,
    settings: UpdateSettings,
    *,
    transposed: bool = False,
    rng: np.random.Generator | None = None,
    row_log_keep: Float32 | None = None,
    col_log_keep: Float32 | None = None,
) -> CellLoss:
    """Visit every batch of a cell once, mirrored ones twice; mutate `rows` and `columns` in place.

    Parameters
    ----------
    cell
        The cell's nonzeros in batches.
    rows, columns
        The parameters of the cell's row block and column block.
    settings
        The update's constants.
    transposed
        `cell` holds the transpose of what is to be trained.
    rng
        Draws the order in which batches are visited; None visits them as they are stored.
    row_log_keep, col_log_keep
        float32, ``ln k`` of the block's words (`objective.log_keep_factors`), None for all kept.
    """
    # ln of (x k_i k_j / x_max)^alpha in three parts, x_max counted with the rows
    alpha = np.float32(settings.alpha)
    all_kept = np.zeros(1, dtype=np.float32)
    of_rows = all_kept if row_log_keep is None else row_log_keep
    of_rows = of_rows - np.float32(np.log(settings.x_max))
    of_cols = all_kept if col_log_keep is None else col_log_keep
    sides = (
        Side(rows, of_rows * alpha, is_row=True),
        Side(columns, of_cols * alpha, is_row=False),
    )
    trainer = _Trainer(settings, rows.vectors.shape[1])
    cost_sum = 0.0
    # An overflow shows in the cost, which the caller is told about.
    with np.errstate(over="ignore", invalid="ignore"):
        for batch, turned in cell.visits(rng):
            cost_sum += trainer.train(batch, *(sides if turned == transposed else sides[::-1]))
            if not math.isfinite(cost_sum):
                break
    for side in sides:
        side.store()
    return CellLoss(cost_sum, cell.total_nnz)


class _Trainer:
    """Updates batches, the words of both sides in one array, so that one call serves both."""

    def __init__(self, settings: UpdateSettings, vector_size: int) -> None:
        self.vector_size = vector_size
        self.alpha = np.float32(settings.alpha)
        self.eta, self.kappa = np.float32(settings.learning_rate), np.float32(settings.damping)
        self.row_accumulators = settings.adagrad == "row"
        self.workspace = Workspace()
        # what a sum of e^2 |u|^2, or of e^2 u^2, and one of e^2 add to the accumulators
        shares = [1 / vector_size] if settings.adagrad == "row" else [1.0] * vector_size
        scale = settings.learning_rate**2
        self.gradsq_scale = np.array([*shares, 1.0], dtype=np.float32) * np.float32(scale)

    def train(self, batch: Batch, first: Side, second: Side) -> float:
        """Update one batch, whose rows are of `first`; return ``sum 0.5 f r^2``."""
        products: Products = (
            TileProducts(batch)
            if isinstance(batch, Tiles)
            else SparseProducts(batch, self.workspace)
        )
        array, d, n = self.workspace.array, self.vector_size, products.num_rows
        words = n + products.num_cols
        values = array("values", words, d + 2)
        state = array("state", words, first.state.shape[1])
        first.gather(batch.row_ids, values[:n], state[:n])
        second.gather(batch.col_ids, values[n:], state[n:])

        f = array("f", *products.shape)
        np.multiply(batch.log_count, self.alpha, out=f)
        products.add(f, state[:n, -1], state[n:, -1])
        np.minimum(f, _ZERO, out=f)
        np.exp(f, out=f)
        r = array("r", *products.shape)
        products.inner(values[:n], values[n:], r)
        r -= batch.log_count
        e = np.multiply(f, r, out=array("e", *products.shape))
        cost = 0.5 * float(np.dot(e.ravel(), r.ravel()))
        squared_e = np.multiply(e, e, out=r)

        # what both sides' words mean to the other: [|u|^2, 1] or [u_1^2 ... u_d^2, 1]
        squares = array("squares", words, state.shape[1] - 1)
        squares[:, -1] = 1
        if self.row_accumulators:
            np.einsum("ij,ij->i", values[:, :d], values[:, :d], out=squares[:, 0])
        else:
            np.square(values[:, :d], out=squares[:, :-1])
        gradient = array("gradient", words, d + 2)
        curvature = array("curvature", *squares.shape)
        gradsq = array("gradsq", *squares.shape)
        for data, source, target in (
            (e, values, gradient),
            (f, squares, curvature),
            (squared_e, squares, gradsq),
        ):
            products.times(data, source[n:], target[:n])
            products.transposed_times(data, source[:n], target[n:])
        self._step(values, state, gradient, curvature.sum(axis=1), gradsq)
        values[:n, first.one_at] = 1
        values[n:, second.one_at] = 1
        first.scatter(batch.row_ids, values[:n], state[:n])
        second.scatter(batch.col_ids, values[n:], state[n:])
        return cost

    def _step(
        self,
        values: Float32,
        state: Float32,
        gradient: Float32,
        curvature: Float32,
        gradsq: Float32,
    ) -> None:
        """Step `values` and add to the accumulators in `state`; overwrites the sums it is given."""
        d = self.vector_size
        curvature *= self.eta
        bound = curvature[:, np.newaxis]
        rate = np.sqrt(state[:, :-1])
        rate *= bound * self.kappa + _ONE
        np.maximum(rate, bound, out=rate)
        np.divide(self.eta, rate, out=rate)
        gradient[:, :d] *= rate[:, :-1]
        # the bias's, and beside it that of the constant 1, which is put back
        gradient[:, d:] *= rate[:, -1:]
        values -= gradient
        gradsq *= self.gradsq_scale
        state[:, :-1] += gradsq
