"""Blocks: deal the nonzeros to a P x P grid of cells and cut each cell into batches.

Stored nonzeros are dealt to *unordered* pairs of blocks, so a symmetric matrix is
shuffled once, not twice: the task of pair {p, q} makes both cell (p, q) and its
transpose (q, p).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glove_spark.config import BlocksSettings
from glove_spark.datasets.blocks import cell_file, write_cell
from glove_spark.kernels.batching import batch_cell
from glove_spark.kernels.grid import BlockGrid
from glove_spark.session import cores, describe
from glove_spark.stage import Job, Stage
from glove_spark.storage import Location

LARGEST_CELL = 64_000_000
"""Nonzeros; a task holds a cell and its sort keys in memory, some 40 bytes a nonzero."""

RECORD = np.dtype([("row", np.uint32), ("col", np.uint32), ("count", np.float64)])
"""One nonzero on its way through the shuffle, by its position inside the cell."""


class RowGroup(NamedTuple):
    """One row group of a co-occurrence file."""

    file: Location
    number: int


class CellFacts(NamedTuple):
    """What the driver learns of a cell that was written."""

    row_block: int
    column_block: int
    nnz: int
    batches: int


def build_blocks(job: Job) -> Mapping[str, Any]:
    """Write the cells of `Job.inputs` ``cooccurrence`` to `Job.output`."""
    settings: BlocksSettings = job.settings
    matrix = job.inputs["cooccurrence"]
    symmetric = bool(matrix.manifest.recipe.settings["symmetric"])
    nnz = int(matrix.facts["nnz"])
    num_blocks = settings.num_blocks or default_num_blocks(nnz, cores(job.spark))
    grid = BlockGrid(int(matrix.facts["vocabulary_size"]), num_blocks)
    pairs = [(p, q) for p in range(num_blocks) for q in range(p if symmetric else 0, num_blocks)]
    number_of = {pair: number for number, pair in enumerate(pairs)}
    row_groups = [
        RowGroup(file, index)
        for file in matrix.files(".parquet")
        for index in range(pq.read_metadata(file.open_input()).num_row_groups)
    ]
    output = job.output.make_folder()

    def deal(groups: Iterable[RowGroup]) -> Iterator[tuple[int, bytes]]:
        for group in groups:
            for pair, records in deal_to_pairs(*_read(group), grid, symmetric):
                yield number_of[pair], records.tobytes()

    def cut(chunks: Iterable[tuple[int, bytes]]) -> Iterator[CellFacts]:
        parts = [(number, np.frombuffer(content, RECORD)) for number, content in chunks]
        if not parts:
            return
        numbers = {number for number, _ in parts}
        assert len(numbers) == 1, "every pair of blocks has a partition of its own"
        pair = pairs[numbers.pop()]
        records = np.concatenate([part for _, part in parts])
        del parts
        yield from write_pair(pair, records, symmetric, output)

    describe(job.spark, f"blocks: deal {nnz:,} nonzeros to {num_blocks} x {num_blocks} cells")
    context = job.spark.sparkContext
    written = (
        context.parallelize(row_groups, max(1, len(row_groups)))
        .mapPartitions(deal)
        .partitionBy(len(pairs), int)
        .mapPartitions(cut)
        .collect()
    )
    filled = {(cell.row_block, cell.column_block) for cell in written}
    nothing = np.empty(0, RECORD)
    for p in range(num_blocks):
        for q in range(num_blocks):
            if (p, q) not in filled:
                written.append(_write(p, q, nothing, output))
    return {
        "num_blocks": num_blocks,
        "vocabulary_size": grid.vocabulary_size,
        "nnz": sum(cell.nnz for cell in written),
        "batches": sum(cell.batches for cell in written),
        "largest_count": float(matrix.facts["largest_count"]),
        "largest_cell": max(cell.nnz for cell in written),
    }


def default_num_blocks(nnz: int, parallel_tasks: int) -> int:
    """Choose P: every core has a cell in every round, and no cell is too large for a task."""
    by_size = int(np.ceil(np.sqrt(nnz / LARGEST_CELL)))
    return max(parallel_tasks, by_size)


def deal_to_pairs(
    row_ids: NDArray[np.int32],
    col_ids: NDArray[np.int32],
    counts: NDArray[np.float64],
    grid: BlockGrid,
    symmetric: bool,
) -> Iterator[tuple[tuple[int, int], NDArray[Any]]]:
    """Split stored nonzeros by pair of blocks.

    Of a symmetric matrix, the pair (p, q) has ``p <= q`` and a nonzero of cell
    (q, p) is turned into the one of cell (p, q) that it implies.

    Yields
    ------
    tuple
        The pair and its nonzeros, a `RECORD` array.
    """
    blocks = grid.num_blocks
    p, q = row_ids % blocks, col_ids % blocks
    records = np.empty(len(row_ids), RECORD)
    records["row"], records["col"] = row_ids // blocks, col_ids // blocks
    records["count"] = counts
    if symmetric:
        turned = p > q
        records["row"][turned], records["col"][turned] = (
            records["col"][turned],
            records["row"][turned],
        )
        p, q = np.minimum(p, q), np.maximum(p, q)
    pair = p.astype(np.int64) * blocks + q
    order = np.argsort(pair.astype(np.uint16 if blocks <= 256 else np.int64), kind="stable")
    pair, records = pair[order], records[order]
    starts = np.flatnonzero(np.diff(pair, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(pair)], strict=True):
        yield (int(pair[start]) // blocks, int(pair[start]) % blocks), records[start:stop]


def write_pair(
    pair: tuple[int, int],
    records: NDArray[Any],
    symmetric: bool,
    output: Location,
) -> Iterator[CellFacts]:
    """Write the cell of a pair of blocks and, of a symmetric matrix, its transpose."""
    p, q = pair
    if not symmetric:
        yield _write(p, q, records, output)
        return
    if p == q:
        off_diagonal = records["row"] != records["col"]
        both = np.concatenate([records, _transposed(records[off_diagonal])])
        yield _write(p, q, both, output)
        return
    yield _write(p, q, records, output)
    yield _write(q, p, _transposed(records), output)


def _transposed(records: NDArray[Any]) -> NDArray[Any]:
    turned = np.empty_like(records)
    turned["row"], turned["col"] = records["col"], records["row"]
    turned["count"] = records["count"]
    return turned


def _write(p: int, q: int, records: NDArray[Any], output: Location) -> CellFacts:
    cell = batch_cell(records["row"], records["col"], records["count"])
    with cell_file(output, p, q).written_whole() as temporary:
        write_cell(cell, temporary)
    return CellFacts(p, q, cell.nnz, cell.num_batches)


def _read(group: RowGroup) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    with pq.ParquetFile(group.file.open_input()) as source:
        table = source.read_row_group(group.number, columns=["row_id", "col_id", "count"])
    row_ids, col_ids, counts = (column.to_numpy() for column in table.columns)
    return row_ids, col_ids, counts


BLOCKS = Stage(
    dataset="blocks",
    command="blocks",
    format_version=1,
    inputs=("cooccurrence",),
    build=build_blocks,
)
