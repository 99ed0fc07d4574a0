"""One side of a cell while it is trained: its parameters in tables, and the step on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.cells import LARGEST_TILE
from glove_spark.kernels.parameters import Accumulators, Parameters

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


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


class Sums(NamedTuple):
    """What a side's words receive from a batch, all from before its update.

    The leading axes ``...`` are those of the ids: words of a sparse batch, (tile, row) of tiles.

    Attributes
    ----------
    gradient
        (..., d + 2): ``sum e [u, 1, c]``; overwritten by the step.
    curvature
        (...): h, ``sum f (|u|^2 + 1)``.
    squares
        (..., k): ``sum e^2`` times `Side.squares` of the other side.
    """

    gradient: Float32
    curvature: Float32
    squares: Float32


class Side:
    """The words of one block and side, as tables that batches gather from and scatter to.

    Rows are ``[w, b, 1]`` and columns ``[u, 1, c]``, so that a product of the two is
    ``w.u + b + c`` and a gradient with respect to one side comes with its bias's. Tables are padded
    to whole tiles by words that no nonzero has.

    Parameters
    ----------
    parameters
        Copied; `store` writes back to them.
    is_row
        Whether it is the word side, or the context side.
    log_keep
        float32 (n,), ``ln k`` of the words (`objective.log_keep_factors`).
    settings
        The update's constants.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        is_row: bool,
        log_keep: Float32 | None,
        settings: UpdateSettings,
    ) -> None:
        n, d = parameters.vectors.shape
        padded = -(-n // LARGEST_TILE) * LARGEST_TILE
        self.parameters = parameters
        self.settings = settings
        self.bias_at, self.one_at = (d, d + 1) if is_row else (d + 1, d)
        self.table = np.zeros((padded, d + 2), dtype=np.float32)
        self.table[:n, :d] = parameters.vectors
        self.table[:n, self.bias_at] = parameters.biases
        self.table[:, self.one_at] = 1
        per_vector = parameters.vector_gradsq.reshape(n, -1)
        self.gradsq = np.ones((padded, per_vector.shape[1] + 1), dtype=np.float32)
        self.gradsq[:n, :-1] = per_vector
        self.gradsq[:n, -1] = parameters.bias_gradsq
        # the word's share of ln(x k_i k_j / x_max) alpha, x_max counted on one side
        self.log_weight = np.zeros(padded, dtype=np.float32)
        if log_keep is not None:
            self.log_weight[:n] = log_keep
        if is_row:
            self.log_weight -= np.float32(np.log(settings.x_max))
        self.log_weight *= np.float32(settings.alpha)

    def store(self) -> None:
        """Write the tables back to the parameters that they were made from."""
        n, d = self.parameters.vectors.shape
        self.parameters.vectors[...] = self.table[:n, :d]
        self.parameters.biases[...] = self.table[:n, self.bias_at]
        self.parameters.vector_gradsq[...] = self.gradsq[:n, :-1].reshape(
            self.parameters.vector_gradsq.shape
        )
        self.parameters.bias_gradsq[...] = self.gradsq[:n, -1]

    def in_tiles(self, side: int) -> SideView:
        """Return the tables as stacks of `side` words, which ids of tiles number."""
        n = len(self.table) // side
        return SideView(
            self,
            self.table.reshape(n, side, -1),
            self.gradsq.reshape(n, side, -1),
            self.log_weight.reshape(n, side),
        )

    def in_words(self) -> SideView:
        """Return the tables by word."""
        return SideView(self, self.table, self.gradsq, self.log_weight)


class SideView(NamedTuple):
    """A side's tables in the shape that a batch's ids number: words, or stacks of words."""

    side: Side
    table: Float32
    gradsq: Float32
    log_weight: Float32

    def squares(self, values: Float32) -> tuple[Float32, Float32]:
        """Return what the other side's curvature and accumulators are summed from.

        Parameters
        ----------
        values
            (..., d + 2), rows of the table.

        Returns
        -------
        tuple
            (..., 1), ``|u|^2 + 1``; and (..., k), ``|u|^2 / d`` (or each coordinate's square) for
            the vectors' accumulators, and 1 for the biases'.
        """
        d = values.shape[-1] - 2
        vectors = values[..., :d]
        norms = np.einsum("...i,...i->...", vectors, vectors)
        squares = np.ones((*norms.shape, self.gradsq.shape[-1]), dtype=np.float32)
        if self.side.settings.adagrad == "row":
            np.divide(norms, np.float32(d), out=squares[..., 0])
        else:
            np.square(vectors, out=squares[..., :-1])
        norms += np.float32(1)
        return norms[..., np.newaxis], squares

    def step(self, ids: Int32, values: Float32, sums: Sums) -> None:
        """Take the bounded step on the words of a batch, and add to their accumulators.

        Parameters
        ----------
        ids
            The words, or tiles, no id twice.
        values
            Their rows of the table before the batch; overwritten.
        sums
            What they receive; overwritten.
        """
        side = self.side
        eta, kappa = np.float32(side.settings.learning_rate), np.float32(side.settings.damping)
        old = np.take(self.gradsq, ids, axis=0)
        bound = sums.curvature[..., np.newaxis]
        bound *= eta
        # eta / max(sqrt(G) (1 + kappa eta h), eta h)
        rate = np.sqrt(old)
        rate *= bound * kappa + np.float32(1)
        np.maximum(rate, bound, out=rate)
        np.divide(eta, rate, out=rate)
        squares = sums.squares
        squares *= eta * eta
        squares += old
        self.gradsq[ids] = squares

        gradient = sums.gradient
        bias_step = gradient[..., side.bias_at] * rate[..., -1]
        if rate.shape[-1] == 2:
            gradient *= rate[..., :1]
        else:
            gradient[..., :-2] *= rate[..., :-1]
        gradient[..., side.bias_at] = bias_step
        gradient[..., side.one_at] = 0
        values -= gradient
        self.table[ids] = values
