"""The weighted least-squares objective of GloVe.

For every nonzero count X_ij (Pennington et al. 2014, equations 8 and 9)::

    r_ij = w_i . u_j + b_i + c_j - ln X_ij
    cost = sum 0.5 f(X_ij) r_ij^2            f(x) = min(1, (x / x_max)^alpha)

Published costs are means: the sum divided by the number of nonzeros, each measured before the
update that it causes, as the reference C program prints them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]


def log_keep_factors(counts: NDArray[np.int64], subsample: float) -> NDArray[np.float32]:
    """Return ln k of each word, by which f takes frequent words' counts as smaller than they are.

    ``k = min(1, sqrt(t / p) + t / p)``, where p is the word's share of all tokens and t is
    `subsample`: the expected share of a word's tokens that word2vec's subsampling keeps. Using
    ``f(X_ij k_i k_j)`` weights as subsampling would; what it would do to ln X_ij itself is the
    additive ``ln k_i + ln k_j``, which the biases absorb.

    Parameters
    ----------
    counts
        int64 (V,), tokens of each word in the corpus.
    subsample
        t, usually 1e-4; 0 keeps every word in full. A word of average frequency is always kept in
        full: t is at least 1 / V.

    Returns
    -------
    NDArray
        float32 (V,), natural logarithms, 0 for words that are kept in full.
    """
    if subsample == 0:
        return np.zeros(len(counts), dtype=np.float32)
    # in a vocabulary of a few hundred words all are frequent, and none is too frequent
    ratio = max(subsample, 1 / len(counts)) * counts.sum() / np.maximum(counts, 1)
    keep = np.minimum(1.0, np.sqrt(ratio) + ratio)
    log_keep: NDArray[np.float32] = np.log(keep).astype(np.float32)
    return log_keep


def weights(log_counts: NDArray[np.float32], x_max: float, alpha: float) -> NDArray[np.float32]:
    """Return f of counts given as natural logarithms, float32 of the same shape, in (0, 1]."""
    f = log_counts - np.float32(np.log(x_max))
    f *= np.float32(alpha)
    np.minimum(f, np.float32(0), out=f)
    np.exp(f, out=f)
    return f


def residuals(
    vectors: Float, biases: Float, context: Float, context_biases: Float, log_counts: Float
) -> Float:
    """Return r of a dense matrix, (n, m), from vectors (n, d) and context vectors (m, d)."""
    return vectors @ context.T + biases[:, np.newaxis] + context_biases - log_counts


def dense_cost(
    vectors: Float,
    biases: Float,
    context: Float,
    context_biases: Float,
    log_counts: Float,
    f: Float,
) -> float:
    """Return the cost, a sum, over a dense matrix; f (n, m) is 0 where there is no nonzero."""
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
    """Return the gradients of `dense_cost` by its first four arguments, in their shapes."""
    e = f * residuals(vectors, biases, context, context_biases, log_counts)
    return e @ context, e.sum(axis=1), e.T @ vectors, e.sum(axis=0)
