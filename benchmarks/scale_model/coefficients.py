"""The coefficients of the cost model, fitted to the records of a sweep.

Times are fitted to runs on all cores of the sweep, as ``fixed + each * work / cores``, so
`each` is the time of one core while the other cores work too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.optimize import minimize_scalar

from benchmarks.records.record import Record
from benchmarks.scale_model.growth import (
    Line,
    core_counts,
    fit_costs,
    fit_line,
    fit_power,
    training_seconds,
)
from glove_spark.kernels.blocks.batching import DEFAULT_BATCH_NNZ

ZIPF_SHIFT = 2.7
"""The shift of the Zipf-Mandelbrot law for English."""

RANKS = 400
"""Groups of words of similar frequency; 2,000 groups change the nonzeros by less than 0.1 %."""

PARAMETER_ROUND_TRIP = 4
"""A round reads and writes both sides."""


@dataclass(frozen=True)
class Power:
    """``factor * n ** exponent``."""

    factor: float
    exponent: float

    def at(self, n: float) -> float:
        """Return the value at n."""
        return self.factor * n**self.exponent


@dataclass(frozen=True)
class Batches:
    """The number of batches of a cell: a power of its words per side times one of its nonzeros.

    There is at most one batch per eight words of a side, and further ones for nonzeros that do not
    fit: each square of the most frequent words, with at least 16 words per side, needs its own.
    """

    factor: float
    of_words: float
    of_nonzeros: float

    def of_cell(self, words: float, nonzeros: float) -> float:
        """Return the batches of one cell."""
        fitted = self.factor * words**self.of_words * nonzeros**self.of_nonzeros
        return min(fitted, words / 8 + nonzeros / DEFAULT_BATCH_NNZ)


@dataclass(frozen=True)
class Growth:
    """How words, pairs and nonzeros grow with the corpus.

    Attributes
    ----------
    vocabulary, distinct
        Words of at least min_count, and all words, by tokens (Heaps).
    run_nonzeros
        Stored nonzeros of a sample by its tokens: the output of one counting task.
    kept_share, pairs_a_token
        Tokens in the vocabulary, and pairs in the window, per token; of the largest size.
    batches
        Batches of a cell.
    zipf, density
        Exponent s of the words' shares; measured nonzeros divided by `expected_nonzeros`, which
        assumes that words occur independently.
    """

    vocabulary: Power
    distinct: Power
    run_nonzeros: Power
    kept_share: float
    pairs_a_token: float
    batches: Batches
    zipf: float
    density: float

    def nonzeros(self, tokens: float, vocabulary_size: float, window_size: int) -> float:
        """Return the nonzeros of the whole matrix."""
        kept = tokens * self.kept_share
        expected = expected_nonzeros(kept, vocabulary_size, window_size, self.zipf)
        return self.density * expected


@dataclass(frozen=True)
class Training:
    """Seconds that training takes.

    Before the first epoch; per round (measured as an empty Spark job); and of one core per cell,
    visit of a batch, byte of parameters, and nonzero (by the size of vectors).
    """

    fixed: float
    round: float
    cell: float
    visit: float
    byte: float
    nonzero: dict[int, float]

    def nonzero_at(self, vector_size: int) -> float:
        """Interpolate the time of a nonzero between the measured sizes of vectors."""
        sizes = sorted(self.nonzero)
        return float(np.interp(vector_size, sizes, [self.nonzero[size] for size in sizes]))


@dataclass(frozen=True)
class Coefficients:
    """All coefficients, in seconds and bytes. `fit_coefficients` shows what each is the cost of."""

    start: float
    tokenize: Line
    vocabulary: Line
    cooccurrence: Line
    blocks: tuple[float, float, float]
    training: Training
    export: Line
    text: Line
    bytes_each: dict[str, float]
    shuffle_each: dict[str, float]
    blocks_memory: Line
    overheads: dict[str, float]
    growth: Growth
    merged_byte: float


def expected_nonzeros(
    tokens: float, vocabulary_size: float, window_size: int, exponent: float
) -> float:
    """Return the expected number of pairs of words that co-occur, if words occur independently.

    Words' shares follow the law of Zipf and Mandelbrot, c_r ~ (r + 2.7)^-s. Words i and j co-occur
    ``m = 2 * window * c_i * c_j / tokens`` times on average, and at least once with probability
    ``1 - exp(-m)``.
    """
    edges = np.unique(np.geomspace(1, vocabulary_size + 1, RANKS).astype(np.int64))
    ranks, widths = (edges[:-1] + edges[1:] - 1) / 2, np.diff(edges)
    counts = (ranks + ZIPF_SHIFT) ** -exponent
    counts *= tokens / (counts * widths).sum()
    meetings = np.outer(counts, counts) * (2 * window_size / tokens)
    return float(widths @ -np.expm1(-meetings) @ widths)


def fit_coefficients(
    records: Sequence[Record], merges: Sequence[Record], sizes: Iterable[int] | None = None
) -> Coefficients:
    """Fit all coefficients to the records of a sweep, or to those of some of its sizes.

    The cost of merges is fitted to records of `benchmarks.quality.averaging`.
    """
    cores = core_counts(records)[-1]
    runs = [record for record in records if record["kind"] == "run" and record["cores"] == cores]
    if sizes is not None:
        runs = [run for run in runs if run["size"] in set(sizes)]
    growth = fit_growth(runs)
    overheads = next(record for record in records if record["kind"] == "overheads")
    return Coefficients(
        start=median(run["wall_seconds"] - sum(run["stages"].values()) for run in runs),
        tokenize=_stage_line(runs, "tokens", lambda run: run["tokens"] / cores),
        vocabulary=_stage_line(runs, "vocabulary", lambda run: run["tokens"] / cores),
        cooccurrence=_stage_line(runs, "cooccurrence", lambda run: run["pairs"] / cores),
        blocks=_fit_blocks(runs, cores),
        training=_fit_training(runs, cores, overheads["seconds_a_job"], growth.batches),
        # here one file holds all vectors, so one core writes it
        export=_stage_line(runs, "vectors", _numbers),
        text=_stage_line(runs, "vectors.txt", _numbers),
        bytes_each=_bytes_each(runs),
        shuffle_each=_shuffle_each(runs, growth),
        blocks_memory=_blocks_memory(runs),
        overheads=overheads,
        growth=growth,
        merged_byte=fit_merging(merges),
    )


def fit_merging(records: Sequence[Record]) -> float:
    """Return the seconds of one core per byte of a replica, from the runs that merge one side."""
    runs = [
        record
        for record in records
        if 0 < record["merges"] < record["num_blocks"] and record["row_tasks"] == 1
    ]
    moved = [
        run["num_blocks"] * parameter_bytes(run["vocabulary_size"], run["options"]["vector_size"])
        for run in runs
    ]
    return median(
        run["merging_seconds_per_epoch"] / size for run, size in zip(runs, moved, strict=True)
    )


def fit_growth(runs: Sequence[Record]) -> Growth:
    """Fit how counts grow with tokens."""
    of_size = {run["size"]: run for run in runs}
    chosen = [of_size[size] for size in sorted(of_size)]
    tokens = [run["tokens"] for run in chosen]
    last = chosen[-1]

    def power(name: str) -> Power:
        return Power(*fit_power(tokens, [run[name] for run in chosen]))

    def densities(exponent: float) -> list[float]:
        return [
            run["nnz"]
            / expected_nonzeros(
                run["tokens_in_vocabulary"],
                run["vocabulary_size"],
                run["options"]["window-size"],
                exponent,
            )
            for run in chosen
        ]

    # the exponent for which the density is the same for all sizes
    exponent = minimize_scalar(
        lambda s: float(np.std(np.log(densities(s)))), bounds=(0.8, 1.8), method="bounded"
    ).x
    return Growth(
        vocabulary=power("vocabulary_size"),
        distinct=power("distinct_words"),
        run_nonzeros=power("nnz_stored"),
        kept_share=last["tokens_in_vocabulary"] / last["tokens"],
        pairs_a_token=last["pairs"] / last["tokens"],
        batches=_fit_batches(runs),
        zipf=float(exponent),
        density=float(np.exp(np.mean(np.log(densities(exponent))))),
    )


def parameter_bytes(vocabulary_size: float, vector_size: int) -> float:
    """Return the bytes of one side: a vector, its bias, and an accumulator of each."""
    return 4.0 * vocabulary_size * (vector_size + 3)


def _stage_line(runs: Sequence[Record], stage: str, work: Callable[[Record], float]) -> Line:
    return fit_line([work(run) for run in runs], [run["stages"][stage] for run in runs])


def _numbers(run: Record) -> float:
    return float(run["vocabulary_size"] * run["options"]["vector-size"])


def _fit_blocks(runs: Sequence[Record], cores: int) -> tuple[float, float, float]:
    columns = [(1, run["nnz"] / cores, run["files"]["blocks"] / cores) for run in runs]
    fixed, nonzero, cell = fit_costs(columns, [run["stages"]["blocks"] for run in runs])
    return fixed, nonzero, cell


def _fit_batches(runs: Sequence[Record]) -> Batches:
    columns, batches = [], []
    for run in runs:
        blocks = run["options"]["num-blocks"]
        words, nonzeros = run["vocabulary_size"] / blocks, run["nnz"] / blocks**2
        columns.append((1.0, np.log(words), np.log(nonzeros)))
        batches.append(np.log(run["batches"] / run["files"]["blocks"]))
    log_factor, of_words, of_nonzeros = np.linalg.lstsq(
        np.array(columns), np.array(batches), rcond=None
    )[0]
    return Batches(float(np.exp(log_factor)), float(of_words), float(of_nonzeros))


def _fit_training(runs: Sequence[Record], cores: int, a_round: float, batches: Batches) -> Training:
    sizes = sorted({run["options"]["vector-size"] for run in runs})
    columns = []
    for run in runs:
        blocks, vector_size = run["options"]["num-blocks"], run["options"]["vector-size"]
        moved = PARAMETER_ROUND_TRIP * blocks * parameter_bytes(run["vocabulary_size"], vector_size)
        shares = [run["nnz"] / cores if size == vector_size else 0 for size in sizes]
        cells = blocks**2
        visits = cells * batches.of_cell(run["vocabulary_size"] / blocks, run["nnz"] / cells)
        columns.append((cells / cores, visits / cores, moved / cores, *shares))
    # with few numbers of blocks, a fit cannot separate the cost of a round from that of its cells
    rounds = [a_round * run["options"]["num-blocks"] for run in runs]
    cell, visit, byte, *nonzero = fit_costs(
        columns, [training_seconds(run) for run in runs], rounds
    )
    fixed = median(
        run["stages"]["model"] - len(run["epoch_seconds"]) * training_seconds(run) for run in runs
    )
    return Training(fixed, a_round, cell, visit, byte, dict(zip(sizes, nonzero, strict=True)))


def _bytes_each(runs: Sequence[Record]) -> dict[str, float]:
    return {
        "corpus, per token": median(run["corpus_bytes"] / run["tokens"] for run in runs),
        "tokens, per token": median(run["bytes"]["tokens"] / run["tokens"] for run in runs),
        "cooccurrence, per stored nonzero": median(
            run["bytes"]["cooccurrence"] / run["nnz_stored"] for run in runs
        ),
        "blocks, per nonzero": median(run["bytes"]["blocks"] / run["nnz"] for run in runs),
        "vectors, per number": median(run["bytes"]["vectors"] / _numbers(run) for run in runs),
        "vectors.txt, per number": median(
            run["bytes"]["vectors.txt"] / _numbers(run) for run in runs
        ),
    }


def _shuffle_each(runs: Sequence[Record], growth: Growth) -> dict[str, float]:
    def counted(run: Record) -> float:
        """Return the distinct words that all tasks output, if all get the same share of tokens."""
        # a corpus of this size has as many reduce tasks as map tasks
        tasks = run["spark"]["vocabulary"]["tasks"] / 2
        return float(tasks * growth.distinct.at(run["tokens"] / tasks))

    def handed_on(run: Record) -> float:
        """Return the nonzeros that all counting tasks output."""
        tasks = run["spark"]["cooccurrence"]["tasks"] - run["files"]["cooccurrence"]
        return float(tasks * growth.run_nonzeros.at(run["tokens"] / tasks))

    def shuffled(run: Record, stage: str) -> float:
        return float(run["spark"][stage]["shuffle_bytes"])

    return {
        "vocabulary, per word of a task": median(
            shuffled(run, "vocabulary") / counted(run) for run in runs
        ),
        "cooccurrence, per nonzero of a task": median(
            shuffled(run, "cooccurrence") / handed_on(run) for run in runs
        ),
        "blocks, per stored nonzero": median(
            shuffled(run, "blocks") / run["nnz_stored"] for run in runs
        ),
    }


def _blocks_memory(runs: Sequence[Record]) -> Line:
    """Fit the memory of a worker to the nonzeros of a cell, on the runs with the largest cells."""
    fewest = min(run["options"]["num-blocks"] for run in runs)
    large = [run for run in runs if run["options"]["num-blocks"] == fewest]
    return fit_line(
        [run["nnz"] / fewest**2 for run in large],
        [run["peak_private_mib"]["worker"] * 2**20 for run in large],
    )
