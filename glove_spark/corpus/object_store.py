"""The corpus from an object store, and tokens to one, through `pyarrow.fs`.

Spark reads object stores by connectors that are not part of it, and its writers rename. Here a
Python data source hands the bytes of the documents to the JVM, which repairs, folds and splits them
as it does those of a disk, and another writes the rows of tokens. All that a cluster needs for
that is pyarrow.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceReader,
    InputPartition,
    WriterCommitMessage,
)
from pyspark.sql.types import StructType

from glove_spark.corpus.files import COMPRESSIONS
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.store.location import Location

BYTES_PER_TASK = 64 << 20
"""Of uncompressed text; a compressed file is one task's."""

_CHUNK = 4 << 20
"""Bytes read at once, and about the bytes of a batch."""

_TOKENS = pa.schema([pa.field("tokens", pa.list_(pa.string()))])


@dataclass(frozen=True)
class Part(InputPartition):
    """What one task reads.

    Attributes
    ----------
    kind
        ``"lines"``, ``"whole"``, ``"parquet"`` or ``"orc"``.
    start, stop
        Bytes of uncompressed lines: those lines that begin in them. Row groups of Parquet and
        stripes of ORC. Not used otherwise.
    """

    file: Location
    kind: str
    start: int = 0
    stop: int = 0
    column: str = ""


def read_values(
    spark: SparkSession, files: Sequence[Location], kind: str, column: str = ""
) -> DataFrame:
    """Read documents as one column ``value`` of strings, whose bytes may not be UTF-8.

    Parameters
    ----------
    kind
        ``"lines"`` or ``"whole"`` texts, or the ``column`` of ``"parquet"`` or ``"orc"`` tables.

    Raises
    ------
    ConfigurationError
        If a table has no such column of strings.
    InputError
        If a table cannot be read.
    """
    parts = [part for file in files for part in _parts(file, kind, column)]

    class Documents(DataSource):
        def schema(self) -> str:
            return "value string"

        def reader(self, schema: StructType) -> DataSourceReader:
            return _Reader(parts)

    return spark.read.format(_registered(spark, Documents)).load()


def write_parquet(
    rows: DataFrame, output: Location, *, row_group_bytes: int, compression: str
) -> None:
    """Write a column ``tokens`` of arrays of strings as Parquet files, one a task."""

    class Tokens(DataSource):
        def writer(self, schema: StructType, overwrite: bool) -> DataSourceArrowWriter:
            return _Writer(output, row_group_bytes, compression)

    rows.write.format(_registered(rows.sparkSession, Tokens)).mode("append").save()


def _registered(spark: SparkSession, source: type[DataSource]) -> str:
    """Register a data source under a name that no other has, and return the name."""
    name = f"glove_spark_{uuid.uuid4().hex}"
    source.name = classmethod(lambda cls: name)  # type: ignore[method-assign, assignment]
    spark.dataSource.register(source)
    return name


def _codec(file: Location) -> str | None:
    return COMPRESSIONS.get(file.name.lower().rsplit(".", 1)[-1])


def _parts(file: Location, kind: str, column: str) -> Iterator[Part]:
    """Cut a file into what tasks can read on their own."""
    if kind in ("parquet", "orc"):
        try:
            table = _open_table(file, kind)
            schema = table.schema_arrow if kind == "parquet" else table.schema
            pieces = table.num_row_groups if kind == "parquet" else table.nstripes
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{file.shown} cannot be read as {kind}: {error}") from None
        check_column(schema, column, file, kind)
        yield from (Part(file, kind, piece, piece + 1, column) for piece in range(pieces))
    elif kind == "whole" or _codec(file) is not None:
        yield Part(file, kind)
    else:
        size = file.filesystem().get_file_info(file.path).size
        for start in range(0, size, BYTES_PER_TASK):
            yield Part(file, kind, start, min(start + BYTES_PER_TASK, size))


def check_column(schema: pa.Schema, column: str, file: Location, kind: str) -> None:
    """Refuse a table without the column, or where it holds no strings.

    Raises
    ------
    ConfigurationError
        Naming what there is.
    """
    if column not in schema.names:
        raise ConfigurationError(
            f"text_column={column!r} is not in the {kind} file {file.shown}; its columns are "
            f"{', '.join(schema.names)}"
        )
    found = schema.field(column).type
    if not (pa.types.is_string(found) or pa.types.is_large_string(found)):
        raise ConfigurationError(
            f"text_column={column!r} of the {kind} file {file.shown} is of type {found} and must "
            "be string; name another column"
        )


def _open_table(file: Location, kind: str) -> pq.ParquetFile | orc.ORCFile:
    return (pq.ParquetFile if kind == "parquet" else orc.ORCFile)(file.open_input())


class _Reader(DataSourceReader):
    """Reads each part in a task."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    def partitions(self) -> Sequence[InputPartition]:
        return self._parts

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, Part)
        try:
            for values in _values(partition):
                yield pa.record_batch([values], names=["value"])
        except (pa.ArrowException, OSError, EOFError) as error:
            raise InputError(
                f"{partition.file.shown} cannot be read ({error}); is it whole, and what its name "
                "says? Repair or leave it out"
            ) from None


def _values(part: Part) -> Iterator[pa.Array]:
    if part.kind in ("parquet", "orc"):
        table = _open_table(part.file, part.kind)
        if part.kind == "parquet":
            column = table.read_row_group(part.start, columns=[part.column]).column(0)
        else:
            column = table.read_stripe(part.start, columns=[part.column]).column(0)
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        for chunk in chunks:
            # rows of a large column come some at a time, so that no message outgrows Arrow's
            for start in range(0, len(chunk), 1 << 12):
                yield chunk.slice(start, 1 << 12).cast(pa.binary()).view(pa.string())
    elif part.kind == "whole":
        with _open_text(part.file) as source:
            yield _as_strings([source.read()])
    else:
        yield from _lines(part)


@contextmanager
def _open_text(file: Location, start: int = 0) -> Iterator[io.BufferedReader]:
    """Open a text, decompressed, at a place of an uncompressed one."""
    codec = _codec(file)
    if codec is not None:
        raw = file.filesystem().open_input_stream(file.path, compression=codec)
    else:
        raw = file.open_input()
        raw.seek(start)
    with raw, io.BufferedReader(raw, _CHUNK) as source:
        yield source


def _lines(part: Part) -> Iterator[pa.Array]:
    """Read the lines that begin in the part's bytes; all where it has none."""
    # the byte before the part tells whether a line begins with it
    place = max(part.start - 1, 0)
    held: list[bytes] = []
    held_bytes = 0
    with _open_text(part.file, place) as source:
        if part.start:
            place += len(source.readline())
        while not part.stop or place < part.stop:
            line = source.readline()
            if not line:
                break
            place += len(line)
            # lines end as Spark's reader has it: with a line feed, a carriage return, or both
            held += line.splitlines() if b"\r" in line else [line.rstrip(b"\n")]
            held_bytes += len(line)
            if held_bytes >= _CHUNK:
                yield _as_strings(held)
                held, held_bytes = [], 0
    if held:
        yield _as_strings(held)


def _as_strings(values: list[bytes]) -> pa.Array:
    """Make a column of strings without looking whether they are UTF-8: the JVM repairs them."""
    return pa.array(values, pa.binary()).view(pa.string())


@dataclass(frozen=True)
class _Written(WriterCommitMessage):
    name: str


class _Writer(DataSourceArrowWriter):
    """Writes each task's rows to a file of its own."""

    def __init__(self, output: Location, row_group_bytes: int, compression: str) -> None:
        self._output = output
        self._row_group_bytes = row_group_bytes
        self._compression = compression

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        name = f"part-{uuid.uuid4().hex}.parquet"
        held, held_bytes, writer = [], 0, None
        with (self._output / name).written_whole() as temporary, temporary.open_output() as sink:
            writer = pq.ParquetWriter(sink, _TOKENS, compression=self._compression)
            for batch in iterator:
                held.append(batch.cast(_TOKENS))
                held_bytes += batch.nbytes
                if held_bytes >= self._row_group_bytes:
                    writer.write_table(pa.Table.from_batches(held))
                    held, held_bytes = [], 0
            if held:
                writer.write_table(pa.Table.from_batches(held))
            writer.close()
        return _Written(name)

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Delete what tasks wrote whose results are not those that count."""
        counted = {message.name for message in messages if isinstance(message, _Written)}
        for info in self._output.walk():
            if info.is_file and info.base_name not in counted:
                self._output.found(info).delete()
