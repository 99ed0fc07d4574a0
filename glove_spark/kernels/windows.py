"""Windowed counting: from word ids to co-occurrence counts, without a loop over tokens.

Counts are integers in a *unit*: a pair at distance d weighs ``lcm(1..window) / d`` units (1 where
weights are flat) and one division at the very end makes the count. Sums of integers are exact in
any order, so the matrix does not depend on how the corpus was cut.

Two tokens make one pair. In the symmetric case it is stored once, with the smaller id as the
row, and stands for both (i, j) and (j, i); on the diagonal, where these are the same cell, it
counts twice. With left context only, the row is the word on the left and the column the word on
the right.

>>> ids = np.array([0, 1, 0, 2], np.int32)              # a b a c
>>> run = count_windows(ids, np.zeros(4, np.int32), distance_weights(2, "flat", 2),
...                     vocabulary_size=3, symmetric=True)
>>> run.rows.tolist(), run.cols.tolist(), run.units.tolist()
([0, 0, 0, 1], [0, 1, 2, 2], [2, 2, 1, 1])
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.runs import Run, add_up

LARGEST_SUM = 1 << 62
"""What no sum of weights may exceed: half of int64, for the doubled diagonal."""

FINEST_FRACTION = 40
"""Bits after the point of weights that are rounded, where the counts leave room for them."""


class Weights(NamedTuple):
    """What a pair counts, by distance.

    Attributes
    ----------
    units
        int64[window], the weight at distance 1, 2, ... in units.
    unit
        Units in a count of 1.
    exact
        Whether ``units / unit`` is 1/d without rounding.
    """

    units: NDArray[np.int64]
    unit: int
    exact: bool


def distance_weights(window_size: int, weighting: str, most_frequent_count: int) -> Weights:
    """Choose the unit, and weigh every distance in it.

    The unit is ``lcm(1..window)`` while sums in it surely fit int64. Where they may not (windows
    beyond 22 or so), it is a power of two of at most ``2**FINEST_FRACTION``, and a weight is 1/d
    rounded to the nearest unit: off by at most half a unit, ``window / 2**41`` of itself.

    Parameters
    ----------
    weighting
        ``"harmonic"`` (1/d) or ``"flat"`` (1).
    most_frequent_count
        How often the most frequent word occurs. It bounds every sum: a word has at most
        ``2 * window`` neighbours each time.

    >>> weights = distance_weights(3, "harmonic", 100)
    >>> weights.units.tolist(), weights.unit
    ([6, 3, 2], 6)
    """
    distances = range(1, window_size + 1)
    if weighting == "flat":
        return Weights(np.ones(window_size, np.int64), 1, True)
    # in counts, not units: both sides, and the diagonal counts double
    largest_count = math.ceil(4 * most_frequent_count * sum(1 / d for d in distances))
    unit = math.lcm(*distances)
    if unit * largest_count <= LARGEST_SUM:
        return Weights(np.array([unit // d for d in distances], np.int64), unit, True)
    unit = 1 << min(FINEST_FRACTION, max(0, (LARGEST_SUM // largest_count).bit_length() - 1))
    return Weights(np.array([(2 * unit + d) // (2 * d) for d in distances], np.int64), unit, False)


def count_windows(
    ids: NDArray[np.int32],
    documents: NDArray[np.int32],
    weights: Weights,
    *,
    vocabulary_size: int,
    symmetric: bool,
    context: int = 0,
) -> Run:
    """Count the pairs of a stretch of tokens that are at most a window apart.

    Parameters
    ----------
    ids
        int32[n], word ids in the order of the text; -1 keeps a place that pairs with nothing.
    documents
        int32[n], the number of every token's document; pairs across documents do not count.
    weights
        What a pair counts; there are as many as the window is wide.
    context
        The first so many tokens were counted before, and only serve as neighbours of those that
        follow. A text cut into stretches that overlap by a window has every pair counted once.

    Returns
    -------
    Run
        The counts of all V rows, sorted by row and column.
    """
    rows, cols, units = [], [], []
    for distance, unit in enumerate(weights.units, start=1):
        left, right = _pairs(ids, documents, distance, context)
        rows.append(np.minimum(left, right) if symmetric else left)
        cols.append(np.maximum(left, right) if symmetric else right)
        units.append(np.full(len(left), unit, np.int64))
    run = add_up(np.concatenate(rows), np.concatenate(cols), np.concatenate(units), vocabulary_size)
    if symmetric:
        run.units[run.rows == run.cols] *= 2
    return run


def pair_counts(
    ids: NDArray[np.int32], documents: NDArray[np.int32], window_size: int, *, context: int = 0
) -> NDArray[np.int64]:
    """Count the pairs at every distance: int64[window]. Weighted, they sum to the matrix."""
    distances = range(1, window_size + 1)
    found = [len(_pairs(ids, documents, d, context)[0]) for d in distances]
    return np.array(found, np.int64)


def _pairs(
    ids: NDArray[np.int32], documents: NDArray[np.int32], distance: int, context: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the left and the right words of the pairs at one distance."""
    start = max(0, context - distance)
    left, right = ids[start : max(start, len(ids) - distance)], ids[start + distance :]
    together = documents[start : start + len(left)] == documents[start + distance :]
    together &= (left >= 0) & (right >= 0)
    if together.all():
        return left, right
    return left[together], right[together]
