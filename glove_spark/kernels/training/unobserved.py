"""The term of unobserved pairs, which pulls all pairs of words towards independence.

Over all pairs of words, observed or not::

    0.5 nu sum_ij g_i g_j / G (w_i . u_j)^2

The sum is separable: with ``A = sum_j (g_j / sqrt G) u_j u_j^T``, (d, d), it is ``0.5 nu sum_i (g_i
/ sqrt G) w_i^T A w_i``. So V^2 pairs cost only two Gram matrices. The step of a word is implicit
(proximal): the minimum of its part of the sum plus ``|w - w_old|^2 / (2 rho)``::

    w = (I + a A)^-1 w_old,    a = rho nu g_i / sqrt G

It divides the component along an eigenvector of A with the eigenvalue L by ``1 + a L``. That is
done exactly along the first eigenvectors. Their eigenvalues are large; all others lie between 0 and
a much smaller H, where a straight line, through the values at two nodes x and y, is close::

    1 / (1 + a L)  ~  (1 + a (x + y) - a L) / ((1 + a x) (1 + a y))

So the others need one product with a matrix, the same for all words, instead of a rotation and the
rotation back. With Chebyshev's nodes of 0 to H, whose sum is H, the line is above 0 and at most 1
for every such L, and differs from the exact value by at most ``a^2 H^2 / 8`` parts of it. So the
step shrinks every direction and reverses none; it never overshoots. Xin et al. 2018 (AllVec) train
the same sum with Newton steps; the Gram matrix is that of Hu, Koren and Volinsky 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from glove_spark.kernels.training.draws import MEASURING_TIER, TIERS, Draws, tiers_of
from glove_spark.kernels.training.objective import WordTerms
from glove_spark.kernels.training.words import CellWords, Words

Float32 = NDArray[np.float32]

WORDS_AT_ONCE = 1024
"""Words that are handled at a time, so that derived arrays stay in the cache."""

EXACT_ONE_IN = 16
"""One in so many eigenvectors of A is among the first, along which a step is exact."""

LEAST_EXACT = 4
"""The first eigenvectors of small vectors."""

SAMPLED_ONE_IN = 16
"""Of the words of tiers after `MEASURING_TIER`, at least one in so many contributes to A, for the
others too. They are most words and less than half of A, so a sample gives nearly the same A in a
fraction of the time."""

LEAST_SAMPLED = 2
"""A sample has at least so many words per dimension."""


def gram_matrix(vectors: Float32, share: Float32) -> Float32:
    """Return ``sum_j share_j u_j u_j^T``, float32 (d, d).

    Parameters
    ----------
    vectors
        float32 (n, d).
    share
        float32 (n,), at least 0.
    """
    gram: Float32 = np.zeros((vectors.shape[1],) * 2, dtype=np.float32)
    weights = np.sqrt(share)[:, np.newaxis]
    # a part of the words at a time, whose scaled vectors stay in the cache
    for start in range(0, len(vectors), WORDS_AT_ONCE):
        some = slice(start, start + WORDS_AT_ONCE)
        scaled = vectors[some] * weights[some]
        # BLAS needs half the time for the product of an array with its own transpose
        gram += scaled.T @ scaled
    return gram


class Pull(NamedTuple):
    """What the step of all pairs needs of A, a symmetric, positive semidefinite matrix (d, d).

    Attributes
    ----------
    eigenvalues
        The k largest ones, (k,).
    eigenvectors
        Theirs, (d, k).
    rest_and_back
        A without them, and below it the transpose of `eigenvectors`, (d + k, d): one product
        with it pulls along all other directions and brings the first ones back.
    highest
        H, the largest of the other eigenvalues; 0 if there is none.
    """

    eigenvalues: Float32
    eigenvectors: Float32
    rest_and_back: Float32
    highest: np.float32

    @classmethod
    def of(cls, gram: Float32) -> Pull:
        """Decompose a Gram matrix."""
        d = len(gram)
        first = min(d, max(LEAST_EXACT, d // EXACT_ONE_IN))
        # one more, for `highest`; some eigenvectors take a quarter of the time of all
        found = min(d, first + 1)
        solved = scipy.linalg.eigh(gram, subset_by_index=(d - found, d - 1), check_finite=False)
        # rounding may give an eigenvalue below 0, and a step that grows
        levels = np.maximum(solved[0].astype(np.float32), 0)
        highest = levels[0] if first < d else np.float32(0)
        levels, basis = levels[-first:], solved[1][:, -first:].astype(np.float32, order="C")
        rest = gram - (basis * levels) @ basis.T if first < d else np.zeros_like(gram)
        return cls(levels, basis, np.concatenate([rest, basis.T]), highest)


def shrink(vectors: Float32, strength: Float32, pull: Pull) -> None:
    """Take the step of all words at once: ``w_i = (I + strength_i A)^-1 w_i``, in place.

    Parameters
    ----------
    vectors
        float32 (n, d), changed in place.
    strength
        float32 (n,), ``rho_i nu g_i / sqrt G``, at least 0.
    pull
        A of the other side.
    """
    one, d = np.float32(1), vectors.shape[1]
    size = min(len(vectors), WORDS_AT_ONCE)
    parts: Float32 = np.empty((size, len(pull.rest_and_back)), dtype=np.float32)
    for start in range(0, len(vectors), WORDS_AT_ONCE):
        some = vectors[start : start + WORDS_AT_ONCE]
        a = strength[start : start + WORDS_AT_ONCE]
        # the line, (1 + a H - a L) / (1 + a H + a^2 H^2 / 8): its value at 0 first
        times_highest = a * pull.highest
        raised = one + times_highest
        kept = one / (one + times_highest / raised * times_highest / np.float32(8))
        pulled = parts[: len(some)]
        np.multiply(some, (-a * kept / raised)[:, np.newaxis], out=pulled[:, :d])
        # it keeps the first eigenvectors as if their eigenvalues were 0; words in the last axis,
        # because there are few eigenvectors
        first = pull.eigenvectors.T @ some.T
        first *= one / (one + pull.eigenvalues[:, np.newaxis] * a) - kept
        pulled[:, d:] = first.T
        some *= kept[:, np.newaxis]
        some += pulled @ pull.rest_and_back


def gram_cost(rows: Float32, columns: Float32) -> float:
    """Return ``sum 0.5 g_i g_j / G (w_i . u_j)^2`` over a cell, from both Gram matrices."""
    return 0.5 * float(np.vdot(rows.astype(np.float64), columns.astype(np.float64)))


class UnobservedPairs:
    """The pairs of one cell, observed or not, during training; it changes the tables of words.

    Frequent words, the first of a block, take more steps (see ``draws``).

    Parameters
    ----------
    words
        The tables of both sides.
    terms
        The terms of rows and of columns, with `share`.
    learning_rate, unobserved
        eta and nu.
    draws
        The steps to take; those of a tier have an equal part of nu each.
    num_visits
        The number of visits of the batches of the cell, over which steps are distributed.
    rng
        Draws samples of rare words; None takes the first of each.
    """

    def __init__(
        self,
        words: CellWords,
        terms: Sequence[WordTerms],
        learning_rate: float,
        unobserved: float,
        draws: Draws,
        num_visits: int,
        rng: np.random.Generator | None = None,
    ) -> None:
        sides = [
            _Side(words.block(number), words.vector_size, share_of(term))
            for number, term in enumerate(terms)
        ]
        self._tiers = [
            [side.part(places) for places in tiers_of(len(side.share))] for side in sides
        ]
        self._grams: list[dict[int, Float32]] = [{}, {}]
        self._pulls: list[Pull] = []
        self._measured = 0
        self._nu, self._draws, self._rng = unobserved, draws, rng
        self._strengths = [
            learning_rate * unobserved * visits / max(1, steps)
            for steps, visits in zip(*draws, strict=True)
        ]
        self._due = [-(-step * num_visits // draws.most) for step in range(1, draws.most + 1)]
        self._batches = self._taken = 0
        self._costs = 0.0

    @property
    def cost(self) -> float:
        """``sum 0.5 nu g_i g_j / G (w_i . u_j)^2``, the mean of the values that were measured."""
        return self._nu * self._costs / max(1, self._measured)

    def after_batch(self) -> None:
        """Take a step if one is due."""
        self._batches += 1
        if self._taken < self._draws.most and self._batches >= self._due[self._taken]:
            self._step()

    def finish(self) -> None:
        """Take the remaining steps: for a cell of few batches, all of them."""
        while self._taken < self._draws.most:
            self._step()

    def _step(self) -> None:
        """Take a step on both sides, each with the other side's values from before the step."""
        self._taken += 1
        taking = [tier for tier in range(len(TIERS)) if self._draws.taken(tier, self._taken)]
        if taking[-1] >= MEASURING_TIER or not self._pulls:
            self._measure(taking[-1])
        if not np.isfinite(self._costs):
            return
        for tiers, pull in zip(self._tiers, reversed(self._pulls), strict=True):
            for tier in taking:
                tiers[tier].shrink(self._strengths[tier], pull)

    def _measure(self, last: int) -> None:
        """Measure A of both sides, and the cost; those of tiers after the `last` as they were."""
        for tiers, grams in zip(self._tiers, self._grams, strict=True):
            for tier, words in enumerate(tiers):
                if tier <= last or tier not in grams:
                    some = words if tier <= MEASURING_TIER else words.sample(self._rng)
                    grams[tier] = some.gram()
        both = [np.sum(list(grams.values()), axis=0) for grams in self._grams]
        self._measured += 1
        self._costs += gram_cost(*both)
        if np.isfinite(self._costs):
            self._pulls = [Pull.of(gram) for gram in both]


class _Side(NamedTuple):
    """Some words of one side of a cell."""

    words: Words
    vector_size: int
    share: Float32

    def part(self, which: slice) -> _Side:
        """Return some of the words, as views."""
        return _Side(self.words.part(which), self.vector_size, self.share[which])

    def sample(self, rng: np.random.Generator | None) -> _Side:
        """Return views of every k-th word, with k times its share."""
        fitting = len(self.share) // (LEAST_SAMPLED * self.vector_size)
        every = max(1, min(SAMPLED_ONE_IN, fitting))
        first = 0 if rng is None else int(rng.integers(every))
        some = self.part(slice(first, None, every))
        return some._replace(share=some.share * np.float32(every))

    def gram(self) -> Float32:
        """Return the Gram matrix of the words."""
        return gram_matrix(self.words.values[:, : self.vector_size], self.share)

    def shrink(self, strength: float, pull: Pull) -> None:
        """Take the step of the words; ``strength`` is eta nu."""
        elements = self.words.elements
        gradsq = self.words.numbers[2] if elements is None else elements.mean(axis=1)
        factor = np.float32(strength) * self.share / np.sqrt(gradsq)
        shrink(self.words.values[:, : self.vector_size], factor.astype(np.float32), pull)


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
