"""Rotate new vectors to fit old ones, with one rotation computed from the common words.

A rotation does not change cosines between new vectors, or their lengths. So the new vectors are as
good as before, and a program that was trained on the old vectors can use them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from glove_spark.exchange.source import CHUNK_ROWS, Chunk, SliceableSource
from glove_spark.vectors.drift import best_rotation
from glove_spark.vectors.word_vectors import WordVectors


class AlignedSource(SliceableSource):
    """Return the vectors of ``new``, rotated to fit those of ``old``.

    Parameters
    ----------
    old, new
        Vectors of the same size, with more common words than dimensions.
    counts
        int64, the count of each word of ``new``; by default, words are assumed to be in order of
        frequency. The rotation is computed from the most frequent common words.

    Raises
    ------
    ConfigurationError
        If the vectors have different sizes.
    InputError
        If they have too few common words.
    """

    def __init__(
        self, old: WordVectors, new: WordVectors, counts: NDArray[np.int64] | None = None
    ) -> None:
        self.shown = "the aligned vectors"
        self.num_words, self.vector_size = len(new), new.vector_size
        self._new = new
        # it rotates the old vectors onto the new ones; its transpose rotates back
        self._rotation = best_rotation(old, new, counts).T

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Turn a slice."""
        for first in range(start, stop, CHUNK_ROWS):
            part = slice(first, min(first + CHUNK_ROWS, stop))
            turned = self._new.vectors[part] @ self._rotation
            yield Chunk(list(self._new.words[part]), turned.astype(np.float32))
