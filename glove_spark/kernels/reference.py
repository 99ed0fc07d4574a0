"""A slow and simple reference: the published training loop and window counter, pair by pair.

Written for reading and for tests of the fast kernels; double precision, plain Python. It follows
the reference GloVe program in C, whose files it reproduces.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CLIP = 100.0
"""Each coordinate of a gradient is clipped to [-CLIP, CLIP]."""


@dataclass
class ReferenceSide:
    """The parameters of one side as lists of floats, n words; accumulators as long.

    Vectors carry their bias as the last of d + 1 numbers; the accumulators have the same layout.
    """

    vectors: list[list[float]]
    gradsq: list[list[float]]

    @classmethod
    def start(cls, vectors: Sequence[Sequence[float]]) -> ReferenceSide:
        """Return a side with these vectors and every accumulator at 1."""
        values = [[float(v) for v in vector] for vector in vectors]
        return cls(values, [[1.0] * len(vector) for vector in values])


def weight(count: float, x_max: float, alpha: float) -> float:
    """Return f(x) = min(1, (x / x_max)^alpha)."""
    return 1.0 if count > x_max else (count / x_max) ** alpha


def train_epoch(
    nonzeros: Iterable[tuple[int, int, float]],
    rows: ReferenceSide,
    columns: ReferenceSide,
    *,
    learning_rate: float,
    x_max: float,
    alpha: float,
) -> float:
    """Visit nonzeros ``(row, column, count)`` in the given order; mutate both sides.

    ``t = eta clip(e u)`` moves a coordinate by ``t / sqrt(G)`` with G from before this nonzero, and
    then ``G += t^2``. Biases move by ``e / sqrt(G)``, with neither eta nor clipping, and then
    ``G += e^2``. Both sides use the other's old values.

    Returns
    -------
    float
        The mean of ``0.5 f r^2``, each taken before its own update; 0 without nonzeros.
    """
    cost = 0.0
    nnz = 0
    sqrt, log = math.sqrt, math.log
    for i, j, count in nonzeros:
        w, u = rows.vectors[i], columns.vectors[j]
        gw, gu = rows.gradsq[i], columns.gradsq[j]
        d = len(w) - 1
        r = w[d] + u[d] - log(count)
        for k in range(d):
            r += w[k] * u[k]
        e = weight(count, x_max, alpha) * r
        cost += 0.5 * e * r
        nnz += 1
        for k in range(d):
            tw = learning_rate * min(max(e * u[k], -CLIP), CLIP)
            tu = learning_rate * min(max(e * w[k], -CLIP), CLIP)
            w[k] -= tw / sqrt(gw[k])
            u[k] -= tu / sqrt(gu[k])
            gw[k] += tw * tw
            gu[k] += tu * tu
        w[d] -= e / sqrt(gw[d])
        u[d] -= e / sqrt(gu[d])
        gw[d] += e * e
        gu[d] += e * e
    return cost / nnz if nnz else 0.0


def count_cooccurrences(
    documents: Iterable[Sequence[int | None]],
    window_size: int,
    *,
    symmetric: bool = True,
    harmonic: bool = True,
) -> dict[tuple[int, int], float]:
    """Count which words occur near which, by the definition.

    Parameters
    ----------
    documents
        Ids of each document's tokens, None for a word outside the vocabulary. Those are dropped
        before windows are formed, so a window closes over them; it never leaves its document.
    window_size
        Words on each side.
    symmetric
        Count both neighbours; otherwise only the word on the left as row, the target as column. A
        word next to itself adds to its diagonal from both sides in the symmetric case.
    harmonic
        Weigh a pair 1 / distance; otherwise 1.

    Returns
    -------
    dict
        Count by (row id, column id).
    """
    counts: dict[tuple[int, int], float] = {}
    for document in documents:
        ids = [token for token in document if token is not None]
        for position, target in enumerate(ids):
            for distance in range(1, min(window_size, position) + 1):
                left = ids[position - distance]
                amount = 1.0 / distance if harmonic else 1.0
                pairs = [(left, target), (target, left)] if symmetric else [(left, target)]
                for pair in pairs:
                    counts[pair] = counts.get(pair, 0.0) + amount
    return counts
