"""Measure the training kernel: nonzeros per second on one core, by vector size and objective.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed.kernel --num-blocks 2
    python -m benchmarks.speed.kernel --cooccurrence work/cooccurrence --num-blocks 8

Without ``--cooccurrence``, the matrix is synthetic: the words of each pair are independent and
Zipfian. One cell of the grid is divided into batches and trained; the first pass is not measured.
Times are processor times, which a shared machine disturbs less.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.batching import DEFAULT_BATCH_NNZ, DEFAULT_MAX_STALENESS, batch_cell
from glove_spark.kernels.blocks.cells import BatchedCell, Lists
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.draws import draws_of
from glove_spark.kernels.training.margins import anchors, row_margins, shares
from glove_spark.kernels.training.objective import Objective, WordTerms
from glove_spark.kernels.training.parameters import initial_parameters
from glove_spark.kernels.training.replica_weight import ReplicaWeight
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.update import StepSettings, train_cell
from glove_spark.settings.stages import TrainSettings
from glove_spark.training.epoch_plan import objective_of

OBJECTIVES = {
    "pairs that met": Objective(TrainSettings().x_max, TrainSettings().alpha),
    "all pairs": objective_of(TrainSettings()),
}
"""The objective of the paper, and the default one."""

LEAST_RATIOS = 7
"""Ratios of times whose median is reported, however long they take."""

Coo = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def zipfian_matrix(vocabulary_size: int, num_pairs: int, seed: int) -> Coo:
    """Draw pairs of independent Zipfian words; return their counts in both orders."""
    rng = derived_rng(seed)
    share = 1 / (np.arange(vocabulary_size) + 2.7)
    edges = np.cumsum(share) / share.sum()
    rows, cols = (
        np.minimum(np.searchsorted(edges, rng.random(num_pairs)), vocabulary_size - 1)
        for _ in range(2)
    )
    place = np.concatenate([rows * vocabulary_size + cols, cols * vocabulary_size + rows])
    place, counts = np.unique(place, return_counts=True)
    return *np.divmod(place, vocabulary_size), counts / 4.0


def stored_matrix(folder: Path) -> tuple[int, Coo]:
    """Read a co-occurrence dataset that stores one triangle; return V and both triangles."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder, columns=["row_id", "col_id", "count"])
    rows, cols, counts = (column.to_numpy() for column in table.columns)
    mirrored = rows != cols
    both = (
        np.concatenate([rows, cols[mirrored]]).astype(np.int64),
        np.concatenate([cols, rows[mirrored]]).astype(np.int64),
        np.concatenate([counts, counts[mirrored]]),
    )
    return int(both[0].max()) + 1, both


def one_cell(coo: Coo, num_blocks: int) -> Coo:
    """Return the nonzeros of cell (0, P - 1) with local ids."""
    rows, cols, counts = coo
    inside = (rows % num_blocks == 0) & (cols % num_blocks == num_blocks - 1)
    return rows[inside] // num_blocks, cols[inside] // num_blocks, counts[inside]


Pass = Callable[[int, ReplicaWeight | None], None]


def training(cell: BatchedCell, grid: BlockGrid, vector_size: int, objective: Objective) -> Pass:
    """Return a function that trains the cell once: pass n, measuring a weight of the columns."""
    last = grid.num_blocks - 1
    sizes = grid.block_size(0), grid.block_size(last)
    sides = [
        initial_parameters(size, vector_size, derived_rng(1, number))
        for number, size in enumerate(sizes)
    ]
    sums = [
        row_margins(cell, size, objective, transposed=turned)
        for size, turned in zip(sizes, (False, True), strict=True)
    ]
    if objective.anchored:
        fixed = anchors(sums[0].counts, sums[1].counts, objective.context_smoothing)
        for side, biases in zip(sides, fixed, strict=True):
            side.biases[...] = biases
    terms = [WordTerms(share=share) for share in shares(sums[0].weights, sums[1].weights)]
    options = TrainSettings()
    settings = StepSettings(options.learning_rate, options.damping, objective, "row")

    def one_pass(number: int, weight: ReplicaWeight | None) -> None:
        train_cell(
            cell,
            sides[0],
            sides[1],
            settings,
            rng=derived_rng(1, 2, number),
            row_terms=terms[0],
            col_terms=terms[1],
            draws=draws_of(grid.num_blocks, vector_size, 0, last, number),
            col_weight=weight,
        )

    return one_pass


def nonzeros_per_second(
    cell: BatchedCell, grid: BlockGrid, vector_size: int, seconds: float, objective: Objective
) -> float:
    """Train the cell for some time, at least one pass; return nonzeros per second of the core."""
    one_pass = training(cell, grid, vector_size, objective)
    one_pass(0, None)
    passes, start = 0, time.process_time()
    while passes == 0 or time.process_time() - start < seconds:
        passes += 1
        one_pass(passes, None)
    return passes * cell.total_nnz / (time.process_time() - start)


def with_weight(
    one_pass: Callable[[int, ReplicaWeight | None], None], weight: ReplicaWeight | None
) -> Callable[[int], None]:
    """Return the pass with a weight to measure, or none."""
    return lambda number: one_pass(number, weight)


def ratio_of_times(
    first: Callable[[int], None], second: Callable[[int], None], seconds: float
) -> float:
    """Return how many times as long a pass of the second takes as one of the first.

    The passes alternate, and the median of their ratios counts, because a shared machine changes
    its speed by more than the difference from second to second.
    """

    def seconds_of(one_pass: Callable[[int], None], number: int) -> float:
        start = time.process_time()
        one_pass(number)
        return time.process_time() - start

    for one_pass in (first, second):
        one_pass(0)
    ratios: list[float] = []
    until = time.process_time() + seconds
    while len(ratios) < LEAST_RATIOS or time.process_time() < until:
        number = len(ratios) + 1
        before = seconds_of(first, number)
        ratios.append(seconds_of(second, number) / before)
    return median(ratios)


def matrix_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of the matrix and its training."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cooccurrence", type=Path, help="folder of co-occurrence Parquet files")
    parser.add_argument("--vocabulary-size", type=int, default=50_000)
    parser.add_argument("--num-pairs", type=int, default=30_000_000)
    parser.add_argument("--num-blocks", type=int, default=2)
    parser.add_argument("--vector-sizes", type=int, nargs="+", default=[50, 100, 300])
    return parser


def main() -> None:
    """Print one table."""
    parser = matrix_parser(__doc__)
    parser.add_argument("--max-staleness", type=float, default=DEFAULT_MAX_STALENESS)
    parser.add_argument("--batch-nnz", type=int, default=DEFAULT_BATCH_NNZ)
    parser.add_argument("--seconds", type=float, default=5.0, help="time a vector size")
    options = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: BLAS may use more than one core")

    if options.cooccurrence is not None:
        vocabulary_size, coo = stored_matrix(options.cooccurrence)
    else:
        vocabulary_size = options.vocabulary_size
        coo = zipfian_matrix(vocabulary_size, options.num_pairs, seed=1)
    grid = BlockGrid(vocabulary_size, options.num_blocks)
    rows, cols, counts = one_cell(coo, options.num_blocks)
    start = time.process_time()
    cell = batch_cell(
        rows,
        cols,
        np.log(counts).astype(np.float32),
        max_staleness=options.max_staleness,
        batch_nnz=options.batch_nnz,
    )
    rate = cell.total_nnz / (time.process_time() - start)
    lists = [field for field in vars(cell).values() if isinstance(field, Lists)]
    size = sum(field.values.nbytes + field.offsets.nbytes for field in lists)
    print(f"V = {vocabulary_size:,}, {len(coo[0]):,} nonzeros, P = {options.num_blocks}")
    print(
        f"cell: {cell.total_nnz:,} nonzeros, {cell.num_batches:,} batches, "
        f"{size / cell.total_nnz:.1f} B each, "
        f"{cell.nnz[cell.side > 0].sum() / cell.total_nnz:.0%} in tiles"
    )
    print("batching".ljust(16), f"{rate / 1e6:6.2f} M nonzeros/s")
    for vector_size in options.vector_sizes:
        for name, objective in OBJECTIVES.items():
            rate = nonzeros_per_second(cell, grid, vector_size, options.seconds, objective)
            print(f"d = {vector_size}, {name}".ljust(24), f"{rate / 1e6:6.2f} M nonzeros/s")
        met, every = (
            training(cell, grid, vector_size, objective) for objective in OBJECTIVES.values()
        )
        weight = ReplicaWeight.nothing(grid.block_size(grid.num_blocks - 1))
        ratio = ratio_of_times(with_weight(met, None), with_weight(every, None), options.seconds)
        print(f"d = {vector_size}, with all pairs a pass takes {ratio:.2f} times as long")
        ratio = ratio_of_times(
            with_weight(every, None), with_weight(every, weight), options.seconds
        )
        print(f"d = {vector_size}, with weights of a replica, {ratio:.3f} times as long")


if __name__ == "__main__":
    main()
