"""Read documents that Spark's readers cannot read, and write tokens to object stores, with pyarrow.

Spark reads object stores through connectors that are not part of it, and its writers rename files.
It takes the compression from the file name, and reads text only as UTF-8. Here, a Python data
source sends the bytes of the documents to the JVM, which repairs, lower-cases and splits them like
those that it reads itself. Another one writes the rows of tokens. The cluster needs only pyarrow
for that.
"""

from __future__ import annotations

import lzma
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceReader,
    InputPartition,
    WriterCommitMessage,
)
from pyspark.sql.types import StructType

from glove_spark.corpus.values import Part, arrow_schema, check_column, opened_table, read_part
from glove_spark.errors import InputError
from glove_spark.store.location import Location

BYTES_PER_TASK = 64 << 20
"""Bytes of uncompressed text per task; a compressed file is read by one task."""

_TOKENS = pa.schema([pa.field("tokens", pa.list_(pa.string()))])


def read_values(
    spark: SparkSession,
    files: Sequence[Location],
    kind: str,
    column: str = "",
    codec: str | None = None,
    encoding: str | None = None,
) -> DataFrame:
    """Read documents as one column ``value`` of strings, whose bytes may not be UTF-8.

    Parameters
    ----------
    kind
        ``"lines"`` or ``"whole"`` texts, the records of ``"warc"`` files, or the ``column`` of
        ``"parquet"`` or ``"orc"`` tables or of objects in ``"json"``.
    codec, encoding
        For text; an encoding of None is UTF-8.

    Raises
    ------
    ConfigurationError
        If a table has no column of strings with this name.
    InputError
        If a table cannot be read.
    """
    parts = [part for file in files for part in _parts(file, kind, column, codec, encoding)]

    class Documents(DataSource):
        def schema(self) -> str:
            return "value string"

        def reader(self, schema: StructType) -> DataSourceReader:
            return _Reader(parts)

    return spark.read.format(_registered(spark, Documents)).load()


def write_parquet(
    rows: DataFrame, output: Location, *, row_group_bytes: int, compression: str
) -> None:
    """Write a column ``tokens`` of arrays of strings as Parquet files, one per task."""

    class Tokens(DataSource):
        def writer(self, schema: StructType, overwrite: bool) -> DataSourceArrowWriter:
            return _Writer(output, row_group_bytes, compression)

    rows.write.format(_registered(rows.sparkSession, Tokens)).mode("append").save()


def _registered(spark: SparkSession, source: type[DataSource]) -> str:
    """Register a data source under a unique name, and return the name."""
    name = f"glove_spark_{uuid.uuid4().hex}"
    source.name = classmethod(lambda cls: name)  # type: ignore[method-assign, assignment]
    spark.dataSource.register(source)
    return name


def _parts(
    file: Location,
    kind: str,
    column: str,
    codec: str | None = None,
    encoding: str | None = None,
) -> Iterator[Part]:
    """Divide a file into parts that tasks can read independently."""
    if kind in ("parquet", "orc"):
        table = opened_table(file, kind)
        check_column(arrow_schema(table), column, file, kind)
        pieces = table.num_row_groups if isinstance(table, pq.ParquetFile) else table.nstripes
        yield from (Part(file, kind, piece, piece + 1, column) for piece in range(pieces))
    elif kind != "lines" or codec is not None or encoding is not None:
        yield Part(file, kind, column=column, codec=codec, encoding=encoding)
    else:
        size = file.filesystem().get_file_info(file.path).size
        for start in range(0, size, BYTES_PER_TASK):
            yield Part(file, kind, start, min(start + BYTES_PER_TASK, size))


class _Reader(DataSourceReader):
    """Reads each part in a task."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    def partitions(self) -> Sequence[InputPartition]:
        return self._parts

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, Part)
        try:
            for values in read_part(partition):
                yield pa.record_batch([values], names=["value"])
        except (pa.ArrowException, OSError, EOFError, UnicodeError, lzma.LZMAError) as error:
            raise InputError(
                f"{partition.file.shown} cannot be read ({error}); check that it is complete and "
                "that its extension is right; repair it, or remove it from the input"
            ) from None


@dataclass(frozen=True)
class _Written(WriterCommitMessage):
    name: str


class _Writer(DataSourceArrowWriter):
    """Write the rows of each task to a separate file."""

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
        """Delete the files of task attempts whose results were not accepted."""
        counted = {message.name for message in messages if isinstance(message, _Written)}
        for info in self._output.walk():
            if info.is_file and info.base_name not in counted:
                self._output.found(info).delete()
