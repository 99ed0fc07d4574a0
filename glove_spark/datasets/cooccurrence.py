"""The co-occurrence dataset: Parquet files of ``row_id int32, col_id int32, count double``.

Only nonzeros are stored, sorted by row and column within a file and from file to file. If the
matrix is symmetric, only ``row_id <= col_id`` is stored; `both_triangles` expands it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glove_spark.datasets.parquet_files import UNREADABLE
from glove_spark.errors import DatasetError
from glove_spark.kernels.counting.runs import Run
from glove_spark.store.location import Location

SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.int32(), nullable=False),
        pa.field("col_id", pa.int32(), nullable=False),
        pa.field("count", pa.float64(), nullable=False),
    ]
)

ROW_GROUP_ROWS = 1 << 20
"""Nonzeros of a row group, which readers load at once: 16 MB as arrays."""

_WRITER_OPTIONS = {
    # ids ascend, so their differences take few bits, and counts have few distinct values. With
    # zstd the files would be a fifth smaller, and a third slower to write and to read
    "column_encoding": {"row_id": "DELTA_BINARY_PACKED", "col_id": "DELTA_BINARY_PACKED"},
    "use_dictionary": ["count"],
    "compression": "none",
    "write_statistics": ["row_id", "col_id"],
}


class Nonzeros(NamedTuple):
    """Some nonzeros: int32, int32 and float64 arrays of the same length."""

    row_ids: NDArray[np.int32]
    col_ids: NDArray[np.int32]
    counts: NDArray[np.float64]


def file_name(number: int) -> str:
    """Return the name of the file of a block of rows."""
    return f"rows-{number:05d}.parquet"


def write_rows(run: Run, first_row: int, unit: int, target: Location) -> None:
    """Write the counts of consecutive rows, dividing them by ``unit``.

    The bytes depend only on the arguments and the version of pyarrow.

    Parameters
    ----------
    run
        Counts in units; its first row is ``first_row`` of the matrix.
    """
    row_ids = run.rows + np.int32(first_row)
    parts = (slice(start, start + ROW_GROUP_ROWS) for start in range(0, run.nnz, ROW_GROUP_ROWS))
    write_nonzeros(
        (Nonzeros(row_ids[part], run.cols[part], run.units[part] / unit) for part in parts), target
    )


def write_nonzeros(parts: Iterable[Nonzeros], target: Location) -> None:
    """Write a file; each part, of at most `ROW_GROUP_ROWS` rows, becomes a row group."""
    with (
        target.open_output() as sink,
        pq.ParquetWriter(sink, SCHEMA, **_WRITER_OPTIONS) as writer,
    ):
        for part in parts:
            table = pa.table([pa.array(column) for column in part], schema=SCHEMA)
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)


def open_matrix_file(file: Location) -> pq.ParquetFile:
    """Open one file.

    Raises
    ------
    DatasetError
        If it cannot be read or has other columns.
    """
    try:
        source = pq.ParquetFile(file.open_input())
        found = source.schema_arrow
    except UNREADABLE as error:
        raise _unreadable(file, error) from error
    if not found.equals(SCHEMA):
        raise DatasetError(
            f"{file.shown} has the columns {', '.join(found.names)} but "
            "must have row_id int32, col_id int32, count double; run the stage "
            "cooccurrence again with --overwrite"
        )
    return source


def read_row_group(source: pq.ParquetFile, file: Location, number: int) -> Nonzeros:
    """Read one row group of an open file.

    Raises
    ------
    DatasetError
        If it cannot be read.
    """
    try:
        table = source.read_row_group(number)
        return Nonzeros(*(column.to_numpy() for column in table.columns))
    except UNREADABLE as error:
        raise _unreadable(file, error) from error


def rows_of_group(source: pq.ParquetFile, file: Location, number: int) -> tuple[int, int]:
    """Return the first and the last matrix row of one row group of an open file.

    They are read from the data. Parquet's statistics would be faster, but if they are damaged,
    reading them ends the process.

    Raises
    ------
    DatasetError
        If the row group cannot be read, or is empty.
    """
    try:
        rows = source.read_row_group(number, columns=["row_id"]).column(0)
        return int(rows[0].as_py()), int(rows[-1].as_py())
    except (*UNREADABLE, IndexError) as error:
        raise _unreadable(file, error) from error


def read_nonzeros(file: Location) -> Iterator[Nonzeros]:
    """Read the stored nonzeros of one file, one row group at a time.

    Raises
    ------
    DatasetError
        If the file cannot be read or has other columns.
    """
    with open_matrix_file(file) as source:
        for number in range(source.num_row_groups):
            yield read_row_group(source, file, number)


def _unreadable(file: Location, error: object) -> DatasetError:
    return DatasetError(
        f"{file.shown} cannot be read ({error}); redo the stage cooccurrence with --overwrite"
    )


def both_triangles(stored: Iterable[Nonzeros]) -> Iterator[Nonzeros]:
    """Expand the stored triangle of a symmetric matrix: each batch, then its mirror image.

    The diagonal is not repeated.
    """
    for batch in stored:
        yield batch
        mirrored = batch.row_ids != batch.col_ids
        yield Nonzeros(batch.col_ids[mirrored], batch.row_ids[mirrored], batch.counts[mirrored])
