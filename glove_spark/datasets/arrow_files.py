"""Write and read Arrow IPC files of one record batch, through a memory map."""

from __future__ import annotations

import pyarrow as pa

from glove_spark.datasets.parquet_files import UNREADABLE
from glove_spark.errors import DatasetError
from glove_spark.store.location import Location


def write_record_batch(batch: pa.RecordBatch, target: Location) -> None:
    """Write one record batch as an Arrow IPC file, uncompressed so that it can be mapped."""
    with target.open_output() as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_record_batch(source: Location, schema: pa.Schema) -> pa.RecordBatch:
    """Read what `write_record_batch` wrote.

    Raises
    ------
    DatasetError
        If the file is missing or truncated, or has another schema or nulls.
    """
    try:
        reader = pa.ipc.open_file(source.open_input())
        if not reader.schema.equals(schema) or reader.num_record_batches != 1:
            raise DatasetError(
                f"{source.shown} has unexpected columns; run its stage again with --overwrite"
            )
        batch = reader.get_batch(0)
        batch.validate(full=True)
        if any(_has_nulls(column) for column in batch.columns):
            raise DatasetError(
                f"{source.shown} has missing values; run its stage again with --overwrite"
            )
        return batch
    except UNREADABLE as error:
        raise DatasetError(
            f"{source.shown} cannot be read ({error}); run its stage again with --overwrite"
        ) from error


def _has_nulls(column: pa.Array) -> bool:
    nested = hasattr(column, "values")
    return bool(column.null_count) or (nested and _has_nulls(column.values))
