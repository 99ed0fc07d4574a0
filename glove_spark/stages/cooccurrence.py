"""Co-occurrence: windowed flatMap of sorted runs, a reduce by block of rows, Parquet.

A task turns its documents into ids, counts their windows row by row, and hands on a sorted run for
every block of rows. A reduce adds the runs of one block and writes its file. Counts travel as
integers, so neither the number of tasks nor their order changes a bit; blocks of rows, and with
them the files, depend on the vocabulary and the settings alone.
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
"""Bounds the runs that a task hands on: at worst, no two pairs alike, some 1 GB at 8 bytes."""

TOKENS_PER_TASK = 1 << 24
"""Bounds what a task reads, 4 bytes per token several times over, where windows are narrow."""

PLACES_PER_STRETCH = 1 << 24
"""Bounds the text that is counted in one piece, at some 30 bytes per place. Most tasks have one
stretch; those of huge documents, or of very short ones, have more."""

NONZEROS_PER_BLOCK = 4_000_000
"""Expected nonzeros of a block of rows, from above; some 3M in text. A reduce holds a block two
to three times, at 12 bytes per nonzero, and the JVM a part of it as one array of bytes."""


@dataclass(frozen=True)
class Plan:
    """What every task is told.

    Attributes
    ----------
    edges
        int64[blocks + 1], the first row of every block of rows, and V.
    stretch_places
        Places of the text that are counted in one piece.
    kept_shares
        float64[V], the share of each word's tokens that is kept; None for all of them.
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
    """The value that is reduced: runs of one block, and with block 0 the tasks' tallies.

    The tallies travel with the counts, not by accumulators, so that a task that is run again for
    a lost one is not counted twice.
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
        The words that have ids; the others are out of the vocabulary.
    counts
        int64[V], how often each word occurs in these tokens: sizes the blocks.
    target
        The folder to write to.
    frequencies
        int64[V], the counts by which tokens are subsampled, where it is not these tokens' alone.
    """
    plan = Plan(
        settings,
        vocabulary.location,
        vocabulary.manifest.fingerprint,
        weights,
        cut_rows(
            counts, settings.window_size, symmetric=settings.symmetric, target=NONZEROS_PER_BLOCK
        ),
        # the overlap of two windows costs a quarter at most
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
    """Cut the text into overlapping stretches of bounded size, as `count_windows` takes them.

    Yields
    ------
    tuple
        The ids of a stretch, and how many more tokens of the corpus were read for it.
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
    """Look up the tokens of some documents: ids, and how many each document has."""
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
    """Draw which tokens are kept; those that are out of the vocabulary are not looked at."""
    spellings = (crc32(word.encode()) for word in batch.words.to_pylist())
    hashes = np.fromiter(spellings, np.uint64, len(batch.words))
    shares = np.append(plan.kept_shares, 1.0)[ids]  # type: ignore[arg-type]
    seed = plan.settings.subsample_seed
    return kept_tokens(hashes[batch.codes], batch.lengths, shares, 1 if seed is None else seed)


@lru_cache(maxsize=1)
def _words(vocabulary: Location, fingerprint: str) -> tuple[pa.StringArray, int]:
    """Read the words, once a worker, and the id of ``<unk>``, -1 where there is none.

    ``fingerprint`` tells a vocabulary from another that lay at the same place before.
    """
    words = read_table(vocabulary).column("word").combine_chunks()
    unknown = pc.index(words, UNKNOWN).as_py()
    return words, unknown


def write_blocks(
    parts: Iterable[tuple[int, Part]], plan: Plan, output: Location
) -> Iterator[BlockFacts]:
    """Add up the parts of each block of rows, as they arrive, and write it."""
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
