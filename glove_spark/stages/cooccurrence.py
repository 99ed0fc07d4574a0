"""Co-occurrence: a flatMap to sorted runs, a reduce by block of rows, Parquet files.

A task converts its documents to ids, counts their windows row by row, and outputs a sorted run for
every block of rows. A reduce task adds the runs of one block and writes its file. Counts are sent
as integers, so the result does not depend on the number or order of tasks. The blocks of rows, and
therefore the files, depend only on the vocabulary and the settings.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from glove_spark.datasets.cooccurrence import file_name, write_rows
from glove_spark.datasets.tokens import DocumentBatch, TokenSlice, plan_slices, read_slice
from glove_spark.datasets.vocabulary import UNKNOWN, Vocabulary, read_table
from glove_spark.kernels.counting.runs import RunStack, cut_rows
from glove_spark.kernels.counting.subsampling import kept_shares, kept_tokens
from glove_spark.kernels.counting.windows import (
    Weights,
    count_windows,
    distance_weights,
    gap,
    lay_out,
    pair_counts,
)
from glove_spark.settings.stages import CooccurrenceSettings
from glove_spark.spark.collecting import collected
from glove_spark.spark.session import cores, describe
from glove_spark.stages.matrix_facts import BlockFacts, Tally, block_facts, matrix_facts
from glove_spark.stages.stage import Job, Stage
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset

log = logging.getLogger(__name__)

PAIRS_PER_TASK = 128_000_000
"""Pairs per task. It bounds the output: in the worst case all pairs differ, about 1 GB at 8
bytes."""

TOKENS_PER_TASK = 1 << 24
"""Tokens per task. It bounds the input for narrow windows, several times 4 bytes per token."""

PLACES_PER_STRETCH = 1 << 24
"""Positions of the text that are counted in one piece, at about 30 bytes each. Most tasks have one
piece; tasks with huge documents, or with very short ones, have more."""

NONZEROS_PER_BLOCK = 4_000_000
"""Upper bound on the expected nonzeros of a block of rows; about 3M in text. A reduce task has a
block two to three times in memory, at 12 bytes per nonzero, and the JVM has a part of it as one
byte array."""


@dataclass(frozen=True)
class Plan:
    """The plan that every task receives.

    Attributes
    ----------
    edges
        int64[blocks + 1], the first row of every block of rows, and V.
    stretch_places
        Positions of the text that are counted in one piece.
    kept_shares
        float64[V], the share of each word's tokens that is kept; None if all are kept.
    """

    settings: CooccurrenceSettings
    vocabulary: Location
    vocabulary_fingerprint: str
    weights: Weights
    edges: NDArray[np.int64]
    stretch_places: int
    kept_shares: NDArray[np.float64] | None

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return int(self.edges[-1])


class Part(NamedTuple):
    """The value that is reduced: runs of one block, and in block 0 also the tallies of tasks.

    Tallies are part of the results and do not use Spark's accumulators, so that a task that runs
    twice is counted once.
    """

    runs: RunStack
    tally: Tally

    def plus(self, other: Part) -> Part:
        """Add another part of the same block."""
        return Part(self.runs.absorb(other.runs), self.tally.plus(other.tally))


def build_cooccurrence(job: Job) -> Mapping[str, Any]:
    """Write the matrix of `Job.inputs` ``tokens`` and ``vocabulary`` to `Job.output`."""
    settings: CooccurrenceSettings = job.settings
    vocabulary = job.inputs["vocabulary"]
    counts = Vocabulary.read(vocabulary.location).counts
    weights = distance_weights(settings.window_size, settings.weighting, int(counts.max()))
    written = count_matrix(
        job.spark, job.inputs["tokens"], vocabulary, counts, settings, weights, job.output
    )
    return matrix_facts(written, settings, weights, len(counts))


def count_matrix(
    spark: SparkSession,
    tokens: Dataset,
    vocabulary: Dataset,
    counts: NDArray[np.int64],
    settings: CooccurrenceSettings,
    weights: Weights,
    target: Location,
    frequencies: NDArray[np.int64] | None = None,
) -> list[BlockFacts]:
    """Count the windows of a dataset of tokens, and write a file for every block of rows.

    Parameters
    ----------
    vocabulary
        The words that have ids; other words are ignored.
    counts
        int64[V], how often each word occurs in these tokens; it determines the blocks.
    target
        The folder to write to.
    frequencies
        int64[V], the counts for subsampling tokens, if they are not those of these tokens.
    """
    plan = Plan(
        settings,
        vocabulary.location,
        vocabulary.manifest.fingerprint,
        weights,
        cut_rows(
            counts, settings.window_size, symmetric=settings.symmetric, target=NONZEROS_PER_BLOCK
        ),
        # the overlap of two windows is at most a quarter of a piece
        max(PLACES_PER_STRETCH, 8 * settings.window_size),
        None
        if settings.subsample_tokens is None
        else kept_shares(counts if frequencies is None else frequencies, settings.subsample_tokens),
    )
    num_blocks = len(plan.edges) - 1
    tasks = plan_slices(
        tokens,
        tasks_at_once=cores(spark),
        tokens_per_task=max(1, min(PAIRS_PER_TASK // settings.window_size, TOKENS_PER_TASK)),
    )
    output = target.make_folder()
    describe(spark, f"cooccurrence: {len(tasks):,} tasks, {num_blocks:,} blocks of rows")
    return collected(
        spark.sparkContext.parallelize(tasks, len(tasks))
        .flatMap(lambda slices: count_slices(slices, plan))
        .reduceByKey(Part.plus, num_blocks, int)
        .mapPartitions(lambda parts: write_blocks(parts, plan, output))
    )


def count_slices(slices: Iterable[TokenSlice], plan: Plan) -> Iterator[tuple[int, Part]]:
    """Count the windows of some documents.

    Yields
    ------
    tuple
        A block of rows and its part of the counts.
    """
    window = plan.settings.window_size
    for text, tokens in _stretches(slices, plan):
        known = int(np.count_nonzero(text[window : len(text) - window] >= 0))
        tally = Tally(tokens, known, pair_counts(text, window))
        runs = count_windows(text, plan.weights, plan.edges, symmetric=plan.settings.symmetric)
        for block, run in enumerate(runs):
            if run.nnz or block == 0:
                yield block, Part(RunStack([run]), tally)
            tally = Tally.nothing(window)


def _stretches(slices: Iterable[TokenSlice], plan: Plan) -> Iterator[tuple[NDArray[np.int32], int]]:
    """Divide the text into overlapping pieces of bounded size, for `count_windows`.

    Yields
    ------
    tuple
        The ids of a piece, and how many more tokens of the corpus were read for it.
    """
    window = plan.settings.window_size
    tokens, held = 0, [gap(window)]
    for part in slices:
        for batch in read_slice(part):
            ids, lengths = _to_ids(batch, plan)
            tokens += int(batch.lengths.sum())
            held.append(lay_out(ids, lengths, window))
            if sum(map(len, held)) < plan.stretch_places:
                continue
            text = np.concatenate(held)
            while len(text) >= plan.stretch_places:
                yield text[: plan.stretch_places], tokens
                text, tokens = text[plan.stretch_places - 2 * window :], 0
            held = [text]
    yield np.concatenate(held), tokens


def _to_ids(batch: DocumentBatch, plan: Plan) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Look up the tokens of some documents; return their ids, and the number in each document."""
    words, unknown = _words(plan.vocabulary, plan.vocabulary_fingerprint)
    found = pc.fill_null(pc.index_in(batch.words, value_set=words), unknown)
    ids: NDArray[np.int32] = found.to_numpy(zero_copy_only=False)[batch.codes]
    if plan.kept_shares is not None:
        ids = np.where(_kept(batch, ids, plan), ids, np.int32(-1))
    elif unknown >= 0:
        return ids, batch.lengths
    if plan.settings.out_of_vocabulary == "keep":
        return ids, batch.lengths
    known = ids >= 0
    ends = np.concatenate([[0], np.cumsum(known)])[np.cumsum(batch.lengths)]
    return ids[known], np.diff(ends, prepend=0)


def _kept(batch: DocumentBatch, ids: NDArray[np.int32], plan: Plan) -> NDArray[np.bool_]:
    """Draw which tokens are kept; tokens outside the vocabulary are ignored."""
    spellings = (crc32(word.encode()) for word in batch.words.to_pylist())
    hashes = np.fromiter(spellings, np.uint64, len(batch.words))
    shares = np.append(plan.kept_shares, 1.0)[ids]  # type: ignore[arg-type]
    seed = plan.settings.subsample_seed
    return kept_tokens(hashes[batch.codes], batch.lengths, shares, 1 if seed is None else seed)


@lru_cache(maxsize=1)
def _words(vocabulary: Location, fingerprint: str) -> tuple[pa.StringArray, int]:
    """Read the words, once per worker, and the id of ``<unk>``, or -1.

    ``fingerprint`` distinguishes a vocabulary from an earlier one at the same location.
    """
    words = read_table(vocabulary).column("word").combine_chunks()
    unknown = pc.index(words, UNKNOWN).as_py()
    return words, unknown


def write_blocks(
    parts: Iterable[tuple[int, Part]], plan: Plan, output: Location
) -> Iterator[BlockFacts]:
    """Add the parts of each block of rows as they arrive, and write the block."""
    blocks: dict[int, Part] = {}
    for block, part in parts:
        blocks[block] = blocks[block].plus(part) if block in blocks else part
    for block, part in blocks.items():
        run = part.runs.merged()
        first_row = int(plan.edges[block])
        target = output / file_name(block)
        with target.written_whole() as temporary:
            write_rows(run, first_row, plan.weights.unit, temporary)
        yield block_facts(block, run, first_row, part.tally)


COOCCURRENCE = Stage(
    dataset="cooccurrence",
    command="cooccurrence",
    format_version=FORMAT_VERSIONS["cooccurrence"],
    inputs=("tokens", "vocabulary"),
    build=build_cooccurrence,
)
