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

from glove_spark.kernels.cells import BatchedCell, Sparse, Tiles
from glove_spark.kernels.parameters import Parameters
from glove_spark.kernels.side import Side, SideView, Sums, UpdateSettings
from glove_spark.kernels.sparse import Pattern, Workspace, multiply, multiply_transposed

Float32 = NDArray[np.float32]

_GATHER_FLOATS = 500_000
"""Floats gathered at a time for each side; twice this, 4 MB, measured best with 1 MB of L2."""

_EINSUM_WIDTH = 64
"""Below this width einsum takes inner products faster than a stack of tiny matmuls."""


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
    sides = (
        Side(rows, is_row=True, log_keep=row_log_keep, settings=settings),
        Side(columns, is_row=False, log_keep=col_log_keep, settings=settings),
    )
    trainer = _Trainer(np.float32(settings.alpha))
    cost_sum = weight_sum = 0.0
    # An overflow shows in the cost, which the caller is told about.
    with np.errstate(over="ignore", invalid="ignore"):
        for batch, turned in cell.visits(rng):
            first, second = sides if turned == transposed else sides[::-1]
            if isinstance(batch, Tiles):
                cost, weight = trainer.train_tiles(batch, first, second)
            else:
                cost, weight = trainer.train_sparse(batch, first, second)
            cost_sum += cost
            weight_sum += weight
            if not math.isfinite(cost_sum):
                break
    for side in sides:
        side.store()
    return CellLoss(cost_sum, weight_sum, cell.total_nnz)


class _Trainer:
    """Updates batches; `first` is the side of a batch's rows, `second` that of its columns."""

    def __init__(self, alpha: np.float32) -> None:
        self.alpha = alpha
        self.buffers = Workspace()

    def train_tiles(self, batch: Tiles, first: Side, second: Side) -> tuple[float, float]:
        """Update one batch; return its ``sum 0.5 f r^2`` and ``sum f``."""
        array = self.buffers.array
        shape = batch.log_count.shape
        one, other = first.in_tiles(shape[1]), second.in_tiles(shape[1])
        a = self._gathered("rows", one, batch.row_ids)
        b = self._gathered("columns", other, batch.col_ids)

        f = np.multiply(batch.log_count, self.alpha, out=array("f", *shape))
        f += one.log_weight[batch.row_ids][:, :, np.newaxis]
        f += other.log_weight[batch.col_ids][:, np.newaxis, :]
        np.minimum(f, np.float32(0), out=f)
        np.exp(f, out=f)
        r = np.matmul(a, b.transpose(0, 2, 1), out=array("r", *shape))
        r -= batch.log_count
        e = np.multiply(f, r, out=array("e", *shape))
        cost, weight = 0.5 * float(np.dot(e.ravel(), r.ravel())), float(f.sum())

        squared_e = np.multiply(e, e, out=r)
        norms_a, squares_a = one.squares(a)
        norms_b, squares_b = other.squares(b)
        to_a = Sums(
            np.matmul(e, b, out=array("row gradient", *a.shape)),
            np.matmul(f, norms_b)[..., 0],
            np.matmul(squared_e, squares_b),
        )
        to_b = Sums(
            np.matmul(e.transpose(0, 2, 1), a, out=array("column gradient", *b.shape)),
            np.matmul(f.transpose(0, 2, 1), norms_a)[..., 0],
            np.matmul(squared_e.transpose(0, 2, 1), squares_a),
        )
        one.step(batch.row_ids, a, to_a)
        other.step(batch.col_ids, b, to_b)
        return cost, weight

    def train_sparse(self, batch: Sparse, first: Side, second: Side) -> tuple[float, float]:
        """Update one batch; return its ``sum 0.5 f r^2`` and ``sum f``."""
        array = self.buffers.array
        n, m, nnz = len(batch.row_ids), len(batch.col_ids), len(batch.log_count)
        one, other = first.in_words(), second.in_words()
        a = self._gathered("rows", one, batch.row_ids)
        b = self._gathered("columns", other, batch.col_ids)
        counts = np.diff(batch.row_ptr)
        row = np.repeat(np.arange(n), counts)
        pattern = Pattern(batch.row_ptr, batch.col_index.astype(np.int32), n, m)

        f = np.multiply(batch.log_count, self.alpha, out=array("f", nnz))
        f += np.repeat(one.log_weight[batch.row_ids], counts)
        f += np.take(other.log_weight[batch.col_ids], pattern.col)
        np.minimum(f, np.float32(0), out=f)
        np.exp(f, out=f)
        r = array("r", nnz)
        self._products(a, b, row, pattern.col, r)
        r -= batch.log_count
        e = np.multiply(f, r, out=array("e", nnz))
        cost, weight = 0.5 * float(np.dot(e, r)), float(f.sum())

        squared_e = np.multiply(e, e, out=r)
        norms_a, squares_a = one.squares(a)
        norms_b, squares_b = other.squares(b)
        to_a = Sums(
            multiply(pattern, e, b, array("row gradient", n, b.shape[1])),
            multiply(pattern, f, norms_b, array("row curvature", n, 1))[:, 0],
            multiply(pattern, squared_e, squares_b, array("row squares", n, squares_b.shape[1])),
        )
        to_b = Sums(
            multiply_transposed(pattern, e, a, array("column gradient", m, a.shape[1])),
            multiply_transposed(pattern, f, norms_a, array("column curvature", m, 1))[:, 0],
            multiply_transposed(
                pattern, squared_e, squares_a, array("column squares", m, squares_a.shape[1])
            ),
        )
        one.step(batch.row_ids, a, to_a)
        other.step(batch.col_ids, b, to_b)
        return cost, weight

    def _gathered(self, name: str, view: SideView, ids: NDArray[np.int32]) -> Float32:
        buffer = self.buffers.array(name, len(ids), *view.table.shape[1:])
        return np.take(view.table, ids, 0, buffer, "clip")

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
