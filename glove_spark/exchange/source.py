"""Sources of vectors: read a bounded number of rows at a time, and check them."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import InputError

log = logging.getLogger(__name__)

CHUNK_ROWS = 4096
"""Words that readers and writers process at a time: 5 MB of floats at d = 300, 15 MB as text."""


class Chunk(NamedTuple):
    """Some words and their vectors, float32 (n, d)."""

    words: list[str]
    rows: NDArray[np.float32]


class VectorSource(ABC):
    """Words and vectors in a file, a dataset or memory.

    Attributes
    ----------
    shown
        Its name in messages.
    num_words, vector_size
        V and d, which are known before the vectors are read.
    """

    shown: str
    num_words: int
    vector_size: int
    undecodable: Sequence[int] = ()
    """Positions of the words read so far that are not UTF-8 and are skipped."""

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """Read from the start, at most `CHUNK_ROWS` words at a time, without checks."""

    def words(self) -> Iterator[list[str]]:
        """Read the words alone."""
        for chunk in self.chunks():
            yield chunk.words

    def matrix(self) -> NDArray[np.float32] | None:
        """Memory-map the whole matrix (V, d), read-only; None if the format does not allow it."""
        return None

    def place(self, position: int) -> str:
        """Return the place of the word at ``position``, counted from 0, for messages."""
        return f"word {position + 1:,}"


class SliceableSource(VectorSource):
    """A source that can be read from any position, so that tasks can share it."""

    @abstractmethod
    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Read the words at ``start`` to ``stop``, at most `CHUNK_ROWS` at a time."""

    def chunks(self) -> Iterator[Chunk]:
        """Read from the start."""
        return self.rows(0, self.num_words)


class MemorySource(SliceableSource):
    """Vectors in memory."""

    def __init__(self, words: list[str], vectors: NDArray[np.float32]) -> None:
        self.shown = "the vectors"
        self.num_words, self.vector_size = vectors.shape
        self._words, self._vectors = words, vectors

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Slice."""
        for first in range(start, stop, CHUNK_ROWS):
            part = slice(first, min(first + CHUNK_ROWS, stop))
            yield Chunk(self._words[part], np.asarray(self._vectors[part], np.float32))


class Without(VectorSource):
    """A source without the words at some positions, given in ascending order."""

    def __init__(self, source: VectorSource, positions: Sequence[int]) -> None:
        self.shown, self.vector_size = source.shown, source.vector_size
        self.num_words = source.num_words - len(positions)
        self._source, self._positions = source, np.asarray(positions, np.int64)

    def chunks(self) -> Iterator[Chunk]:
        """Read the others."""
        start = 0
        for chunk in self._source.chunks():
            stop = start + len(chunk.words)
            inside = slice(*np.searchsorted(self._positions, (start, stop)))
            left_out = self._positions[inside] - start
            if len(left_out):
                keep = np.ones(len(chunk.words), bool)
                keep[left_out] = False
                words = [word for word, kept in zip(chunk.words, keep, strict=True) if kept]
                chunk = Chunk(words, chunk.rows[keep])
            yield chunk
            start = stop


def repeated_positions(words: Iterable[str]) -> list[int]:
    """List the positions of words that also occur at an earlier position."""
    seen: set[str] = set()
    found = []
    for position, word in enumerate(words):
        if word in seen:
            found.append(position)
        seen.add(word)
    return found


def first_of_each(source: VectorSource, *, repeated: str = "first") -> VectorSource:
    """Return a source without words that are skipped; this reads the words once.

    Parameters
    ----------
    repeated
        ``"first"`` omits words that occurred before, with one warning; ``"refuse"`` keeps them.
    """
    words = [word for part in source.words() for word in part]
    dropped = set(source.undecodable)
    if repeated == "first":
        dropped |= set(repeated_positions(words))
    warn_of_dropped(source, len(source.undecodable), len(dropped) - len(source.undecodable))
    return Without(source, sorted(dropped)) if dropped else source


def warn_of_dropped(source: VectorSource, undecodable: int, repeated: int) -> None:
    """Log how many words were skipped."""
    if undecodable:
        log.warning("%s: %s words are not UTF-8 and were skipped", source.shown, f"{undecodable:,}")
    if repeated:
        log.warning(
            "%s: %s more vectors of repeated words; the first vector of each word is used",
            source.shown,
            f"{repeated:,}",
        )


def checked(source: VectorSource, *, repeated: str = "refuse") -> Iterator[Chunk]:
    """Read a source, and check that it has V different words with d finite numbers each.

    With ``repeated="first"`` a word may occur several times; the reader must use the first vector.

    Raises
    ------
    InputError
        If a number is not finite, a word is empty, occurs twice or is not valid Unicode, or the
        number of words differs from that of the source.
    """
    duplicates = _Duplicates()
    position = 0
    for chunk in source.chunks():
        finite = np.isfinite(chunk.rows).all(axis=1)
        if not finite.all():
            first = int(np.argmin(finite))
            value = chunk.rows[first][~np.isfinite(chunk.rows[first])][0]
            raise InputError(
                f"{source.shown}, {source.place(position + first)}: the vector of "
                f"{chunk.words[first]!r} contains {value}; vectors must be finite; correct the file"
            )
        _check_words(source, chunk.words, position)
        duplicates.add(chunk.words)
        position += len(chunk.words)
        if position > source.num_words:
            raise InputError(
                f"{source.shown} contains more words than the {source.num_words:,} of its header; "
                "copy or make it again"
            )
        yield chunk
    if position < source.num_words:
        raise InputError(
            f"{source.shown} is cut short: its header says {source.num_words:,} words, but it "
            f"contains {position:,}; copy it again"
        )
    if repeated == "refuse":
        if source.undecodable:
            raise UndecodableWordsError(
                f"{source.shown} contains {len(source.undecodable):,} words that are not UTF-8; "
                "give --encoding-errors replace or skip to read the others"
            )
        duplicates.refuse(source)


def _check_words(source: VectorSource, words: list[str], position: int) -> None:
    try:
        "".join(words).encode()
        if all(words):
            return
    except UnicodeEncodeError:
        pass
    for number, word in enumerate(words, position):
        if not word:
            raise InputError(
                f"{source.shown}, {source.place(number)}: the word is empty; correct the file"
            )
        try:
            word.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{source.shown}, {source.place(number)}: word {word!r} is not valid Unicode; "
                "correct the file"
            ) from None


class _Duplicates:
    """Find words that occur twice, with 8 bytes per word; compare only words with equal hashes."""

    def __init__(self) -> None:
        self._hashes: list[NDArray[np.int64]] = []

    def add(self, words: list[str]) -> None:
        self._hashes.append(np.fromiter(map(hash, words), np.int64, len(words)))

    def refuse(self, source: VectorSource) -> None:
        if not self._hashes:
            return
        hashes = np.sort(np.concatenate(self._hashes))
        suspects = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if suspects:
            refuse_duplicates(
                source,
                (
                    (number, word)
                    for number, word in enumerate(_each_word(source))
                    if hash(word) in suspects
                ),
            )


class RepeatedWordError(InputError):
    """A word has several vectors."""


class UndecodableWordsError(InputError):
    """There are words that are not UTF-8 and must be skipped."""


def refuse_duplicates(source: VectorSource, words: Iterable[tuple[int, str]]) -> None:
    """Raise `InputError` for the first word that occurs at two positions."""
    seen: dict[str, int] = {}
    for number, word in words:
        if word in seen:
            raise RepeatedWordError(
                f"{source.shown}, {source.place(number)}: {word!r} occurs before, as "
                f"{source.place(seen[word])}; every word must have one vector; give "
                "--repeated-words first to use the first of each"
            )
        seen[word] = number


def _each_word(source: VectorSource) -> Iterator[str]:
    for words in source.words():
        yield from words
