"""The peak speeds of one core of this machine, and the share that the training kernel reaches.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed.roofline
    ... python -m benchmarks.speed.roofline --cooccurrence work/cooccurrence --num-blocks 2

First it measures the peaks of the machine with numpy: float32 matrix products, large and of stacks
of tiles; reading, copying and gathering rows of a table that is larger than the caches, and of one
in the cache. Then it trains one cell of the matrix: all of it, only its tiles, and only its sparse
batches, and compares them with the peaks:

    arithmetic   6 (d + 2) operations per entry: an inner product, and a share of two products with
                 a matrix; entries of a tile without a nonzero are work too (`places` per nonzero)
    gathers      4 * 4 (d + 2) bytes per sparse nonzero, of the words of the batch in the cache: two
                 rows for the inner product, and one for each of two products with a matrix
    bytes        the arrays of a batch once, and every word of it read and written:
                 2 * 4 (d + 5) bytes per word and batch; nothing else has to leave the cache

The bound is the longest of the times that these would take at the peaks; "of bound" is the share of
this speed that is reached.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.records.record import processor
from benchmarks.speed.kernel import (
    OBJECTIVES,
    matrix_parser,
    nonzeros_per_second,
    one_cell,
    stored_matrix,
    zipfian_matrix,
)
from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.cells import BatchedCell, Lists
from glove_spark.kernels.blocks.grid import BlockGrid

TABLE_BYTES = 1 << 28
"""Bytes of arrays that are larger than all caches."""

CACHED_BYTES = 1 << 19
"""Bytes of a table in the second-level cache, like the words of a batch."""

GEMM_SIDE = 1024

STACK_PLACES = 1 << 17
"""Entries of a stack of tiles, as in a batch."""


class Work(NamedTuple):
    """The work of a pass over a cell, per nonzero.

    Attributes
    ----------
    places
        Entries of tiles, with or without a nonzero, and sparse nonzeros.
    words
        Rows and columns of batches.
    cell_bytes
        Bytes of the arrays of the batches.
    sparse
        Nonzeros outside tiles.
    """

    places: float
    words: float
    cell_bytes: float
    sparse: float

    def gathers(self, vector_size: int) -> float:
        """Return the bytes per nonzero of rows that sparse products read from the cache."""
        return 4 * 4 * (vector_size + 2) * self.sparse

    def flops(self, vector_size: int) -> float:
        """Return additions and multiplications per nonzero."""
        return 6 * (vector_size + 2) * self.places

    def bytes(self, vector_size: int) -> float:
        """Return the bytes per nonzero that are read from or written to memory."""
        return self.cell_bytes + 2 * 4 * (vector_size + 5) * self.words


def work_of(cell: BatchedCell) -> Work:
    """Count the work of a pass; mirrored batches are visited twice."""
    visits = 1 + cell.mirrored.astype(np.int64)
    run = np.maximum(cell.side, 1)
    words = (np.diff(cell.row_ids.offsets) + np.diff(cell.col_ids.offsets)) * run
    sizes = [
        np.diff(field.offsets) * field.values.itemsize
        for field in vars(cell).values()
        if isinstance(field, Lists)
    ]
    counted = (np.diff(cell.log_count.offsets), words, sum(sizes), cell.nnz * (cell.side == 0))
    return Work(*(float((each * visits).sum()) / cell.total_nnz for each in counted))


def select(cell: BatchedCell, chosen: NDArray[np.bool_]) -> BatchedCell:
    """Return some batches of a cell."""
    fields: dict[str, Any] = {}
    for name, field in vars(cell).items():
        if isinstance(field, Lists):
            lengths = np.diff(field.offsets)
            values = field.values[np.repeat(chosen, lengths)]
            offsets = np.concatenate([[0], np.cumsum(lengths[chosen])])
            fields[name] = Lists(offsets, values)
        else:
            fields[name] = field[chosen]
    return replace(cell, **fields)


def rate(work: float, call: Callable[[], object], seconds: float = 0.5) -> float:
    """Return the highest rate of `work` per second of processor time of a repeated call."""
    call()
    best, end = 0.0, time.process_time() + seconds
    while best == 0 or time.process_time() < end:
        started = time.process_time()
        call()
        best = max(best, work / max(time.process_time() - started, 1e-9))
    return best


def gemm_peak(side: int = GEMM_SIDE) -> float:
    """Measure flop per second of a large product."""
    a, b, out = (np.ones((side, side), np.float32) for _ in range(3))
    return rate(2 * side**3, lambda: np.matmul(a, b, out=out))


def tile_peak(side: int, vector_size: int) -> float:
    """Measure flop per second of the inner products of a stack of tiles."""
    count = max(1, STACK_PLACES // side**2)
    a, b = (np.ones((count, side, vector_size), np.float32) for _ in range(2))
    out = np.empty((count, side, side), np.float32)
    work = 2 * count * side**2 * vector_size
    return rate(work, lambda: np.matmul(a, b.transpose(0, 2, 1), out=out))


def memory_peaks() -> dict[str, float]:
    """Measure bytes per second of reading and of copying; copied bytes count twice."""
    source = np.ones(TABLE_BYTES // 4, np.float32)
    target = np.ones_like(source)
    return {
        "read": rate(TABLE_BYTES, lambda: np.dot(source, source)),
        "copy": rate(2 * TABLE_BYTES, lambda: np.copyto(target, source)),
    }


def gather_peak(vector_size: int, table_bytes: int) -> float:
    """Measure bytes per second of random rows gathered from a table."""
    table = np.ones((table_bytes // (4 * vector_size), vector_size), np.float32)
    rows = CACHED_BYTES // (4 * vector_size)
    ids = np.random.default_rng(1).integers(len(table), size=(64, rows))
    out = np.empty((rows, vector_size), np.float32)
    work = ids.size * 4 * vector_size
    return rate(work, lambda: [np.take(table, part, 0, out, "clip") for part in ids])


def share_row(
    name: str,
    cell: BatchedCell,
    grid: BlockGrid,
    vector_size: int,
    peaks: tuple[float, float, float],
) -> str:
    """Train a cell and return the shares that it reaches of arithmetic, memory and gathers."""
    speed = nonzeros_per_second(cell, grid, vector_size, 2.0, OBJECTIVES["pairs that met"])
    work = work_of(cell)
    flops, size = work.flops(vector_size), work.bytes(vector_size)
    gathered = work.gathers(vector_size)
    bound = max(flops / peaks[0], size / peaks[1], gathered / peaks[2])
    return (
        f"{vector_size:>4} {name:7}{speed / 1e6:>9.1f}{work.places:>8.2f}{work.words:>8.3f}"
        f"{flops:>8.0f}{flops * speed / 1e9:>9.1f}{flops * speed / peaks[0]:>7.0%}"
        f"{size:>9.0f}{size * speed / 1e9:>8.2f}{size * speed / peaks[1]:>7.0%}"
        f"{gathered:>9.0f}{gathered * speed / 1e9:>8.2f}{gathered * speed / peaks[2]:>7.0%}"
        f"{bound * speed:>10.0%}"
    )


def main() -> None:
    """Print the peaks and the table of shares."""
    parser = matrix_parser(__doc__)
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: BLAS may use more than one core")

    gemm, memory = gemm_peak(), memory_peaks()
    print(f"{processor()}, one core")
    print(f"matrix product, {GEMM_SIDE} a side: {gemm / 1e9:.1f} GFLOP/s")
    for vector_size in given.vector_sizes:
        tiles = ", ".join(
            f"{side}: {tile_peak(side, vector_size) / 1e9:.1f}" for side in (16, 32, 64, 128)
        )
        print(f"tiles, d = {vector_size}, GFLOP/s by side: {tiles}")
    print(f"read {memory['read'] / 1e9:.1f} GB/s, copy {memory['copy'] / 1e9:.1f} GB/s")
    cached = {}
    for vector_size in given.vector_sizes:
        cached[vector_size] = gather_peak(vector_size, CACHED_BYTES)
        far = gather_peak(vector_size, TABLE_BYTES)
        print(
            f"gather rows, d = {vector_size}: {far / 1e9:.1f} GB/s from memory, "
            f"{cached[vector_size] / 1e9:.1f} from the cache"
        )

    if given.cooccurrence is not None:
        vocabulary_size, coo = stored_matrix(given.cooccurrence)
    else:
        vocabulary_size = given.vocabulary_size
        coo = zipfian_matrix(vocabulary_size, given.num_pairs, seed=1)
    grid = BlockGrid(vocabulary_size, given.num_blocks)
    rows, cols, counts = one_cell(coo, given.num_blocks)
    del coo
    cell = batch_cell(rows, cols, np.log(counts).astype(np.float32))
    in_tiles = cell.nnz[cell.side > 0].sum() / cell.total_nnz
    print(
        f"cell: {cell.total_nnz:,} nonzeros, {cell.num_batches:,} batches, {in_tiles:.0%} in tiles"
    )
    print(
        f"{'d':>4} {'part':7}{'Mnnz/s':>9}{'places':>8}{'words':>8}{'flop':>8}{'GFLOP/s':>9}"
        f"{'share':>7}{'bytes':>9}{'GB/s':>8}{'share':>7}"
        f"{'gathers':>9}{'GB/s':>8}{'share':>7}{'of bound':>10}"
    )
    parts = {
        "all": cell,
        "tiles": select(cell, cell.side > 0),
        "sparse": select(cell, cell.side == 0),
    }
    for vector_size in given.vector_sizes:
        for name, part in parts.items():
            if part.num_batches:
                peaks = (gemm, memory["copy"], cached[vector_size])
                print(share_row(name, part, grid, vector_size, peaks))
    print("places, words, flop, bytes and gathers are per nonzero")


if __name__ == "__main__":
    main()
