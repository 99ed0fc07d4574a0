"""Subtract the mean vector: a source that wraps another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glove_spark.exchange.source import Chunk, SliceableSource, VectorSource

SourceT = TypeVar("SourceT", bound=VectorSource)


def mean_of(parts: Iterable[NDArray[np.float32]], size: int) -> NDArray[np.float32]:
    """Return the mean of all rows, float32 (size,), added in double precision in order."""
    total, count = np.zeros(size), 0
    for rows in parts:
        total += rows.sum(axis=0, dtype=np.float64)
        count += len(rows)
    return (total / max(count, 1)).astype(np.float32)


def centered(source: VectorSource) -> VectorSource:
    """Return a source of the same words with the mean subtracted; this reads all vectors."""
    if isinstance(source, SliceableSource):
        return _SliceableCentered(source)
    return _Centered(source)


class _Centered(VectorSource):
    """The vectors of another source, minus their mean."""

    def __init__(self, source: VectorSource) -> None:
        self.shown = f"{source.shown} (centered)"
        self.num_words, self.vector_size = source.num_words, source.vector_size
        self.undecodable = source.undecodable
        self._source = source
        self._mean = mean_of((chunk.rows for chunk in source.chunks()), source.vector_size)

    def chunks(self) -> Iterator[Chunk]:
        """Read from the start."""
        return self._less_mean(self._source.chunks())

    def words(self) -> Iterator[list[str]]:
        """Read the words alone."""
        return self._source.words()

    def place(self, position: int) -> str:
        """Return the place of the word at ``position``, for messages."""
        return self._source.place(position)

    def _less_mean(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            yield Chunk(chunk.words, chunk.rows - self._mean)


class _SliceableCentered(_Centered, SliceableSource):
    """The same for a source that tasks can share."""

    def __init__(self, source: SliceableSource) -> None:
        super().__init__(source)
        self._slices = source

    def chunks(self) -> Iterator[Chunk]:
        """Read from the start."""
        return self.rows(0, self.num_words)

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Read the words at ``start`` to ``stop``."""
        return self._less_mean(self._slices.rows(start, stop))
