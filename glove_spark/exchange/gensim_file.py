"""``NAME.kv``, vectors saved by gensim; can be read, not written, if gensim is installed.

Such a file is a pickle, and reading it can run code. Read only files that you trust.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glove_spark.errors import InputError
from glove_spark.exchange.source import CHUNK_ROWS, Chunk, SliceableSource
from glove_spark.extras import require
from glove_spark.store.location import Location

SUFFIX = ".kv"


class GensimSource(SliceableSource):
    """KeyedVectors on a local disk; the matrix is memory-mapped if it is in a separate file.

    Raises
    ------
    SetupError
        If gensim is not installed.
    InputError
        If it is not such a file, or not on this machine.
    """

    def __init__(self, location: Location) -> None:
        self.shown = location.shown
        if not location.is_local:
            raise InputError(
                f"{self.shown} is remote, but gensim reads only local files; copy it to this "
                "machine"
            )
        models = require("gensim.models", "gensim", f"reading {self.shown}")
        try:
            found = models.KeyedVectors.load(location.path, mmap="r")
            self._words, self._vectors = list(found.index_to_key), found.vectors
            self.num_words, self.vector_size = self._vectors.shape
        # a damaged pickle may raise any error
        except Exception as error:
            raise InputError(
                f"{self.shown} was not written by gensim's KeyedVectors.save, or is cut short "
                f"({type(error).__name__}: {error}); save or copy it again"
            ) from None

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Slice."""
        for first in range(start, stop, CHUNK_ROWS):
            part = slice(first, min(first + CHUNK_ROWS, stop))
            yield Chunk(self._words[part], np.asarray(self._vectors[part], np.float32))
