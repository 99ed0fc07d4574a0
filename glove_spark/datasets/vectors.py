"""Exported vectors: Parquet with the columns ``word`` and ``vector``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glove_spark.store.location import Location

SCHEMA = pa.schema(
    [
        pa.field("word", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.float32()), nullable=False),
    ]
)
"""The schema, which Spark reads as ``word string, vector array<float>``."""

ROW_GROUP = 10_000
"""Words of a row group; it bounds the memory of readers."""

_WRITER_OPTIONS = {
    # floats compress little; byte streams that are split by significance compress best with zstd
    "compression": "zstd",
    "use_dictionary": False,
    "column_encoding": {"vector.list.element": "BYTE_STREAM_SPLIT", "word": "PLAIN"},
    "write_statistics": False,
}


@contextmanager
def vectors_writer(target: Location) -> Iterator[VectorsWriter]:
    """Open a Parquet file for writing words and vectors in chunks."""
    with target.open_output() as sink, pq.ParquetWriter(sink, SCHEMA, **_WRITER_OPTIONS) as writer:
        yield VectorsWriter(writer)


class VectorsWriter:
    """The writer that `vectors_writer` opens."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer

    def write(self, words: pa.Array, vectors: NDArray[np.float32]) -> None:
        """Write words and their vectors (n, d), in row groups of at most `ROW_GROUP`."""
        offsets = pa.array(np.arange(0, vectors.size + 1, vectors.shape[1], dtype=np.int32))
        flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
        table = pa.table([words, pa.ListArray.from_arrays(offsets, flat)], schema=SCHEMA)
        self._writer.write_table(table, row_group_size=ROW_GROUP)


def write_parquet(words: pa.Array, vectors: NDArray[np.float32], target: Location) -> None:
    """Write words and their vectors (n, d) as one Parquet file."""
    with vectors_writer(target) as writer:
        writer.write(words, vectors)
