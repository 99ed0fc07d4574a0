"""The average vector of each of many documents.

The documents are rows of a sparse matrix of words, so their sums are one product with the matrix of
vectors. Vectors are not copied, as they would be if the vectors of all tokens were gathered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


def average_vectors(
    ids: NDArray[np.int32],
    ends: NDArray[np.int64],
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Average the vectors of the known tokens of every document.

    Parameters
    ----------
    ids
        (t,), the row of ``vectors`` of every token, one document after another; -1 is unknown.
    ends
        (n,), the end of each document in ``ids``.
    vectors
        (V, d), in memory or memory-mapped; not changed.
    weights
        (V,), the factor of each word's vector; 1 by default.

    Returns
    -------
    NDArray
        float32 (n, d): the weighted sum divided by the number of known tokens; zeros if no token is
        known.

    >>> vectors = np.array([[1, 0], [0, 1]], np.float32)
    >>> average_vectors(np.array([0, 1, -1, -1], np.int32), np.array([3, 4]), vectors)
    array([[0.5, 0.5],
           [0. , 0. ]], dtype=float32)
    """
    known = ids >= 0
    words = ids[known]
    known_before = np.concatenate([[0], np.cumsum(known)])
    bounds = np.concatenate([[0], known_before[ends]])
    counts = np.diff(bounds)
    # dividing first avoids large sums for long documents
    shares = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
    if weights is not None:
        shares *= weights[words]
    documents = csr_array((shares, words, bounds), shape=(len(ends), len(vectors)))
    return np.asarray(documents @ vectors, np.float32)


def frequency_weights(counts: NDArray[np.int64], smoothing: float) -> NDArray[np.float32]:
    """Return word weights ``a / (a + p)``, where p is the word's share of all tokens.

    Arora, Liang and Ma 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", whose a
    (``smoothing``) is from 1e-4 to 1e-3.

    Returns
    -------
    NDArray
        float32 (V,), from 0 to 1.
    """
    shares = counts / max(int(counts.sum()), 1)
    return np.asarray(smoothing / (smoothing + shares), np.float32)


def unit_weights(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the factor that scales each vector to length 1, float32 (V,); 0 for zero vectors.

    >>> unit_weights(np.array([[3, 4], [0, 0]], np.float32))
    array([0.2, 0. ], dtype=float32)
    """
    lengths = np.sqrt(np.vecdot(vectors, vectors))
    found: NDArray[np.float32] = np.zeros_like(lengths)
    np.divide(1, lengths, out=found, where=lengths > 0)
    return found
