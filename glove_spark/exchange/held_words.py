"""Read the vectors of some words from a file of any size, and keep only these in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import InputError
from glove_spark.exchange.source import Chunk, VectorSource

log = logging.getLogger(__name__)

CASES = ("exact", "lower")
"""How words of a file are matched: exactly, or otherwise without regard to case."""

_NONE, _FOLDED, _EXACT = 0, 1, 2


@dataclass(frozen=True)
class HeldWords:
    """The vectors in a file of words of the vocabulary.

    Attributes
    ----------
    place
        int64 (V,), the row of the vector of each word of the vocabulary; -1 if it has none.
    rows
        float32 (n, d).
    repeated, zero
        How many further vectors of these words the file has, and how many were zero; both are
        ignored.
    """

    place: NDArray[np.int64]
    rows: NDArray[np.float32]
    repeated: int
    zero: int

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which words of the vocabulary have a vector, bool (V,)."""
        return self.place >= 0

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return a copy of the vectors of words that have one, float32 (n, d)."""
        return self.rows[self.place[ids]]


def hold_words(source: VectorSource, vocabulary: Vocabulary, case: str) -> HeldWords:
    """Read a source once and keep the vectors of some words.

    If a word has several vectors, the first is used. With ``case="lower"``, a word without an exact
    match takes the first vector whose word differs only in case. A word with a vector of zeros is
    treated as unknown.

    Raises
    ------
    InputError
        If a number in the source is not finite, or the number of words differs from its header.
    """
    # a word gets its row in `rows` when it is first found, so missing words need no memory
    place = np.full(len(vocabulary), -1, np.int64)
    rows = np.empty((min(len(vocabulary), source.num_words), source.vector_size), np.float32)
    level = np.full(len(vocabulary), _NONE, np.int8)
    folded = _folded_ids(vocabulary) if case == "lower" else None
    repeated = zero = position = used = 0
    for chunk in source.chunks():
        _check_finite(source, chunk, position)
        position += len(chunk.words)
        if position > source.num_words:
            raise InputError(
                f"{source.shown} contains more words than the {source.num_words:,} of its header; "
                "copy or make it again"
            )
        for ids, numbers, rank in _matches(chunk.words, vocabulary, folded):
            if rank == _EXACT:
                repeated += int(np.count_nonzero(level[ids] == _EXACT))
            fresh = level[ids] < rank
            ids, numbers = ids[fresh], numbers[fresh]
            filled = chunk.rows[numbers].any(axis=1)
            zero += int(np.count_nonzero(~filled)) if rank == _EXACT else 0
            ids, numbers = ids[filled], numbers[filled]
            first = np.unique(ids, return_index=True)[1]
            if rank == _EXACT:
                repeated += len(ids) - len(first)
            ids, numbers = ids[first], numbers[first]
            new = ids[place[ids] < 0]
            if used + len(new) > len(rows):
                # several words of the vocabulary may share a vector of the file
                rows = np.resize(rows, (len(vocabulary), source.vector_size))
            place[new] = used + np.arange(len(new))
            used += len(new)
            rows[place[ids]] = chunk.rows[numbers]
            level[ids] = rank
    if position < source.num_words:
        raise InputError(
            f"{source.shown} is cut short: its header says {source.num_words:,} words, but it "
            f"contains {position:,}; copy it again"
        )
    _warn(source, repeated, zero)
    return HeldWords(place, rows, repeated, zero)


def _warn(source: VectorSource, repeated: int, zero: int) -> None:
    if repeated:
        log.warning(
            "%s: %s more vectors of repeated words; the first vector of each word is used",
            source.shown,
            f"{repeated:,}",
        )
    if zero:
        log.warning(
            "%s: %s words have a vector of zeros and are treated as unknown",
            source.shown,
            f"{zero:,}",
        )


def _folded_ids(vocabulary: Vocabulary) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, word in enumerate(vocabulary.words):
        found.setdefault(word.lower(), []).append(number)
    return found


def _matches(
    words: list[str], vocabulary: Vocabulary, folded: dict[str, list[int]] | None
) -> list[tuple[NDArray[np.int64], NDArray[np.int64], int]]:
    """Return our ids of the words of a chunk and their positions in it, exact matches first."""
    ids = vocabulary.ids_of(words).astype(np.int64)
    numbers = np.flatnonzero(ids >= 0)
    matches = [(ids[numbers], numbers, _EXACT)]
    if folded is not None:
        pairs = [
            (mine, number)
            for number, word in enumerate(words)
            for mine in folded.get(word.lower(), ())
        ]
        both = np.array(pairs, np.int64).reshape(-1, 2)
        matches.append((both[:, 0], both[:, 1], _FOLDED))
    return matches


def _check_finite(source: VectorSource, chunk: Chunk, position: int) -> None:
    finite = np.isfinite(chunk.rows).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        value = chunk.rows[first][~np.isfinite(chunk.rows[first])][0]
        raise InputError(
            f"{source.shown}, {source.place(position + first)}: the vector of "
            f"{chunk.words[first]!r} contains {value}; vectors must be finite; correct the file"
        )
