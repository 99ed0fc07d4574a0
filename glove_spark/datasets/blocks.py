"""Training blocks on disk: one Arrow file per cell, one record per batch.

The columns are lists, so any Arrow reader shows the structure of a batch. Read through a memory
map, they become the flat arrays of a `BatchedCell` without a copy. If the matrix is symmetric, a
cell and its transpose share one file. See docs/FORMATS.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from glove_spark.datasets.arrow_files import read_record_batch, write_record_batch
from glove_spark.errors import DatasetError
from glove_spark.kernels.blocks.cell_check import cell_problem
from glove_spark.kernels.blocks.cells import BatchedCell, Lists
from glove_spark.kernels.training.held_out import HeldOut
from glove_spark.store.location import Location

NUMBERS = {"side": pa.int32(), "nnz": pa.int32(), "mirrored": pa.bool_()}
LISTS = {
    "row_ids": pa.int32(),
    "col_ids": pa.int32(),
    "row_ptr": pa.int32(),
    "col_index": pa.uint16(),
    "log_count": pa.float32(),
}
SCHEMA = pa.schema(
    [*NUMBERS.items(), *((name, pa.large_list(kind)) for name, kind in LISTS.items())]
)


HELD_OUT_SCHEMA = pa.schema(
    [("row", pa.uint32()), ("col", pa.uint32()), ("log_count", pa.float32())]
)


class CellFile(NamedTuple):
    """The file that a cell is trained from.

    Attributes
    ----------
    location
        The file.
    transposed
        Whether it contains the transpose of the cell.
    """

    location: Location
    transposed: bool


def cell_file(blocks: Location, row_block: int, column_block: int, *, symmetric: bool) -> CellFile:
    """Return the file of cell (row_block, column_block); if symmetric, the upper cell has it."""
    transposed = symmetric and row_block > column_block
    if transposed:
        row_block, column_block = column_block, row_block
    return CellFile(blocks / f"cell-{row_block:05d}-{column_block:05d}.arrow", transposed)


def held_out_file(blocks: Location, row_block: int, column_block: int) -> Location:
    """Return the file of the held-out nonzeros of a cell; it is next to the file of the cell."""
    return blocks / f"held-out-{row_block:05d}-{column_block:05d}.arrow"


def write_held_out(held_out: HeldOut, target: Location) -> None:
    """Write the held-out nonzeros of one cell."""
    columns = [pa.array(values) for values in held_out]
    write_record_batch(pa.record_batch(columns, schema=HELD_OUT_SCHEMA), target)


def read_held_out(source: Location) -> HeldOut:
    """Read the held-out nonzeros of one cell."""
    columns = read_record_batch(source, HELD_OUT_SCHEMA).columns
    return HeldOut(*(column.to_numpy(zero_copy_only=True) for column in columns))


def write_cell(cell: BatchedCell, target: Location) -> None:
    """Write one cell; the file of an empty one has no records."""
    columns = [pa.array(getattr(cell, name), kind) for name, kind in NUMBERS.items()]
    columns += [_list_array(getattr(cell, name)) for name in LISTS]
    write_record_batch(pa.record_batch(columns, schema=SCHEMA), target)


def read_cell(source: Location, shape: tuple[int, int] | None = None) -> BatchedCell:
    """Read one cell; on a local file system, its lists are views of a memory map.

    Parameters
    ----------
    shape
        Words of its row block and of its column block, as stored. If given, all indices are
        checked; once per run is enough.

    Raises
    ------
    DatasetError
        If the file cannot be read, or is not a cell of this shape.
    """
    columns = dict(zip(SCHEMA.names, read_record_batch(source, SCHEMA).columns, strict=True))
    numbers = {name: columns[name].to_numpy(zero_copy_only=False) for name in NUMBERS}
    lists: dict[str, Any] = {name: _lists(columns[name]) for name in LISTS}
    cell = BatchedCell(**numbers, **lists)
    problem = None if shape is None else cell_problem(cell, *shape)
    if problem is not None:
        raise DatasetError(f"{source.shown} {problem}; run the stage blocks again with --overwrite")
    return cell


def _list_array(lists: Lists) -> pa.Array:
    return pa.LargeListArray.from_arrays(
        pa.array(lists.offsets, pa.int64()), pa.array(lists.values)
    )


def _lists(column: Any) -> Lists:
    offsets = column.offsets.to_numpy(zero_copy_only=True)
    return Lists(offsets.astype(np.int64, copy=False), column.values.to_numpy(zero_copy_only=True))
