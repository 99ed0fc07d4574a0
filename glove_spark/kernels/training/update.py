"""Bounded block AdaGrad: train the parameters of one cell, batch by batch.

For one batch, with all parameters from before it, ``r = w.u + b + c - ln x`` and ``e = f(x) r``::

    g_i  = sum_j e_ij u_j
    h_i  = sum_j f_ij (|u_j|^2 + 1)
    w_i -= eta g_i / max( sqrt(G_i) (1 + kappa eta h_i), eta h_i )
    G_i += eta^2 sum_j e_ij^2 |u_j|^2 / d

and the same for u_j and, with their own accumulators, for both biases. h_i bounds the largest
eigenvalue of the Hessian of row i's least-squares problem in the batch, so no step is longer than
``g_i / h_i``, which cannot overshoot in any direction. A rare row (small h) takes the ordinary
AdaGrad step. In between, kappa makes the step that of an implicit update. Anchored biases take no
step; then row i's problem is only in w_i, and ``h_i = sum_j f_ij |u_j|^2``.

Differences from the reference program, for a batch of one nonzero: the bound and the damping;
biases use eta too, as in the formula above; gradients are not clipped, because the bound makes that
unnecessary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.cells import Batch, BatchedCell, Tiles
from glove_spark.kernels.training.adam import adam_step
from glove_spark.kernels.training.draws import ONE_DRAW, Draws
from glove_spark.kernels.training.objective import NO_TERMS, Objective, WordTerms
from glove_spark.kernels.training.parameters import Accumulators, Parameters
from glove_spark.kernels.training.products import Products, SparseProducts, TileProducts
from glove_spark.kernels.training.replica_weight import ReplicaWeight
from glove_spark.kernels.training.staying import StayingNear
from glove_spark.kernels.training.unobserved import UnobservedPairs
from glove_spark.kernels.training.words import CellWords, Words
from glove_spark.kernels.training.workspace import Workspace

Float32 = NDArray[np.float32]

_ZERO, _ONE = np.float32(0), np.float32(1)


@dataclass(frozen=True)
class StepSettings:
    """The settings of the update in one epoch.

    Parameters
    ----------
    learning_rate
        eta of this epoch.
    damping
        kappa, at least 0.
    objective
        The objective to minimise.
    adagrad
        ``"row"``: one accumulator per word; ``"element"``: one per coordinate, as in the reference
        program; ``"adam"``: Adam instead (see `adam`), without the bound and damping.
    """

    learning_rate: float
    damping: float
    objective: Objective
    adagrad: Accumulators


@dataclass(frozen=True)
class CellLoss:
    """The cost of training one cell.

    `cost_sum` is ``sum 0.5 f r^2`` over the nonzeros of the cell, each measured before the update
    of its batch; the sum over all cells divided by that of `nnz` is the published cost.
    `unobserved_sum` is the part of the second term in this cell, ``sum 0.5 nu g_i g_j / G (w_i .
    u_j)^2`` over all its pairs: the mean of its values before each step. `finite` is False if
    training was stopped because the cost was not finite.
    """

    cost_sum: float
    nnz: int
    unobserved_sum: float = 0.0

    @property
    def finite(self) -> bool:
        """Whether the cost is a finite number."""
        return math.isfinite(self.cost_sum + self.unobserved_sum)


def train_cell(
    cell: BatchedCell,
    rows: Parameters,
    columns: Parameters,
    settings: StepSettings,
    *,
    transposed: bool = False,
    rng: np.random.Generator | None = None,
    row_terms: WordTerms = NO_TERMS,
    col_terms: WordTerms = NO_TERMS,
    draws: Draws = ONE_DRAW,
    row_weight: ReplicaWeight | None = None,
    col_weight: ReplicaWeight | None = None,
) -> CellLoss:
    """Train on every nonzero of a cell once; mutate `rows` and `columns` in place.

    The steps of all pairs are taken between the batches, the last one after the last batch, so that
    the words of a cell without nonzeros are also pulled.

    Parameters
    ----------
    cell
        The nonzeros of the cell in batches.
    rows, columns
        The parameters of the row block and the column block.
    settings
        The constants of the update.
    transposed
        Whether `cell` contains the transpose of the requested cell.
    rng
        Draws the order of batches, and samples of words for the step of all pairs; None keeps the
        stored order.
    row_terms, col_terms
        The terms of the objective for the words of the blocks.
    draws
        The steps of all pairs, and of the pull towards reference vectors.
    row_weight, col_weight
        The weights of the blocks as replicas, to which those of this cell are added in place; None
        if they are not needed. Measuring them does not change the parameters.
    """
    objective = settings.objective
    # ln of (x k_i k_j / x_max)^alpha in three parts; x_max is part of the rows
    all_kept = np.zeros(1, dtype=np.float32)
    of_rows = all_kept if row_terms.log_keep is None else row_terms.log_keep
    of_rows = of_rows - np.float32(np.log(objective.x_max))
    of_cols = all_kept if col_terms.log_keep is None else col_terms.log_keep
    weighed = row_weight is not None or col_weight is not None
    words = CellWords(
        rows,
        columns,
        of_rows * objective.exponent,
        of_cols * objective.exponent,
        num_sums=(1 if objective.anchored else 2) if weighed else 0,
    )
    trainer = _Trainer(settings, words)
    unobserved = None
    if objective.unobserved > 0:
        unobserved = UnobservedPairs(
            words,
            (row_terms, col_terms),
            settings.learning_rate,
            objective.unobserved,
            draws,
            cell.num_visits,
            rng,
        )
    staying = None
    if objective.stay > 0:
        staying = StayingNear(
            words,
            (row_terms, col_terms),
            settings.learning_rate,
            objective.stay,
            # a pull is exact for its word, so few are enough
            max(1, draws.most // 4),
            cell.num_visits,
        )
    # the pull comes last: with a large mu, words end at their reference vectors
    others = [each for each in (unobserved, staying) if each is not None]
    cost_sum = 0.0
    # An overflow shows in the cost, which is returned to the caller.
    with np.errstate(over="ignore", invalid="ignore"):
        for batch, turned in cell.visits(rng):
            cost_sum += trainer.train(batch, turned=turned != transposed)
            if not math.isfinite(cost_sum):
                break
            for each in others:
                each.after_batch()
        else:
            for each in others:
                each.finish()
        words.store()
        if row_weight is not None:
            row_weight.add_sums(words.sums(0))
            row_weight.add_terms(objective, columns.vectors, row_terms, col_terms, draws)
        if col_weight is not None:
            col_weight.add_sums(words.sums(1))
            col_weight.add_terms(objective, rows.vectors, col_terms, row_terms, draws)
    unobserved_sum = 0.0 if unobserved is None else unobserved.cost
    return CellLoss(cost_sum, cell.total_nnz, unobserved_sum)


class _Trainer:
    """Updates batches, with the words of both sides in one array, so that one call handles both."""

    def __init__(self, settings: StepSettings, words: CellWords) -> None:
        self.words, self.vector_size = words, words.vector_size
        self.alpha, self.anchored = settings.objective.exponent, settings.objective.anchored
        self.eta, self.kappa = np.float32(settings.learning_rate), np.float32(settings.damping)
        self.adam = settings.adagrad == "adam"
        if self.adam and words.num_sums:
            raise ValueError(
                'adagrad="adam" measures no weights of replicas; omit row_weight and col_weight'
            )
        self.workspace = Workspace()

    def train(self, batch: Batch, *, turned: bool) -> float:
        """Update one batch, whose rows are in the column block if ``turned``; return its cost."""
        products: Products = (
            TileProducts(batch)
            if isinstance(batch, Tiles)
            else SparseProducts(batch, self.workspace)
        )
        array, n = self.workspace.array, products.num_rows
        ids = self.words.ids(batch, turned=turned)
        words = self._room(n + products.num_cols)
        self.words.gather(ids, words)
        values, log_weight = words.values, words.numbers[0]

        f = array("f", *products.shape)
        np.multiply(batch.log_count, self.alpha, out=f)
        f += products.at_rows(log_weight[:n])
        f += products.at_cols(log_weight[n:])
        np.minimum(f, _ZERO, out=f)
        np.exp(f, out=f)
        r = array("r", *products.shape)
        products.inner(values[:n], values[n:], r)
        r -= batch.log_count
        e = np.multiply(f, r, out=array("e", *products.shape))
        cost = 0.5 * float(np.vdot(e, r))

        if self.adam:
            values -= self._adam_step(products, words, f, e, turned=turned)
        else:
            rates = self._rates(products, words, f, squared_e=np.multiply(e, e, out=r))
            values -= self._step(products, values, e, *rates, scratch=(f, r))
        values[:n, self.words.bias_at(1 - turned)] = 1
        values[n:, self.words.bias_at(turned)] = 1
        self.words.scatter(ids, words)
        return cost

    def _room(self, number: int) -> Words:
        """Return buffers for the words of a batch."""
        array, tables = self.workspace.array, self.words.tables
        elements = None
        if tables.elements is not None:
            elements = array("elements", number, tables.elements.shape[1])
        return Words(
            values=array("values", number, self.vector_size + 2),
            numbers=array("numbers", len(tables.numbers), number),
            elements=elements,
        )

    def _adam_step(
        self, products: Products, words: Words, f: Float32, e: Float32, *, turned: bool
    ) -> Float32:
        """Return the steps to subtract from the words' values; update their moments."""
        if words.elements is None:
            raise ValueError(
                'adagrad="adam" needs parameters with its state; make them with initial_parameters'
            )
        d, n, values = self.vector_size, products.num_rows, words.values
        step = self.workspace.array("step", *values.shape)
        self._both_ways(products, e, e, values, out=step)
        # the gradient of the bias is in the column of the side's bias, one of the last two
        bias_of = slice(0, n), slice(n, None)
        columns = self.words.bias_at(turned), self.words.bias_at(1 - turned)
        gradient = np.empty((len(values), d + 1), dtype=np.float32)
        gradient[:, :d] = step[:, :d]
        for part, column in zip(bias_of, columns, strict=True):
            gradient[part, d] = 0 if self.anchored else step[part, column]
        met = self._sums(products, f, np.ones((1, len(values)), dtype=np.float32))[0] > 0
        moved = adam_step(words.elements, gradient, met, float(self.eta))
        step[:, :d], step[:, d:] = moved[:, :d], 0
        if not self.anchored:
            for part, column in zip(bias_of, columns, strict=True):
                step[part, column] = moved[part, d]
        return step

    def _rates(
        self, products: Products, words: Words, f: Float32, squared_e: Float32
    ) -> tuple[Float32, Float32 | None]:
        """Return the rates of the words' vectors and biases; add to the accumulators.

        Rates of vectors are (words,) or (words, d), as the accumulators are. Anchored biases have
        no rate, and are not part of the problem whose curvature is bounded.
        """
        d, squared_eta = self.vector_size, self.eta * self.eta
        vectors = words.values[:, :d]
        squared_norm = np.vecdot(vectors, vectors)[np.newaxis]
        first_sum = len(words.numbers) - self.words.num_sums
        gradsq = words.numbers[2 if self.anchored else 1 : first_sum]
        addends = np.empty_like(gradsq)
        if words.elements is None:
            np.multiply(squared_norm, squared_eta / np.float32(d), out=addends[-1:])
        if not self.anchored:
            addends[0] = squared_eta
        bound = self._sums(products, f, squared_norm if self.anchored else squared_norm + _ONE)
        if self.words.num_sums:
            pulls = bound
            if not self.anchored:
                both = np.concatenate([np.ones_like(squared_norm), squared_norm])
                pulls = self._sums(products, f, both)
            words.numbers[first_sum:] += pulls
        bound *= self.eta
        rates = self._rate(gradsq, bound)
        if len(addends):
            gradsq += self._sums(products, squared_e, addends)
        of_biases = None if self.anchored else rates[0]
        if words.elements is None:
            return rates[-1], of_biases
        of_elements = self._rate(words.elements, bound.reshape(-1, 1))
        squares = np.square(vectors)
        squares *= squared_eta
        added = self._both_ways(products, squared_e, squared_e, squares, out=np.empty_like(squares))
        np.add(words.elements, added, out=words.elements)
        return of_elements, of_biases

    def _rate(self, gradsq: Float32, bound: Float32) -> Float32:
        """Return the factors of gradients, from accumulators and ``eta h``."""
        rate = np.sqrt(gradsq)
        rate *= bound * self.kappa + _ONE
        np.maximum(rate, bound, out=rate)
        return np.divide(self.eta, rate, out=rate)

    def _step(
        self,
        products: Products,
        values: Float32,
        e: Float32,
        rate: Float32,
        bias_rate: Float32 | None,
        scratch: tuple[Float32, Float32],
    ) -> Float32:
        """Return the steps to subtract from `values`; overwrites `scratch`, of e's shape."""
        d, n = self.vector_size, products.num_rows
        by_row, by_col = e, e
        if rate.ndim == 1:
            # a word has fewer nonzeros than its vector has numbers, so its rate is applied to these
            by_row = np.multiply(e, products.at_rows(rate[:n]), out=scratch[0])
            by_col = np.multiply(e, products.at_cols(rate[n:]), out=scratch[1])
            bias_rate = None if bias_rate is None else bias_rate / rate
        room = self.workspace.array("step", *values.shape)
        step = self._both_ways(products, by_row, by_col, values, out=room)
        if rate.ndim == 2:
            step[:, :d] *= rate
        # one is the bias, and the other the constant 1, which is restored; one pass over both
        # columns would be a loop of two steps per word
        for column in (d, d + 1):
            if bias_rate is None:
                step[:, column] = 0
            else:
                step[:, column] *= bias_rate
        return step

    @staticmethod
    def _sums(products: Products, data: Float32, numbers: Float32) -> Float32:
        """Return the sums, over every word's entries, of data times the other side's `numbers`."""
        out, n = np.empty_like(numbers), products.num_rows
        products.sums(data, numbers[:, n:], out[:, :n])
        products.transposed_sums(data, numbers[:, :n], out[:, n:])
        return out

    @staticmethod
    def _both_ways(
        products: Products, by_row: Float32, by_col: Float32, values: Float32, out: Float32
    ) -> Float32:
        """Return the sums, over every word's entries, of data times the other side's `values`."""
        n = products.num_rows
        products.times(by_row, values[n:], out[:n])
        products.transposed_times(by_col, values[:n], out[n:])
        return out
