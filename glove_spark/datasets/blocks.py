"""Training blocks on disk: one Arrow file a cell, one record a batch.

The columns are lists, so any Arrow reader shows a batch as what it is; read
through a memory map they become the flat arrays of a `BatchedCell` without a
copy. See docs/FORMATS.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from glove_spark.datasets.arrow_files import read_record_batch, write_record_batch
from glove_spark.kernels.batching import BatchedCell
from glove_spark.storage import Location

SCHEMA = pa.schema(
    [
        ("row_ids", pa.large_list(pa.int32())),
        ("col_ids", pa.large_list(pa.int32())),
        ("row_ptr", pa.large_list(pa.int32())),
        ("col_index", pa.large_list(pa.uint16())),
        ("log_count", pa.large_list(pa.float32())),
    ]
)


def cell_file(blocks: Location, row_block: int, column_block: int) -> Location:
    """Name the file of cell (row_block, column_block)."""
    return blocks / f"cell-{row_block:05d}-{column_block:05d}.arrow"


def write_cell(cell: BatchedCell, target: Location) -> None:
    """Write one cell; an empty one is a file of no records."""
    batches = np.arange(cell.num_batches + 1)
    columns = [
        _lists(cell.row_offsets, cell.row_ids),
        _lists(cell.col_offsets, cell.col_ids),
        # every batch has one row pointer more than it has rows
        _lists(cell.row_offsets + batches, cell.row_ptr),
        _lists(cell.nnz_offsets, cell.col_index),
        _lists(cell.nnz_offsets, cell.log_count),
    ]
    write_record_batch(pa.record_batch(columns, schema=SCHEMA), target)


def read_cell(source: Location) -> BatchedCell:
    """Read one cell; on a local file system its arrays are views of a memory map."""
    columns = dict(zip(SCHEMA.names, read_record_batch(source, SCHEMA).columns, strict=True))
    return BatchedCell(
        row_ids=_values(columns["row_ids"]),
        row_offsets=_offsets(columns["row_ids"]),
        col_ids=_values(columns["col_ids"]),
        col_offsets=_offsets(columns["col_ids"]),
        row_ptr=_values(columns["row_ptr"]),
        col_index=_values(columns["col_index"]),
        log_count=_values(columns["log_count"]),
        nnz_offsets=_offsets(columns["log_count"]),
    )


def _lists(offsets: NDArray[np.int64], values: NDArray[Any]) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values))


def _values(column: pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.values.to_numpy(zero_copy_only=True)
    return values


def _offsets(column: pa.Array) -> NDArray[np.int64]:
    offsets: NDArray[np.int64] = column.offsets.to_numpy(zero_copy_only=True)
    return offsets
