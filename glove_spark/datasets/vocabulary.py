"""The vocabulary dataset: one Parquet file of ``id int32, word string, count int64``.

Ids are ranks by frequency: count descending, equal counts by code point. In a vocabulary of
incremental updates, a word keeps the id that it got when it joined.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glove_spark.datasets.parquet_files import UNREADABLE
from glove_spark.errors import DatasetError
from glove_spark.store.location import Location

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int32(), nullable=False),
        pa.field("word", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)

FILE = "words.parquet"

UNKNOWN = "<unk>"
"""The word that represents all out-of-vocabulary tokens, if the vocabulary contains it."""


class Vocabulary:
    """The words that get a vector, by id.

    Attributes
    ----------
    words
        The words in the order of their ids.
    counts
        int64[V], how often each occurs in the corpus.

    >>> vocabulary = Vocabulary(["the", "of"], np.array([7, 5]))
    >>> vocabulary.ids_of(["of", "whale"])
    array([ 1, -1], dtype=int32)
    """

    def __init__(self, words: list[str], counts: NDArray[np.int64]) -> None:
        self.words = words
        self.counts = np.asarray(counts, np.int64)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._id_of

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def ids_of(self, words: Iterable[str]) -> NDArray[np.int32]:
        """Return the ids of words as int32, -1 for words outside the vocabulary."""
        return np.array([self._id_of.get(word, -1) for word in words], np.int32)

    def write(self, location: Location) -> None:
        """Write into the folder ``location``, as a single file."""
        table = pa.table(
            [
                pa.array(np.arange(len(self), dtype=np.int32)),
                pa.array(self.words, pa.string()),
                pa.array(self.counts),
            ],
            schema=SCHEMA,
        )
        with (location.make_folder() / FILE).open_output() as sink:
            pq.write_table(table, sink, compression="zstd")

    @classmethod
    def read(cls, location: Location) -> Vocabulary:
        """Read from the folder ``location``.

        Raises
        ------
        DatasetError
            If the file is missing, is not Parquet, has other columns, its ids are out of order, or
            a count is negative.
        """
        table = read_table(location)
        counts = table.column("count").to_numpy()
        ids = table.column("id").to_numpy()
        if not np.array_equal(ids, np.arange(len(ids))) or np.any(counts < 0):
            raise DatasetError(
                f"{(location / FILE).shown} is damaged: ids must be 0, 1, 2, ... and counts must "
                "not be negative; run the stage vocabulary again with --overwrite"
            )
        return cls(table.column("word").to_pylist(), counts)


def read_table(location: Location) -> pa.Table:
    """Read the vocabulary as an Arrow table, and check its columns.

    Raises
    ------
    DatasetError
        If the file is missing, is not Parquet, or has other columns.
    """
    file = location / FILE
    try:
        table = pq.read_table(file.open_input())
        # words that are not UTF-8
        table.validate(full=True)
    except UNREADABLE as error:
        raise DatasetError(
            f"{file.shown} cannot be read ({error}); run the stage vocabulary again with "
            "--overwrite"
        ) from error
    if not table.schema.equals(SCHEMA):
        raise DatasetError(
            f"{file.shown} has the columns {', '.join(table.schema.names)} but must have "
            "id int32, word string, count int64; run the stage vocabulary again with --overwrite"
        )
    return table
