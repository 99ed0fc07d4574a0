"""Windowed counting: from word ids to co-occurrence counts, without a loop over tokens.

Counts are integers in a *unit*: a pair at distance d weighs ``lcm(1..window) / d`` units (1 where
weights are flat) and one division at the very end makes the count. Sums of integers are exact in
any order, so the matrix does not depend on how the corpus was cut.

Two tokens make one pair. In the symmetric case it is stored once, with the smaller id as the
row, and stands for both (i, j) and (j, i); on the diagonal, where these are the same cell, it
counts twice. With left context only, the row is the word on the left and the column the word on
the right.

>>> ids = np.array([0, 1, 0, 2])                        # a b a c
>>> run = count_windows(ids, np.zeros(4, np.int32), distance_weights(2, "flat", 2),
...                     vocabulary_size=3, symmetric=True)
>>> run.rows.tolist(), run.cols.tolist(), run.units.tolist()
([0, 0, 0, 1], [0, 1, 2, 2], [2, 2, 1, 1])
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.runs import Run, merge_runs

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
    ids: NDArray[np.int_],
    documents: NDArray[np.int_],
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
        int[n], word ids in the order of the text; -1 keeps a place that pairs with nothing.
    documents
        int[n], the number of every token's document; pairs across documents do not count.
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
    groups = _groups_of_distances(weights, vocabulary_size)
    return merge_runs(
        [
            _count_group(ids, documents, weights, distances, vocabulary_size, symmetric, context)
            for distances in groups
        ]
    )


def count_pairs(
    ids: NDArray[np.int_], documents: NDArray[np.int_], window_size: int, *, context: int = 0
) -> NDArray[np.int64]:
    """Count the pairs at every distance: int64[window]. Weighted, they sum to the matrix."""
    distances = range(1, window_size + 1)
    found = [len(_pairs(ids, documents, d, context)[0]) for d in distances]
    return np.array(found, np.int64)


def _pairs(
    ids: NDArray[np.int_], documents: NDArray[np.int_], distance: int, context: int
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return the left and the right words of the pairs at one distance."""
    start = max(0, context - distance)
    left, right = ids[start : max(start, len(ids) - distance)], ids[start + distance :]
    together = documents[start : start + len(left)] == documents[start + distance :]
    together &= (left >= 0) & (right >= 0)
    if together.all():
        return left, right
    return left[together], right[together]


def _groups_of_distances(weights: Weights, vocabulary_size: int) -> Iterator[range]:
    """Deal the distances to groups whose keys fit 63 bits: one group, for any usual vocabulary.

    A key holds row, column and the distance's number in its group. Flat weights need no distance.
    """
    window = len(weights.units)
    if np.all(weights.units == weights.units[0]):
        yield range(window)
        return
    room = 63 - 2 * _bits(vocabulary_size)
    size = min(window, 1 << max(0, room))
    for start in range(0, window, size):
        yield range(start, min(start + size, window))


def _count_group(
    ids: NDArray[np.int_],
    documents: NDArray[np.int_],
    weights: Weights,
    distances: range,
    vocabulary_size: int,
    symmetric: bool,
    context: int,
) -> Run:
    units = weights.units[distances.start : distances.stop]
    flat = bool(np.all(units == units[0]))
    low = 0 if flat else _bits(len(units))
    id_bits = _bits(vocabulary_size)
    wide = ids.astype(np.int64)
    keys = np.empty(_capacity(len(ids), distances, context), np.int64)
    filled = 0
    for number, distance in enumerate(distances):
        left, right = _pairs(wide, documents, distance + 1, context)
        if symmetric:
            left, right = np.minimum(left, right), np.maximum(left, right)
        part = keys[filled : filled + len(left)]
        np.left_shift(left, id_bits, out=part)
        part |= right
        if not flat:
            part <<= low
            part |= number
        filled += len(left)
    keys = keys[:filled]
    keys.sort()
    if flat:
        cells, starts = _starts(keys)
        sums = np.diff(starts, append=len(keys)) * units[0]
    else:
        weighed = units[keys & ((1 << low) - 1)]
        keys >>= low
        cells, starts = _starts(keys)
        sums = np.add.reduceat(weighed, starts) if len(starts) else weighed
    rows, cols = cells >> id_bits, (cells & ((1 << id_bits) - 1)).astype(np.int32)
    if symmetric:
        sums[rows == cols] *= 2
    indptr = np.zeros(vocabulary_size + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=vocabulary_size), out=indptr[1:])
    return Run(indptr, cols, sums)


def _starts(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct values of sorted keys, and where each begins."""
    if not len(keys):
        return keys, keys
    new = np.empty(len(keys), bool)
    new[0] = True
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    return keys[starts], starts


def _capacity(tokens: int, distances: range, context: int) -> int:
    return sum(max(0, tokens - max(d + 1, context)) for d in distances)


def _bits(values: int) -> int:
    """How many bits the numbers below ``values`` need."""
    return max(0, values - 1).bit_length()
