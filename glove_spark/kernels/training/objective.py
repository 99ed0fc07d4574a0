"""The weighted least-squares objective of GloVe, and the term of unobserved pairs.

For every nonzero count X_ij (Pennington et al. 2014, equations 8 and 9)::

    r_ij = w_i . u_j + b_i + c_j - ln X_ij
    cost = sum 0.5 f(X_ij) r_ij^2            f(x) = min(1, (x / x_max)^alpha)

and, over all pairs, observed or not, ``0.5 nu g_i g_j / G (w_i . u_j)^2``, where g are the sums of
f over rows and columns (``g_i = sum_j f_ij``), and G is their total (see `unobserved`).

Published costs are means: the sum of each term divided by the number of nonzeros, measured before
the update that it causes, as printed by the reference program in C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.counting.subsampling import kept_shares

Float = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Objective:
    """The objective to minimise, for all parts of training.

    Parameters
    ----------
    x_max, alpha
        Parameters of the weight ``f(x) = min(1, (x / x_max)^alpha)`` of an observed pair.
    unobserved
        nu, the weight of the second term, at least 0; 0 omits the term.
    anchored
        Whether biases are fixed at their anchors (see `margins`); otherwise they are trained.
    context_smoothing
        s, the exponent of the column sums in the anchors of context words.
    stay
        mu, the weight that keeps words near reference vectors (see `staying`); 0 is off.

    Without the last four it is the paper's objective.
    """

    x_max: float
    alpha: float
    unobserved: float = 0.0
    anchored: bool = False
    context_smoothing: float = 1.0
    stay: float = 0.0

    @property
    def needs_margins(self) -> bool:
        """Whether it needs sums over the rows and columns of the whole matrix."""
        return self.anchored or self.unobserved > 0

    @property
    def exponent(self) -> np.float32:
        """Return alpha, above 0: with 0, entries without a nonzero would have a weight in tiles."""
        return np.float32(max(self.alpha, 1e-20))

    def weights(self, log_counts: Float32) -> Float32:
        """Return f of counts given as natural logarithms, float32 of the same shape, 0 to 1."""
        f = log_counts - np.float32(np.log(self.x_max))
        f *= self.exponent
        np.minimum(f, np.float32(0), out=f)
        np.exp(f, out=f)
        return f


class References(NamedTuple):
    """The vectors that some words of a block are kept near.

    Attributes
    ----------
    places
        int64 (k,), the words of the block that have one, ascending.
    vectors
        float32 (k, d).
    visit_share
        The share of mu for one visit of a cell: 1 divided by the visits of the block per epoch.
    """

    places: NDArray[np.int64]
    vectors: Float32
    visit_share: float = 1.0


class WordTerms(NamedTuple):
    """The terms of the objective for the n words of a block, on one side of the matrix.

    Attributes
    ----------
    log_keep
        float32 (n,), ``ln k`` (`log_keep_factors`); None without subsampling.
    share
        float32 (n,), ``g / sqrt(G)`` (`margins`); None without the second term.
    references
        The reference vectors; None if no word is kept near one.
    """

    log_keep: Float32 | None = None
    share: Float32 | None = None
    references: References | None = None


NO_TERMS = WordTerms()


def log_keep_factors(counts: NDArray[np.int64], subsample: float) -> Float32:
    """Return ln k of each word, with which f treats counts of frequent words as smaller.

    ``k = min(1, sqrt(t / p) + t / p)``, where p is the word's share of all tokens and t is
    `subsample`: the expected share of a word's tokens that word2vec's subsampling keeps. The weight
    ``f(X_ij k_i k_j)`` is that of subsampled counts. Subsampling would also add ``ln k_i + ln k_j``
    to ln X_ij, which the biases absorb.

    Parameters
    ----------
    counts
        int64 (V,), tokens of each word in the corpus.
    subsample
        t, usually 1e-4; 0 is no subsampling. Words of average frequency are never subsampled,
        because t is at least 1 / V.

    Returns
    -------
    NDArray
        float32 (V,), natural logarithms; 0 for words that are not subsampled.
    """
    if subsample == 0:
        return np.zeros(len(counts), dtype=np.float32)
    # in a vocabulary of a few hundred words, all are frequent, and none is too frequent
    keep = kept_shares(counts, max(subsample, 1 / len(counts)))
    log_keep: Float32 = np.log(keep).astype(np.float32)
    return log_keep


def residuals(
    vectors: Float, biases: Float, context: Float, context_biases: Float, log_counts: Float
) -> Float:
    """Return r for a dense matrix, (n, m), from vectors (n, d) and context vectors (m, d)."""
    return vectors @ context.T + biases[:, np.newaxis] + context_biases - log_counts


def dense_cost(
    vectors: Float,
    biases: Float,
    context: Float,
    context_biases: Float,
    log_counts: Float,
    f: Float,
) -> float:
    """Return the cost, a sum, over a dense matrix; f (n, m) is 0 for entries without a nonzero."""
    r = residuals(vectors, biases, context, context_biases, log_counts)
    return float(0.5 * np.sum(f * r * r))


def dense_gradients(
    vectors: Float,
    biases: Float,
    context: Float,
    context_biases: Float,
    log_counts: Float,
    f: Float,
) -> tuple[Float, Float, Float, Float]:
    """Return the gradients of `dense_cost` with respect to its first four arguments."""
    e = f * residuals(vectors, biases, context, context_biases, log_counts)
    return e @ context, e.sum(axis=1), e.T @ vectors, e.sum(axis=0)


def dense_unobserved_cost(vectors: Float, context: Float, share: Float, col_share: Float) -> float:
    """Return ``sum 0.5 g_i g_j / G (w_i . u_j)^2`` of all pairs, without nu.

    Parameters
    ----------
    share, col_share
        ``g / sqrt(G)`` of rows (n,) and of columns (m,).
    """
    return float(0.5 * share @ (vectors @ context.T) ** 2 @ col_share)


def dense_unobserved_gradients(
    vectors: Float, context: Float, share: Float, col_share: Float
) -> tuple[Float, Float]:
    """Return the gradients of `dense_unobserved_cost` with respect to its first two arguments."""
    e = share[:, np.newaxis] * (vectors @ context.T) * col_share
    return e @ context, e.T @ vectors
