"""The term of unobserved pairs, which pulls all pairs of words towards independence.

Over all pairs of words, observed or not::

    0.5 nu sum_ij g_i g_j / G (w_i . u_j)^2

The sum is separable: with ``A = sum_j (g_j / sqrt G) u_j u_j^T``, (d, d), it is ``0.5 nu sum_i (g_i
/ sqrt G) w_i^T A w_i``. So V^2 pairs cost only two Gram matrices. The step of a word is implicit
(proximal): the minimum of its part of the sum plus ``|w - w_old|^2 / (2 rho)``::

    w = (I + rho nu g_i / sqrt G A)^-1 w_old

This is exact in the eigenbasis of A, ``A = Q L Q^T``. It shrinks every direction and reverses none,
so it never overshoots. Xin et al. 2018 (AllVec) train the same sum with Newton steps; the Gram
matrix is that of Hu, Koren and Volinsky 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.training.objective import WordTerms
from glove_spark.kernels.training.words import CellWords, Words

Float32 = NDArray[np.float32]

FREQUENT = 8
"""One in this many words of a block, the most frequent ones, takes more steps than the others."""

FREQUENT_DRAWS, OTHER_DRAWS = 16, 4
"""Steps per epoch of a frequent word, and of every other word, on each side of the matrix."""

LARGE_VECTORS = 200
"""From this number of dimensions on, half as many steps: a step costs d^2 per word, while batches
cost d per nonzero, and it shrinks a vector less, because A is spread over more directions."""


class Draws(NamedTuple):
    """The steps of one visit of a cell.

    Attributes
    ----------
    frequent
        Steps of the frequent words, distributed over the batches.
    others
        The number of these steps in which the other words also take part; 0 in some visits.
    visits
        The number of visits that a step of the others represents.
    """

    frequent: int = 1
    others: int = 1
    visits: int = 1


ONE_DRAW = Draws()


def num_frequent(num_words: int) -> int:
    """Return how many words of a block, its first ones, take part in every step."""
    return -(-num_words // FREQUENT)


def draws_of(
    num_blocks: int, vector_size: int, row_block: int, column_block: int, epoch: int
) -> Draws:
    """Return the steps to take in a visit of a cell.

    Every word takes about the same number of steps per epoch for any number of blocks P, although
    an epoch visits each of its P cells: with many blocks, the other words take steps only in some
    visits, and in those of other cells in the next epoch. Blocks are similar, because ids are
    distributed by modulo.

    >>> draws_of(2, 100, 0, 1, epoch=1)
    Draws(frequent=8, others=2, visits=1)
    >>> [draws_of(16, 100, 3, column, epoch=1).others for column in range(8)]
    [1, 0, 0, 0, 1, 0, 0, 0]
    """
    less = 2 if vector_size >= LARGE_VECTORS else 1
    of_frequent, of_others = FREQUENT_DRAWS // less, OTHER_DRAWS // less
    frequent = max(1, round(of_frequent / num_blocks))
    visits = max(1, num_blocks // of_others)
    if (row_block + column_block + epoch) % visits:
        return Draws(frequent, 0, visits)
    return Draws(frequent, max(1, round(of_others / num_blocks)), visits)


def gram_matrix(vectors: Float32, share: Float32) -> Float32:
    """Return ``sum_j share_j u_j u_j^T``, float32 (d, d).

    Parameters
    ----------
    vectors
        float32 (n, d).
    share
        float32 (n,), at least 0.
    """
    scaled = vectors * np.sqrt(share)[:, np.newaxis]
    # BLAS needs half the time for the product of an array with its own transpose
    gram: Float32 = scaled.T @ scaled
    return gram


def shrink(vectors: Float32, strength: Float32, gram: Float32) -> None:
    """Take the implicit step of all words at once: ``w_i = (I + strength_i A)^-1 w_i``, in place.

    Parameters
    ----------
    vectors
        float32 (n, d), changed in place.
    strength
        float32 (n,), ``rho_i nu g_i / sqrt G``, at least 0.
    gram
        A of the other side, symmetric, positive semidefinite.
    """
    levels, basis = np.linalg.eigh(gram)
    # rounding may give an eigenvalue below 0, and a step that grows
    np.maximum(levels, 0, out=levels)
    rotated = vectors @ basis
    rotated /= strength[:, np.newaxis] * levels + np.float32(1)
    np.matmul(rotated, basis.T, out=vectors)


def gram_cost(rows: Float32, columns: Float32) -> float:
    """Return ``sum 0.5 g_i g_j / G (w_i . u_j)^2`` over a cell, from both Gram matrices."""
    return 0.5 * float(np.vdot(rows.astype(np.float64), columns.astype(np.float64)))


class UnobservedPairs:
    """The pairs of one cell, observed or not, during training; it changes the tables of words.

    Frequent words, the first of a block, take more steps: they determine most of the Gram matrices,
    and with large vectors, steps of all words would take longer than the batches.

    Parameters
    ----------
    words
        The tables of both sides.
    terms
        The terms of rows and of columns, with `share`.
    learning_rate, unobserved
        eta and nu.
    draws
        The steps to take; those of frequent words have nu / draws.frequent each.
    num_visits
        The number of visits of the batches of the cell, over which steps are distributed.
    """

    def __init__(
        self,
        words: CellWords,
        terms: Sequence[WordTerms],
        learning_rate: float,
        unobserved: float,
        draws: Draws,
        num_visits: int,
    ) -> None:
        sides = [
            _Side(words.block(number), words.vector_size, share_of(term))
            for number, term in enumerate(terms)
        ]
        self._frequent = [side.part(slice(0, num_frequent(len(side.share)))) for side in sides]
        self._others = [side.part(slice(num_frequent(len(side.share)), None)) for side in sides]
        self._of_others = [side.gram() for side in self._others]
        self._nu, self._draws = unobserved, draws
        self._strength = learning_rate * unobserved
        steps = draws.frequent
        self._due = [-(-step * num_visits // steps) for step in range(1, steps + 1)]
        self._batches = self._taken = 0
        self._costs = 0.0

    @property
    def cost(self) -> float:
        """``sum 0.5 nu g_i g_j / G (w_i . u_j)^2``, the mean of its values before each step."""
        return self._nu * self._costs / max(1, self._taken)

    def after_batch(self) -> None:
        """Take a step if one is due."""
        self._batches += 1
        if self._taken < self._draws.frequent and self._batches >= self._due[self._taken]:
            self._step()

    def finish(self) -> None:
        """Take the remaining steps: for a cell of few batches, all of them."""
        while self._taken < self._draws.frequent:
            self._step()

    def _step(self) -> None:
        """Take a step on both sides, each with the other side's values from before the step."""
        self._taken += 1
        draws = self._draws
        of_all = self._taken * draws.others % draws.frequent == 0 and draws.others > 0
        if of_all:
            self._of_others = [side.gram() for side in self._others]
        grams = [
            frequent.gram() + others
            for frequent, others in zip(self._frequent, self._of_others, strict=True)
        ]
        self._costs += gram_cost(*grams)
        if not np.isfinite(self._costs):
            return
        for side, (frequent, others) in enumerate(zip(self._frequent, self._others, strict=True)):
            frequent.shrink(self._strength / draws.frequent, grams[1 - side])
            if of_all:
                others.shrink(self._strength * draws.visits / draws.others, grams[1 - side])


class _Side(NamedTuple):
    """Some words of one side of a cell."""

    words: Words
    vector_size: int
    share: Float32

    def part(self, which: slice) -> _Side:
        """Return some of the words, as views."""
        return _Side(self.words.part(which), self.vector_size, self.share[which])

    def gram(self) -> Float32:
        """Return the Gram matrix of the words."""
        return gram_matrix(self.words.values[:, : self.vector_size], self.share)

    def shrink(self, strength: float, gram: Float32) -> None:
        """Take the step of the words; ``strength`` is eta nu."""
        elements = self.words.elements
        gradsq = self.words.numbers[2] if elements is None else elements.mean(axis=1)
        factor = np.float32(strength) * self.share / np.sqrt(gradsq)
        shrink(self.words.values[:, : self.vector_size], factor.astype(np.float32), gram)


def share_of(terms: WordTerms) -> Float32:
    """Return the shares of the words.

    Raises
    ------
    ValueError
        If there are no shares.
    """
    if terms.share is None:
        raise ValueError("unobserved > 0 needs the share of every word; give it in WordTerms")
    return terms.share
