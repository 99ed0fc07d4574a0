"""Scale published vectors, so that both sides of a word can start from them.

Published vectors r are one per word; a model has two, w and u. A scale s is fitted with both at
``s r``, so that the product of two words is ``s^2 r_i . r_j``. It minimises the objective over
known words::

    sum f (a + s^2 q - t)^2 + nu s^4 sum_ij (g_i g_j / G) q_ij^2

with ``q_ij = r_i . r_j`` and ``t = ln x - b_i - c_j``. The first sum is over a sample of the
nonzeros, scaled up; the second, over all pairs, is a product of two Gram matrices. If biases are
anchored, they are fixed and a is 0. Trained biases start from the frequencies of the words, and
half of a is added to each.

Both sides start at ``l s r`` with l = `START_LENGTH`. The fit makes the vectors as long as is best
without training. But training turns a word by about its step divided by its length, and what the
vectors contain beside the subject of the text does not shrink in a few epochs: it stays in the
vectors, at full length. From shorter ones, each direction grows as far as the text supports it, as
it does from random vectors. ``s r`` remains the reference of `staying`, so with a large mu the
vectors get their full length again.

The two sides need not differ at the start. Training changes one word after the other, so it
separates them where the text asks for it; a random difference that cancels in w + u only raised the
held-out cost (docs/ADAPT.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.training.parameters import Accumulators, Parameters, initial_state

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

KNOWN_GRADSQ = 1.5
"""The accumulators of known words. Those of new words start at 1, so new words take longer steps.
With 10, the value of the most frequent words after five epochs, known words learn too little
(docs/ADAPT.md)."""

START_LENGTH = 0.5
"""The length l of the vectors at the start, as a share of the fitted one (docs/ADAPT.md)."""


class Sample(NamedTuple):
    """Some nonzeros between known words: (n,) each.

    Attributes
    ----------
    weights, products, targets
        f, q and t.
    """

    weights: Float64
    products: Float64
    targets: Float64


class Fit(NamedTuple):
    """The scale s of the vectors, and half of the intercept a at the length of the start."""

    scale: float
    bias: float


def fit_scale(
    samples: Iterable[Sample],
    *,
    unobserved: float,
    sample_share: float,
    with_intercept: bool,
    length: float = 1.0,
) -> Fit | None:
    """Find the scale by weighted least squares.

    Parameters
    ----------
    samples
        Parts of the sample.
    unobserved
        ``nu sum_ij (g_i g_j / G) q_ij^2`` over all pairs of known words.
    sample_share
        The share of the sample in all nonzeros.
    with_intercept
        Whether a is fitted; otherwise it is 0.
    length
        l; the intercept returned is the best for vectors ``l s r``.

    Returns
    -------
    `Fit` or None
        None if the products of the vectors do not increase with the counts, so that no scale fits.
    """
    f = fq = fqq = ft = fqt = 0.0
    for weights, q, t in samples:
        f += float(weights.sum())
        fq += float(weights @ q)
        fqq += float(weights @ (q * q))
        ft += float(weights @ t)
        fqt += float(weights @ (q * t))
    fqq += unobserved * sample_share
    if with_intercept and f > 0:
        fqq -= fq * fq / f
        fqt -= fq * ft / f
    if not (fqq > 0 and fqt > 0):
        return None
    square = fqt / fqq
    intercept = (ft - length**2 * square * fq) / f if with_intercept else 0.0
    return Fit(float(np.sqrt(square)), float(intercept / 2))


def frequency_biases(counts: NDArray[np.int64]) -> Float64:
    """Return ``ln(n_i / sqrt N)`` for counts n_i with sum N: the biases of independent words."""
    found = np.maximum(counts, 1).astype(np.float64)
    logs: Float64 = np.log(found / np.sqrt(found.sum()))
    return logs


def published_parameters(vectors: Float32, biases: Float32, adagrad: Accumulators) -> Parameters:
    """Return the parameters of known words from their scaled vectors (n, d) and biases (n,).

    Adam's moments start at 0, as for all other words.
    """
    gradsq = initial_state(vectors.shape, adagrad)
    if adagrad != "adam":
        gradsq[...] = KNOWN_GRADSQ
    return Parameters(
        vectors=vectors,
        biases=biases,
        vector_gradsq=gradsq,
        bias_gradsq=np.full(len(vectors), KNOWN_GRADSQ, np.float32),
    )
