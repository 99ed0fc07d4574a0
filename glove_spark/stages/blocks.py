"""Blocks: divide the nonzeros into a P x P grid of cells, and each cell into batches.

If the matrix is symmetric, the stored triangle is distributed over *unordered* pairs of blocks:
cell (q, p) is trained from the file of its transpose, cell (p, q), so it is not shuffled or
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.blocks import (
    cell_file,
    held_out_file,
    write_cell,
    write_held_out,
)
from glove_spark.datasets.cooccurrence import Nonzeros, open_matrix_file, read_row_group
from glove_spark.datasets.matrix_parts import (
    RowRange,
    cut_ranges,
    stored_parts,
    weighted_parts,
)
from glove_spark.errors import InputError
from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.grid import FULL_CELL, MOST_FOR_CORES, BlockGrid
from glove_spark.kernels.training.held_out import HeldOut, is_held_out
from glove_spark.settings.stages import BlocksSettings, half_life_days
from glove_spark.spark.collecting import collected
from glove_spark.spark.session import cores, describe
from glove_spark.stages.stage import Job, Stage
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset
from glove_spark.training.epoch_plan import MOST_ROW_TASKS

LARGEST_CELL = 32_000_000
"""Nonzeros of a file; a task has them in memory, at about 60 bytes each while it makes batches."""


class StoredPiece(NamedTuple):
    """A row group of a matrix that has only one part."""

    file: Location
    number: int

    def nonzeros(self) -> Nonzeros:
        """Read the row group."""
        with open_matrix_file(self.file) as source:
            return read_row_group(source, self.file, self.number)


class SummedPiece(NamedTuple):
    """A range of rows of a matrix that is a sum of parts."""

    rows: RowRange
    unit: int

    def nonzeros(self) -> Nonzeros:
        """Read the parts and add them up."""
        return self.rows.read(self.unit)


Piece = StoredPiece | SummedPiece


class CellFacts(NamedTuple):
    """Describe a file that was written, for the driver.

    `nnz` counts both triangles, `largest` is the largest count.
    """

    pair: tuple[int, int]
    held_out: bool
    nnz: int
    batches: int
    largest: float


def build_blocks(job: Job) -> Mapping[str, Any]:
    """Write the cells of `Job.inputs` ``cooccurrence`` to `Job.output`."""
    settings: BlocksSettings = job.settings
    matrix = job.inputs["cooccurrence"]
    symmetric = bool(matrix.manifest.recipe.settings["symmetric"])
    nnz = int(matrix.facts["nnz"])
    if nnz == 0:
        raise InputError(
            f"{matrix.location.shown} has no nonzeros; add text that contains words of the "
            "vocabulary, or lower min_count"
        )
    num_blocks = settings.num_blocks or default_num_blocks(nnz, cores(job.spark))
    grid = BlockGrid(int(matrix.facts["vocabulary_size"]), num_blocks)
    pairs = grid.stored_cells(symmetric=symmetric)
    number_of = {pair: number for number, pair in enumerate(pairs)}
    pieces = plan_pieces(matrix, settings)
    output = job.output.make_folder()

    def deal(some: Iterable[Piece]) -> Iterator[tuple[int, bytes]]:
        for piece in some:
            for kind, stored in enumerate(split_held_out(*piece.nonzeros(), settings.held_out)):
                for pair, nonzeros in deal_to_pairs(*stored, grid, symmetric):
                    yield number_of[pair] + kind * len(pairs), nonzeros

    def cut(chunks: Iterable[tuple[int, bytes]]) -> Iterator[CellFacts]:
        parts: dict[int, list[bytes]] = {}
        for number, nonzeros in chunks:
            parts.setdefault(number, []).append(nonzeros)
        for number in sorted(parts):
            kind, pair = divmod(number, len(pairs))
            write = write_held_out_pair if kind else write_pair
            yield write(pairs[pair], parts.pop(number), symmetric, output)

    describe(job.spark, f"blocks: deal {nnz:,} nonzeros to {num_blocks} x {num_blocks} cells")
    context = job.spark.sparkContext
    written = collected(
        context.parallelize(pieces, max(1, len(pieces)))
        .mapPartitions(deal)
        .partitionBy(len(pairs) * (2 if settings.held_out else 1), int)
        .mapPartitions(cut)
    )
    kinds = ((False, write_pair), (True, write_held_out_pair))
    for held_out, write in kinds[: 2 if settings.held_out else 1]:
        filled = {cell.pair for cell in written if cell.held_out == held_out}
        written += [write(pair, [], symmetric, output) for pair in pairs if pair not in filled]
    cells = [cell for cell in written if not cell.held_out]
    return {
        "num_blocks": num_blocks,
        "vocabulary_size": grid.vocabulary_size,
        "symmetric": symmetric,
        "nnz": sum(cell.nnz for cell in cells),
        "held_out_nnz": sum(cell.nnz for cell in written if cell.held_out),
        "batches": sum(cell.batches for cell in cells),
        "largest_count": max(cell.largest for cell in cells),
        "largest_cell": max(cell.nnz for cell in cells),
    }


def plan_pieces(matrix: Dataset, settings: BlocksSettings) -> list[Piece]:
    """List the parts that tasks can read independently.

    Raises
    ------
    ConfigurationError
        If ``half_life`` is given and the matrix is not a sum of batches whose names begin with
        dates.
    """
    if settings.half_life is None:
        parts = stored_parts(matrix)
    else:
        parts = weighted_parts(matrix, half_life_days(settings.half_life))
    if len(parts) == 1 and parts[0].weight == 1.0:
        return [
            StoredPiece(file, number)
            for file in parts[0].files
            for number in range(open_matrix_file(file).num_row_groups)
        ]
    unit = int(matrix.facts["unit"])
    ranges = cut_ranges(parts, int(matrix.facts["vocabulary_size"]))
    return [SummedPiece(rows, unit) for rows in ranges]


def default_num_blocks(nnz: int, parallel_tasks: int) -> int:
    """Choose P: every core has a cell in every round, and no cell is too large for a task.

    If cells stay full, a row block is trained by `MOST_ROW_TASKS` tasks at once, so that a quarter
    as many blocks give every core a task.
    """
    by_size = int(np.ceil(np.sqrt(nnz / LARGEST_CELL)))
    full = min(parallel_tasks // MOST_ROW_TASKS, int(np.sqrt(nnz / FULL_CELL)))
    return max(min(parallel_tasks, MOST_FOR_CORES), full, by_size)


def deal_to_pairs(
    row_ids: NDArray[np.int32],
    col_ids: NDArray[np.int32],
    counts: NDArray[np.float64],
    grid: BlockGrid,
    symmetric: bool,
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Group stored nonzeros by pair of blocks.

    If the matrix is symmetric, the pair (p, q) has ``p <= q``, and a nonzero of cell (q, p) is
    replaced by its mirror image in cell (p, q).

    Yields
    ------
    tuple
        The pair and its n nonzeros: n local rows and n local columns, uint32, and n logarithms of
        counts, float32, as bytes.
    """
    blocks = grid.num_blocks
    p, q = row_ids % blocks, col_ids % blocks
    rows, cols = (row_ids // blocks).view(np.uint32), (col_ids // blocks).view(np.uint32)
    log_counts = np.log(counts).astype(np.float32)
    if symmetric:
        turned = p > q
        rows, cols = np.where(turned, cols, rows), np.where(turned, rows, cols)
        p, q = np.minimum(p, q), np.maximum(p, q)
    pair = p * blocks + q
    order = np.argsort(pair.astype(np.uint16 if blocks <= 256 else np.int32), kind="stable")
    ends = np.cumsum(np.bincount(pair, minlength=blocks * blocks))
    for number in np.unique(pair).tolist():
        inside = order[ends[number - 1] if number else 0 : ends[number]]
        yield (
            divmod(number, blocks),
            rows[inside].tobytes() + cols[inside].tobytes() + log_counts[inside].tobytes(),
        )


def split_held_out(
    row_ids: NDArray[np.int32],
    col_ids: NDArray[np.int32],
    counts: NDArray[np.float64],
    share: float,
) -> list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]]:
    """Separate stored nonzeros into those to train on and those held out, if there are any."""
    if not share:
        return [(row_ids, col_ids, counts)]
    held_out = is_held_out(row_ids, col_ids, share)
    return [(row_ids[mask], col_ids[mask], counts[mask]) for mask in (~held_out, held_out)]


def write_pair(
    pair: tuple[int, int], parts: list[bytes], symmetric: bool, output: Location
) -> CellFacts:
    """Make the batches of a pair of blocks and write the cell; consumes `parts`."""
    nonzeros = _joined(parts)
    cell = batch_cell(*nonzeros, triangle=symmetric and pair[0] == pair[1])
    with cell_file(output, *pair, symmetric=symmetric).location.written_whole() as temporary:
        write_cell(cell, temporary)
    both = 2 if symmetric and pair[0] != pair[1] else 1
    return CellFacts(pair, False, both * cell.total_nnz, cell.num_batches, _largest(nonzeros[2]))


def write_held_out_pair(
    pair: tuple[int, int], parts: list[bytes], symmetric: bool, output: Location
) -> CellFacts:
    """Write the held-out nonzeros of a pair of blocks, in order; consumes `parts`."""
    rows, cols, log_counts = _joined(parts)
    order = np.lexsort((cols, rows))
    held_out = HeldOut(rows[order], cols[order], log_counts[order])
    with held_out_file(output, *pair).written_whole() as temporary:
        write_held_out(held_out, temporary)
    on_diagonal = int(np.count_nonzero(rows == cols)) if pair[0] == pair[1] else 0
    nnz = 2 * len(rows) - on_diagonal if symmetric else len(rows)
    return CellFacts(pair, True, nnz, 0, _largest(log_counts))


def _largest(log_counts: NDArray[np.float32]) -> float:
    return float(np.exp(log_counts.max(initial=-np.inf), dtype=np.float64))


def _joined(
    parts: list[bytes],
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32]]:
    """Concatenate the output of `deal_to_pairs` for one pair; consumes `parts`."""
    nnz = sum(len(part) for part in parts) // 12
    rows, cols = np.empty(nnz, np.uint32), np.empty(nnz, np.uint32)
    log_counts = np.empty(nnz, np.float32)
    start = 0
    while parts:
        part = parts.pop()
        size = len(part) // 12
        for number, target in enumerate((rows, cols, log_counts)):
            values = np.frombuffer(part, target.dtype, size, 4 * number * size)
            target[start : start + size] = values
        start += size
    return rows, cols, log_counts


BLOCKS = Stage(
    dataset="blocks",
    command="blocks",
    format_version=FORMAT_VERSIONS["blocks"],
    inputs=("cooccurrence",),
    build=build_blocks,
)
