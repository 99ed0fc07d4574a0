"""Count co-occurrences in windows of word ids, without a loop over tokens.

Counts are integers in a *unit*: a pair at distance d weighs ``lcm(1..window) / d`` units (1 if
weights are flat), and one division at the end gives the count. Sums of integers are exact in any
order, so the matrix does not depend on how the corpus was divided.

Two tokens make one pair. In the symmetric case it is stored once, with the smaller id as the row,
and represents both (i, j) and (j, i); on the diagonal, where these are the same entry, it counts
twice. With only left context, the row is the word on the left and the column the word on the right.

Counting is done by rows: the positions of a word are looked up, and then its neighbours at all of
them. So a row is complete at once, and the memory is that of the text and one block of rows.

>>> text = lay_out(np.array([0, 1, 0, 2], np.int32), np.array([4]), window_size=2)   # a b a c
>>> text.tolist()
[0, 1, 0, 2, -1, -1]
>>> text = np.concatenate([gap(2), text])
>>> (run,) = count_windows(text, distance_weights(2, "flat", 2), np.array([0, 3]), symmetric=True)
>>> run.rows.tolist(), run.cols.tolist(), run.units.tolist()
([0, 0, 0, 1], [0, 1, 2, 2], [2, 2, 1, 1])
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.sparse import csr_array

from glove_spark.kernels.counting.runs import Run, RunStack, add_up, stack_rows

NEIGHBORS_AT_ONCE = 1 << 20
"""Neighbours looked up at once: arrays of about 20 MB, small enough for the caches of a core."""

NEIGHBORS_PER_WORD = 4
"""With a large vocabulary, at least this many neighbours at once per word, because adding has a
cost per word."""

LARGEST_SUM = 1 << 62
"""The largest sum of weights: half of int64, because the diagonal is doubled."""

FINEST_FRACTION = 40
"""The largest number of fraction bits of rounded weights, if the counts allow it."""


class Weights(NamedTuple):
    """The weight of a pair by distance.

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
    """Choose the unit, and compute the weight of every distance in it.

    The unit is ``lcm(1..window)`` if sums in it certainly fit int64. If they may not (windows of
    more than about 22), it is a power of two of at most ``2**FINEST_FRACTION``, and a weight is 1/d
    rounded to the nearest unit. The error is at most half a unit, a share of ``window / 2**41``.

    Parameters
    ----------
    weighting
        ``"harmonic"`` (1/d) or ``"flat"`` (1).
    most_frequent_count
        The count of the most frequent word. It bounds every sum, because a word has at most
        ``2 * window`` neighbours per occurrence.

    >>> weights = distance_weights(3, "harmonic", 100)
    >>> weights.units.tolist(), weights.unit
    ([6, 3, 2], 6)
    """
    distances = range(1, window_size + 1)
    if weighting == "flat":
        return Weights(np.ones(window_size, np.int64), 1, True)
    # in counts, not units: both sides, and the diagonal is doubled
    largest_count = math.ceil(4 * most_frequent_count * sum(1 / d for d in distances))
    unit = math.lcm(*distances)
    if unit * largest_count <= LARGEST_SUM:
        return Weights(np.array([unit // d for d in distances], np.int64), unit, True)
    unit = 1 << min(FINEST_FRACTION, max(0, (LARGEST_SUM // largest_count).bit_length() - 1))
    return Weights(np.array([(2 * unit + d) // (2 * d) for d in distances], np.int64), unit, False)


def gap(window_size: int) -> NDArray[np.int32]:
    """Return the gap between documents: int32[window], positions without a word."""
    return np.full(window_size, -1, np.int32)


def lay_out(
    ids: NDArray[np.int32], lengths: NDArray[np.int64], window_size: int
) -> NDArray[np.int32]:
    """Concatenate documents with a gap after each, so that no window spans two.

    Parameters
    ----------
    ids
        int32[n], word ids, document after document; -1 is a position that pairs with nothing.
    lengths
        int64[documents], the number of tokens of each; their sum is n.

    Returns
    -------
    numpy.ndarray
        int32[n + window * documents].
    """
    text = np.full(len(ids) + window_size * len(lengths), -1, np.int32)
    moved = np.repeat(np.arange(len(lengths)) * window_size, lengths)
    text[np.arange(len(ids)) + moved] = ids
    return text


def count_windows(
    text: NDArray[np.int32],
    weights: Weights,
    edges: NDArray[np.int64],
    *,
    symmetric: bool,
    neighbors_at_once: int = NEIGHBORS_AT_ONCE,
) -> Iterator[Run]:
    """Count the pairs in a piece of text that are at most a window apart.

    The first and the last ``window`` positions of the text are only neighbours. So if a text is
    divided into pieces that overlap by two windows, every pair is counted as often as in one piece.

    Parameters
    ----------
    text
        int32[n], at least two windows; word ids, and -1 for a position that pairs with nothing.
    weights
        The weights of pairs; their number is the window size.
    edges
        int64[blocks + 1], the first row of every block of rows, and V.
    neighbors_at_once
        The approximate number of neighbours looked up at once; it does not change the result.

    Yields
    ------
    Run
        The counts of a block of rows; every block, in order.
    """
    window = len(weights.units)
    # one position more, so that a text without words still has a window
    text = np.append(text, np.int32(-1))
    places, starts = _places_by_word(text[window : -window - 1], int(edges[-1]))
    if symmetric:
        # both sides of a position; the weight of the position itself is never read
        spans = sliding_window_view(text, 2 * window + 1)
        span_units = np.concatenate([weights.units[::-1], [0], weights.units])
    else:
        spans = sliding_window_view(text[window + 1 :], window)
        span_units = weights.units
    at_once = max(neighbors_at_once, NEIGHBORS_PER_WORD * int(edges[-1])) // len(span_units) + 1
    units = np.tile(span_units, at_once)

    def count_words(first: int, last: int) -> Run:
        """Count the rows of words ``first`` to ``last``: all at once, or one row in parts."""
        stack = RunStack()
        of_words, ends = places[starts[first] : starts[last]], starts[first : last + 1]
        for begin in range(0, max(len(of_words), 1), at_once):
            part = of_words[begin : begin + at_once]
            ends_in_part = np.clip(ends - ends[0] - begin, 0, len(part))
            found = spans[part]
            words = np.repeat(np.arange(first, last, dtype=np.int32), np.diff(ends_in_part))
            kept = found >= (words[:, np.newaxis] if symmetric else 0)
            if symmetric:
                kept[:, window] = False
            chosen = np.flatnonzero(kept)
            row_ends = np.searchsorted(chosen, ends_in_part * found.shape[1])
            entries = found.reshape(-1)[chosen], units[chosen]
            stack.push(add_up(row_ends, *entries, int(edges[-1])))
        return stack.merged()

    for start, stop in itertools.pairwise(edges.tolist()):
        yield stack_rows(
            [count_words(*words) for words in _cut_words(starts, start, stop, at_once)]
        )


def pair_counts(text: NDArray[np.int32], window_size: int) -> NDArray[np.int64]:
    """Count the pairs at every distance: int64[window]. Their weighted sum is that of the matrix.

    A pair belongs to the piece in which its left word is not only a neighbour.
    """
    known = text >= 0
    left, last = known[window_size : len(text) - window_size], len(text) - window_size
    found = [
        np.count_nonzero(left & known[window_size + d : last + d])
        for d in range(1, window_size + 1)
    ]
    return np.array(found, np.int64)


def _places_by_word(
    text: NDArray[np.int32], vocabulary_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Sort the positions of a text by their words, by counting.

    Returns
    -------
    tuple
        int32, the positions of word 0, of word 1, ...; and int64[V + 1], the start of each word's.
    """
    places = np.flatnonzero(text >= 0).astype(np.int32)
    entries = np.arange(len(places) + 1, dtype=np.int32)
    by_place = csr_array((places, text[places], entries), shape=(len(places), vocabulary_size))
    by_word = by_place.tocsc()
    return by_word.data, by_word.indptr.astype(np.int64)


def _cut_words(
    starts: NDArray[np.int64], first: int, last: int, at_once: int
) -> Iterator[tuple[int, int]]:
    """Divide words ``first`` to ``last`` into groups of ``at_once`` positions, or of one word."""
    while first < last:
        fitting = int(np.searchsorted(starts, starts[first] + at_once, side="right")) - 1
        stop = min(max(fitting, first + 1), last)
        yield first, stop
        first = stop
