"""Vocabulary: count the words and choose those that get a vector.

Tasks count the dictionary codes of their row groups, so there is one Python object per distinct
word of a task, and not per token. Counts are shuffled by a hash of the word and added. The words
with at least `min_count` occurrences are sent to the driver, which applies the other rules.
"""

from __future__ import annotations

import logging
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from glove_spark.datasets.lexicon import WORD_COUNTS
from glove_spark.datasets.tokens import TokenSlice, plan_slices, read_slice
from glove_spark.datasets.vocabulary import UNKNOWN, Vocabulary
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.settings.stages import VocabularySettings
from glove_spark.spark.collecting import collected
from glove_spark.spark.session import cores, describe
from glove_spark.stages.stage import Job, Stage
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, fingerprint

log = logging.getLogger(__name__)

TOKENS_PER_TASK = 16_000_000
"""Tokens per task; they bound its table of distinct words."""

PENDING_ROWS = 4_000_000
"""Rows of partial counts that are collected before they are added."""


class BucketCounts(NamedTuple):
    """The words whose hash falls in one bucket.

    Attributes
    ----------
    kept
        Words with counts of at least ``min_count``, and ``<unk>``, as an Arrow IPC stream.
    distinct, tokens
        Words and tokens of the whole bucket.
    """

    kept: bytes
    distinct: int
    tokens: int

    def table(self) -> pa.Table:
        """Return the kept words, as columns of `WORD_COUNTS`."""
        return _from_bytes(self.kept)


def build_vocabulary(job: Job) -> Mapping[str, Any]:
    """Write the vocabulary of `Job.inputs` ``tokens`` to `Job.output`."""
    settings: VocabularySettings = job.settings
    stop_words = as_tokens(
        read_stop_words(settings.stop_words), job.inputs["tokens"].manifest.recipe.settings
    )
    buckets = count_all_words(job.spark, job.inputs["tokens"], settings.min_count)
    kept = pa.concat_tables([bucket.table() for bucket in buckets])
    vocabulary, facts = choose_words(
        kept,
        settings,
        stop_words,
        distinct=sum(bucket.distinct for bucket in buckets),
        tokens=sum(bucket.tokens for bucket in buckets),
    )
    vocabulary.write(job.output)
    return facts


def count_all_words(spark: SparkSession, tokens: Dataset, min_count: int) -> list[BucketCounts]:
    """Count the words of a dataset of tokens; return those with at least ``min_count``."""
    at_once = cores(spark)
    tasks = plan_slices(tokens, tasks_at_once=at_once, tokens_per_task=TOKENS_PER_TASK)
    num_buckets = max(at_once, len(tasks) // 4)
    describe(spark, f"vocabulary: count the words of {int(tokens.facts['tokens']):,} tokens")
    return collected(
        spark.sparkContext.parallelize(tasks, len(tasks))
        .flatMap(lambda slices: count_words(slices, num_buckets))
        .partitionBy(num_buckets, int)
        .mapPartitions(lambda pairs: add_up(pairs, min_count))
    )


def count_words(slices: Iterable[TokenSlice], num_buckets: int) -> Iterator[tuple[int, bytes]]:
    """Count the words of some slices.

    Yields
    ------
    tuple
        A bucket and the counts of its words, an Arrow IPC stream.
    """
    pending: list[pa.Table] = []
    for part in slices:
        for batch in read_slice(part):
            counts = np.bincount(batch.codes, minlength=len(batch.words))
            seen = np.flatnonzero(counts)
            words = batch.words.take(pa.array(seen))
            pending.append(pa.table([words, pa.array(counts[seen])], schema=WORD_COUNTS))
            pending = _collapse(pending, PENDING_ROWS)
    table = _sum(pending)
    bucket_of = _buckets(table.column("word"), num_buckets)
    order = np.argsort(bucket_of, kind="stable")
    edges = np.searchsorted(bucket_of[order], np.arange(num_buckets + 1))
    table = table.take(pa.array(order))
    for bucket in range(num_buckets):
        start, stop = int(edges[bucket]), int(edges[bucket + 1])
        if start < stop:
            yield bucket, _to_bytes(table.slice(start, stop - start))


def add_up(pairs: Iterable[tuple[int, bytes]], min_count: int) -> Iterator[BucketCounts]:
    """Add the partial counts of one bucket and drop the words below ``min_count``."""
    pending: list[pa.Table] = []
    for _, content in pairs:
        pending = _collapse([*pending, _from_bytes(content)], PENDING_ROWS)
    table = _sum(pending)
    frequent = pc.greater_equal(table.column("count"), min_count)
    kept = table.filter(pc.or_(frequent, pc.equal(table.column("word"), UNKNOWN)))
    total = pc.sum(table.column("count")).as_py() or 0
    yield BucketCounts(_to_bytes(kept), table.num_rows, total)


def choose_words(
    counted: pa.Table,
    settings: VocabularySettings,
    stop_words: frozenset[str],
    *,
    distinct: int,
    tokens: int,
) -> tuple[Vocabulary, dict[str, Any]]:
    """Apply the rules in order: min_count, stop words, most frequent words, size.

    Parameters
    ----------
    counted
        Words with counts of at least ``min_count``, and ``<unk>`` if the corpus contains it.
    distinct, tokens
        Words and tokens of the whole corpus.

    Returns
    -------
    tuple
        The vocabulary and the facts of the manifest, whose ``dropped_tokens`` and
        ``tokens_kept`` add up to ``tokens``.

    Raises
    ------
    ConfigurationError
        If the corpus contains ``<unk>`` and the setting ``unk`` is not given, or if fewer than two
        words remain.
    """
    table = counted.sort_by([("count", "descending"), ("word", "ascending")])
    words: list[str] = table.column("word").to_pylist()
    counts: NDArray[np.int64] = table.column("count").to_numpy()
    unknown = np.array([word == UNKNOWN for word in words], bool)
    if unknown.any() and settings.unk is None:
        raise ConfigurationError(
            f"unk is not set, and the corpus contains the token {UNKNOWN} "
            f"{int(counts[unknown].sum()):,} times; set --unk keep (count it together with all "
            "out-of-vocabulary tokens), or --unk drop or average (drop it)"
        )
    dropped = {UNKNOWN: int(counts[unknown].sum())}
    stopped = np.array([word in stop_words for word in words], bool) & ~unknown
    dropped["stop_words"] = int(counts[stopped].sum())
    absent = sorted(stop_words.difference(words))
    if absent:
        log.warning(
            "vocabulary: %s of %s stop words do not occur in the corpus (or fewer than min_count "
            "times): %s",
            f"{len(absent):,}",
            f"{len(stop_words):,}",
            ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else ""),
        )
    remaining = np.flatnonzero(~unknown & ~stopped)
    most_frequent = remaining[: settings.drop_most_frequent]
    dropped["drop_most_frequent"] = int(counts[most_frequent].sum())
    remaining = remaining[settings.drop_most_frequent :]
    beyond = remaining[settings.max_vocabulary :] if settings.max_vocabulary else remaining[:0]
    dropped["max_vocabulary"] = int(counts[beyond].sum())
    remaining = remaining[: len(remaining) - len(beyond)]
    # rare words are not sent to the driver: their tokens are the rest of the total
    dropped["min_count"] = tokens - int(counts.sum())
    _check_size(len(remaining), distinct, settings)
    chosen, chosen_counts = [words[number] for number in remaining], counts[remaining]
    tokens_kept = int(chosen_counts.sum())
    if settings.unk == "keep" and tokens > tokens_kept:
        chosen, chosen_counts = _with_unknown(chosen, chosen_counts, tokens - tokens_kept)
    facts = {
        "vocabulary_size": len(chosen),
        "distinct_words": distinct,
        "tokens": tokens,
        "tokens_kept": tokens_kept,
        "dropped_tokens": dropped,
        "largest_count": int(chosen_counts[0]),
        "smallest_count": int(chosen_counts[-1]),
    }
    log.info(
        "vocabulary: %s of %s words cover %.1f%% of %s tokens",
        f"{len(remaining):,}",
        f"{distinct:,}",
        100 * tokens_kept / tokens,
        f"{tokens:,}",
    )
    return Vocabulary(chosen, chosen_counts), facts


def _with_unknown(
    words: list[str], counts: NDArray[np.int64], count: int
) -> tuple[list[str], NDArray[np.int64]]:
    """Insert ``<unk>`` at the rank of its count."""
    place = sum(
        1
        for word, other in zip(words, counts, strict=True)
        if other > count or (other == count and word < UNKNOWN)
    )
    words = [*words[:place], UNKNOWN, *words[place:]]
    return words, np.insert(counts, place, count)


def _check_size(size: int, distinct: int, settings: VocabularySettings) -> None:
    if size >= 2:
        return
    also = [
        f"{name}={getattr(settings, name)}"
        for name in ("stop_words", "drop_most_frequent")
        if getattr(settings, name)
    ]
    leave = "leaves" if not also else f"with {' and '.join(also)} leaves"
    raise ConfigurationError(
        f"min_count={settings.min_count} {leave} {size} of {distinct:,} words; "
        + ("" if size == 0 else "a model needs at least two; ")
        + "lower it or check the tokenizer"
    )


def read_stop_words(path: str | None) -> frozenset[str]:
    """Read a file of words to drop, one per line; blank lines are skipped.

    Raises
    ------
    InputError
        If the file does not exist, is a folder, or is not UTF-8.
    """
    if path is None:
        return frozenset()
    try:
        lines = Location.of(path).read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(
            f"stop_words={path} is not UTF-8 (byte {error.start:,}); convert it to UTF-8"
        ) from None
    except OSError as error:
        raise InputError(
            f"stop_words={path} cannot be read: {error.strerror or error}; name a text file with "
            "one word per line"
        ) from None
    return frozenset(word for line in lines if (word := line.strip()))


def as_tokens(words: frozenset[str], settings: Mapping[str, Any]) -> frozenset[str]:
    """Convert stop words to the case and normal form of the tokens.

    Parameters
    ----------
    settings
        The settings of the stage tokenize; empty for tokens from a DataFrame.
    """
    form = str(settings.get("normalize", "none"))
    if form != "none":
        words = frozenset(
            unicodedata.normalize("NFKC" if form == "nfkc" else "NFC", word) for word in words
        )
    return frozenset(map(str.lower, words)) if settings.get("lowercase") else words


def _stop_list_fingerprint(settings: VocabularySettings) -> Mapping[str, str]:
    if settings.stop_words is None:
        return {}
    return {"stop_words": fingerprint(sorted(read_stop_words(settings.stop_words)))}


def _buckets(words: pa.ChunkedArray, num_buckets: int) -> NDArray[np.int64]:
    """Hash words to buckets, equally in every process (Python's own hash is salted)."""
    if num_buckets == 1:
        return np.zeros(len(words), np.int64)
    hashes = (zlib.crc32(word.encode()) for word in words.to_pylist())
    return np.fromiter(hashes, np.int64, len(words)) % num_buckets


def _collapse(tables: list[pa.Table], limit: int) -> list[pa.Table]:
    """Add the counts when the rows exceed the limit and twice the size of the last sum."""
    rows = sum(table.num_rows for table in tables)
    if rows > max(limit, 2 * tables[0].num_rows):
        return [_sum(tables)]
    return tables


def _sum(tables: list[pa.Table]) -> pa.Table:
    if not tables:
        return WORD_COUNTS.empty_table()
    summed = pa.concat_tables(tables).group_by("word").aggregate([("count", "sum")])
    return summed.select(["word", "count_sum"]).rename_columns(["word", "count"])


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, WORD_COUNTS) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _from_bytes(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


VOCABULARY = Stage(
    dataset="vocabulary",
    command="vocabulary",
    format_version=FORMAT_VERSIONS["vocabulary"],
    inputs=("tokens",),
    build=build_vocabulary,
    external_inputs=_stop_list_fingerprint,
)
