"""Words spelled nearly like one that is not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import UnknownWordError


def unknown_word(word: str, words: Sequence[str], kind: str) -> UnknownWordError:
    """Make the error for a word that is none of ``words``, which are of a ``kind``."""
    near = near_spellings(word, words)
    advice = f"; near spellings: {', '.join(near)}" if near else ""
    return UnknownWordError(f"word {word!r} is not among the {len(words):,} words {kind}{advice}")


def near_spellings(word: str, words: Sequence[str], limit: int = 5) -> list[str]:
    """Return the words that a few slips of the pen make of ``word``, nearest first.

    A slip is a letter too many, too few, wrong, or two that changed places (optimal string
    alignment); case is none. Words of up to 4 letters may differ by one, of 8 by two, longer ones
    by three. Words of one distance keep their order, which is that of frequency.

    >>> near_spellings("tyrany", ["liberty", "tyrant", "tyranny", "TYRANY"])
    ['TYRANY', 'tyranny', 'tyrant']
    """
    wanted = word.casefold()
    allowed = 1 if len(wanted) <= 4 else 2 if len(wanted) <= 8 else 3
    by_length: dict[int, list[int]] = defaultdict(list)
    folded = [other.casefold() for other in words]
    for position, other in enumerate(folded):
        if other and abs(len(other) - len(wanted)) <= allowed:
            by_length[len(other)].append(position)
    found: list[tuple[int, int]] = []
    for length, positions in by_length.items():
        group = np.array([folded[position] for position in positions], dtype=f"U{length}")
        letters = group.view(np.uint32).reshape(len(positions), length)
        distances = _distances(wanted, letters)
        near = np.flatnonzero(distances <= allowed)
        found += [(int(distances[k]), positions[k]) for k in near]
    return [words[position] for _, position in sorted(found)[:limit]]


def _distances(word: str, others: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return the distance of ``word`` to n words of one length, (n, length), as int32 (n,)."""
    count, length = others.shape
    letters = [ord(letter) for letter in word]
    # row i of the usual table, for all words at once: cost[j] is that of word[:i] against [:j]
    before: list[NDArray[np.int32]] = []
    cost = [np.full(count, j, np.int32) for j in range(length + 1)]
    for i, letter in enumerate(letters, 1):
        row = [np.full(count, i, np.int32)]
        for j in range(1, length + 1):
            other = others[:, j - 1]
            best = np.minimum(cost[j - 1] + (other != letter), np.minimum(cost[j], row[-1]) + 1)
            if i > 1 and j > 1:
                swapped = (other == letters[i - 2]) & (others[:, j - 2] == letter)
                best = np.where(swapped, np.minimum(best, before[j - 2] + 1), best)
            row.append(best)
        before, cost = cost, row
    return cost[length]
