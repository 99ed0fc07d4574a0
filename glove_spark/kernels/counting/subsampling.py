"""Drop tokens of frequent words before windows are formed, as word2vec does.

The random number is a hash of the seed, the tokens of the document, and the position of the token.
So it is the same in any partition or batch, and with any vocabulary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.hashing import GOLDEN, UInt64, mixed

Int64 = NDArray[np.int64]


def kept_shares(counts: Int64, threshold: float) -> NDArray[np.float64]:
    """Return the share of each word's tokens that are kept, float64 (V,), above 0, at most 1.

    ``min(1, sqrt(t / p) + t / p)``, where p is the word's share of all tokens and t the threshold
    (Mikolov et al. 2013, as in the program word2vec).

    >>> kept_shares(np.array([990, 9, 1]), 1e-2).round(2).tolist()
    [0.11, 1.0, 1.0]
    """
    ratio = threshold * counts.sum() / np.maximum(counts, 1)
    return np.asarray(np.minimum(1.0, np.sqrt(ratio) + ratio))


def kept_tokens(
    words: UInt64, lengths: Int64, shares: NDArray[np.float64], seed: int
) -> NDArray[np.bool_]:
    """Draw which tokens of some documents are kept.

    Parameters
    ----------
    words
        uint64 (n,), a hash of the spelling of every token, document after document.
    lengths
        int64 (documents,), the number of tokens of each; their sum is n.
    shares
        float64 (n,), the share of the word's tokens that is kept.
    seed
        Not negative.
    """
    starts = np.cumsum(lengths) - lengths
    places = np.arange(len(words)) - np.repeat(starts, lengths)
    # uint64 wraps around, and sums do not depend on the order
    salted = places.astype(np.uint64) * GOLDEN + np.uint64(seed)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed(words ^ salted))])
    documents = mixed(sums[starts + lengths] - sums[starts])
    drawn = mixed(np.repeat(documents, lengths) ^ salted)
    # a double keeps 53 of the 64 bits
    kept: NDArray[np.bool_] = (drawn >> np.uint64(11)) * 2.0**-53 < shares
    return kept
