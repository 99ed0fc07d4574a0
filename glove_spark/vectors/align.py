"""Rotate new vectors to fit old ones, with one rotation computed from the common words.

A rotation changes no cosine between new vectors, and none of their lengths: the new set is as good
as it was, and what was trained on the old one may read it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from glove_spark.exchange.source import CHUNK_ROWS, Chunk, SliceableSource
from glove_spark.vectors.drift import best_rotation
from glove_spark.vectors.word_vectors import WordVectors


class AlignedSource(SliceableSource):
    """The vectors of ``new``, rotated to fit those of ``old``.

    Parameters
    ----------
    old, new
        Of one size, with more words in common than dimensions.
    counts
        int64, how often each word of ``new`` occurs; by default words are taken to be in order of
        frequency. The most frequent common words find the rotation.

    Raises
    ------
    ConfigurationError
        If the vectors are of different sizes.
    InputError
        If they have too few words in common.
    """

    def __init__(
        self, old: WordVectors, new: WordVectors, counts: NDArray[np.int64] | None = None
    ) -> None:
        self.shown = "the aligned vectors"
        self.num_words, self.vector_size = len(new), new.vector_size
        self._new = new
        # it turns the old vectors onto the new ones; its transpose turns back
        self._rotation = best_rotation(old, new, counts).T

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Turn a slice."""
        for first in range(start, stop, CHUNK_ROWS):
            part = slice(first, min(first + CHUNK_ROWS, stop))
            turned = self._new.vectors[part] @ self._rotation
            yield Chunk(list(self._new.words[part]), turned.astype(np.float32))
