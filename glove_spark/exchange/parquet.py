"""Parquet with ``word string, vector array<float>``: our dataset, or files written by Spark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from glove_spark.datasets.vectors import vectors_writer
from glove_spark.errors import InputError
from glove_spark.exchange.source import CHUNK_ROWS, Chunk, SliceableSource, VectorSource, checked
from glove_spark.exchange.streams import reading
from glove_spark.store.location import Location


class ParquetSource(SliceableSource):
    """Files with one word per row, in the order of the files.

    Raises
    ------
    InputError
        If a file is not Parquet, or lacks the columns ``word`` and ``vector``.
    """

    def __init__(self, shown: str, files: Sequence[Location]) -> None:
        self.shown = shown
        self._groups: list[tuple[Location, int, int]] = []
        self.num_words = 0
        for file in files:
            with _opened(file) as parquet:
                _check_columns(parquet.schema_arrow, file)
                for group in range(parquet.num_row_groups):
                    count = parquet.metadata.row_group(group).num_rows
                    self._groups.append((file, group, count))
                    self.num_words += count
        if not self.num_words:
            raise InputError(
                f"{self.shown} contains no vectors; name another file, or make it again"
            )
        self.vector_size = 0
        self.vector_size = next(self.rows(0, 1)).rows.shape[1]

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Read the row groups that contain the requested rows, one at a time."""
        for file, group, first, last, begins in self._overlapping(start, stop):
            with _opened(file) as parquet:
                table = parquet.read_row_group(group, ["word", "vector"])
                # words that are not UTF-8
                table.validate(full=True)
            for begin in range(first, last, CHUNK_ROWS):
                part = table.slice(begin, min(CHUNK_ROWS, last - begin))
                yield self._chunk(part.combine_chunks(), begins + begin)

    def words(self) -> Iterator[list[str]]:
        """Read only the column of words."""
        for file, group, _ in self._groups:
            with _opened(file) as parquet:
                yield parquet.read_row_group(group, ["word"])["word"].to_pylist()

    def _overlapping(self, start: int, stop: int) -> Iterator[tuple[Location, int, int, int, int]]:
        """Yield file, row group, the requested rows in it, and the number of rows before it."""
        begins = 0
        for file, group, count in self._groups:
            first, last = max(start - begins, 0), min(stop - begins, count)
            if first < last:
                yield file, group, first, last, begins
            begins += count

    def _chunk(self, table: pa.Table, position: int) -> Chunk:
        words, vectors = table["word"].chunk(0), _as_lists(table["vector"].chunk(0))
        flat = vectors.flatten()
        # 0 until the first row was read, which has the size
        size = self.vector_size or len(flat) // len(words)
        lengths = (
            np.full(len(vectors), vectors.type.list_size)
            if pa.types.is_fixed_size_list(vectors.type)
            else vectors.value_lengths().fill_null(0).to_numpy()
        )
        if words.null_count or flat.null_count or (lengths != size).any() or not size:
            first = position + int(np.argmax(lengths != size))
            raise InputError(
                f"{self.shown}, {self.place(first)}: a word or a number is missing; every row "
                f"must have a word and {size} numbers; correct the row"
            )
        values = flat.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        return Chunk(words.to_pylist(), values.reshape(-1, size))


@contextmanager
def _opened(file: Location) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; errors of Arrow become `InputError`."""
    with reading(file):
        try:
            with pq.ParquetFile(file.open_input()) as parquet:
                yield parquet
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise InputError(
                f"{file.shown} is not a complete Parquet file: {error}; copy it again"
            ) from None


def _as_lists(vectors: pa.Array) -> pa.Array:
    """Return vectors as lists. Spark's own vectors are structs; dense ones have all values."""
    if not pa.types.is_struct(vectors.type):
        return vectors
    kind, size, indices, values = vectors.flatten()
    if pc.all(pc.equal(kind, 1)).as_py() is not False:
        return values
    # sparse ones have their size, and the indices of values that are not 0
    rows = []
    for is_dense, length, places, some in zip(
        *(part.to_pylist() for part in (kind, size, indices, values)), strict=True
    ):
        row = np.zeros(length if not is_dense else len(some))
        row[places if not is_dense else slice(None)] = some
        rows.append(row)
    return pa.array(rows, pa.list_(pa.float64()))


def _check_columns(schema: pa.Schema, file: Location) -> None:
    names = schema.names
    if "word" in names and "vector" in names:
        word, vector = schema.field("word").type, schema.field("vector").type
        if pa.types.is_struct(vector) and _names(vector) == ["type", "size", "indices", "values"]:
            vector = vector.field("values").type
        strings = pa.types.is_string(word) or pa.types.is_large_string(word)
        lists = (
            pa.types.is_list(vector)
            or pa.types.is_large_list(vector)
            or pa.types.is_fixed_size_list(vector)
        )
        if strings and lists and pa.types.is_floating(vector.value_type):
            return
    columns = ", ".join(f"{field.name} {field.type}" for field in schema)
    raise InputError(
        f"{file.shown} has the columns {columns} but must have word string, vector list<float>; "
        "rename or cast its columns"
    )


def _names(kind: pa.StructType) -> list[str]:
    return [kind.field(k).name for k in range(kind.num_fields)]


def write_parquet_file(source: VectorSource, target: Location, precision: str) -> None:
    """Write one file in the layout of our dataset."""
    with target.written_whole() as temporary, vectors_writer(temporary) as writer:
        for chunk in checked(source):
            writer.write(pa.array(chunk.words, pa.string()), chunk.rows)
