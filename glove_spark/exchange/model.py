"""Read word vectors, context vectors or their sums from a trained model."""

from __future__ import annotations

from collections.abc import Iterator

from glove_spark.datasets.model import ModelVectors
from glove_spark.datasets.vocabulary import read_table
from glove_spark.errors import DatasetError
from glove_spark.exchange.source import Chunk, MemorySource, SliceableSource
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location

GATHER_ROWS = 1 << 16
"""Words gathered at once. Every time, all block files are opened, which is slow if they are
remote."""


class ModelSource(SliceableSource):
    """The last epoch of the model in an output folder.

    Raises
    ------
    InputError
        If the folder contains no model.
    DatasetError
        If the model is damaged.
    """

    def __init__(self, folder: Location, side: str) -> None:
        self.shown = f"{(folder / 'model').shown} ({side})"
        model = open_dataset(folder / "model")
        self._vectors = ModelVectors(model, side)
        # the words of the model: the vocabulary next to it may have grown since
        self._words = model.location
        self.num_words, self.vector_size = self._vectors.shape
        words = read_table(self._words).num_rows
        if words != self.num_words:
            raise DatasetError(
                f"{self.shown} has {self.num_words:,} vectors but {words:,} words; run train again "
                "with --overwrite"
            )

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Gather ids from the blocks."""
        words = read_table(self._words)["word"]
        for gathered in range(start, stop, GATHER_ROWS):
            end = min(gathered + GATHER_ROWS, stop)
            some = words.slice(gathered, end - gathered).to_pylist()
            found = MemorySource(some, self._vectors.rows(gathered, end))
            yield from found.chunks()

    def words(self) -> Iterator[list[str]]:
        """Read the words."""
        for part in read_table(self._words)["word"].chunks:
            yield part.to_pylist()
