"""Add, replace or remove a batch of text.

    text -> tokens -> words -> lexicon and vocabulary -> the batch's matrix -> ledger

See `glove_spark.following.matrix` for how it is committed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from glove_spark.corpus.files import corpus_content
from glove_spark.datasets.cooccurrence import write_rows
from glove_spark.datasets.ledger import COUNTS_FILE, Ledger, Sum, TextBatch, batch_folder
from glove_spark.datasets.lexicon import WORD_COUNTS, Lexicon, Rules, counts_by_id, write_counts
from glove_spark.datasets.matrix_parts import cut_ranges, stored_parts
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, DatasetError, EmptyInputError
from glove_spark.following.matrix import (
    CountSettings,
    Followed,
    commit,
    counts_of,
    delete_unnamed,
    open_followed,
    open_or_begin,
    recover,
    verified_lexicon,
    verify_counts,
)
from glove_spark.spark.failures import task_errors
from glove_spark.spark.session import describe
from glove_spark.stages.cooccurrence import count_matrix
from glove_spark.stages.matrix_facts import matrix_facts
from glove_spark.stages.stage import hasher_of, run_stage
from glove_spark.stages.tokenize import TOKENS
from glove_spark.stages.vocabulary import as_tokens, count_all_words, read_stop_words
from glove_spark.store.dataset import FOLLOWED
from glove_spark.store.location import TEMPORARY, Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe
from glove_spark.store.run_lock import RunLock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counted:
    """The tokens and words of one batch."""

    tokens: Dataset | None
    words: pa.Table
    documents: int

    @property
    def num_tokens(self) -> int:
        """The number of tokens of the batch."""
        return int(np.sum(self.words["count"].to_numpy(), dtype=np.int64))


def add_batch(
    spark: SparkSession,
    root: Location,
    name: str,
    settings: CountSettings,
    lock: RunLock,
    *,
    replacing: bool = False,
    skip_existing: bool = False,
    grow: bool = True,
) -> Followed:
    """Count a batch of text and add it.

    Parameters
    ----------
    name
        The name of the batch.
    replacing
        Replace an existing batch with this name.
    skip_existing
        Do nothing if this batch was already added with the same text.
    grow
        Whether new words join the vocabulary; the first batch always makes it.

    Raises
    ------
    DatasetError
        If there is a batch with this name, or with the same text.
    InputError
        If the text cannot be read. Then nothing has changed.
    """
    followed = open_or_begin(root, settings)
    recover(root, followed)
    hasher = hasher_of(spark, "update")
    corpus = corpus_content(settings.tokenize, hasher)
    present = followed.ledger.batches.get(name)
    if present is not None and present.corpus == corpus and skip_existing:
        log.info("update: batch %s was already added, skipped", name)
        return followed
    _refuse_twice(followed.ledger, name, corpus, replacing)
    lexicon = verified_lexicon(followed)
    if present is not None:
        lexicon = lexicon.plus(counts_of(followed, present), -1)
    revision = followed.ledger.revision + 1
    work = root / f".{FOLLOWED}{TEMPORARY}"
    with task_errors():
        counted = _count_words(spark, settings, work, lock)
        lexicon = lexicon.plus(counted.words)
        before = lexicon.vocabulary_size
        if grow or not before:
            lexicon = lexicon.grown(_rules(settings), counted.words)
        new_words, missed = lexicon.missed(before)
        folder = batch_folder(name, revision)
        target = (followed.location / folder).make_folder()
        nnz = _count_matrix(spark, settings, counted, lexicon, work, target, revision)
        write_counts(counted.words, target / COUNTS_FILE)
    batch = TextBatch(
        folder,
        corpus,
        nnz,
        counted.num_tokens,
        counted.documents,
        new_words,
        missed,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    ledger = replace(followed.ledger.without(name).with_batch(name, batch), revision=revision)
    lock.check()
    followed = commit(root, replace(followed, ledger=ledger), lexicon, spark)
    work.delete()
    log.info(
        "update: batch %s added, %s tokens, %s nonzeros, %s new words (%s occurrences missed)",
        name,
        *(f"{value:,}" for value in (counted.num_tokens, nnz, new_words, missed)),
    )
    return followed


def remove_batch(root: Location, name: str, lock: RunLock) -> Followed:
    """Remove a batch: subtract its counts of words and pairs, and delete its files.

    Words keep their ids, even if their counts become 0.

    Raises
    ------
    ConfigurationError
        If there is no batch with this name.
    InputError
        If there are no batches.
    """
    followed = open_followed(root)
    recover(root, followed)
    batch = followed.ledger.batches.get(name)
    if batch is None:
        raise ConfigurationError(
            f"remove={name} is not a batch of {followed.location.shown}, which has "
            f"{len(followed.ledger.batches)}; list them with glove-spark batches"
        )
    lexicon = verified_lexicon(followed).plus(counts_of(followed, batch), -1)
    ledger = replace(followed.ledger.without(name), revision=followed.ledger.revision + 1)
    lock.check()
    followed = commit(root, replace(followed, ledger=ledger), lexicon)
    # deleted at once, not by the next update: the user may have asked to remove personal data
    delete_unnamed(followed)
    log.info("update: batch %s removed, %s tokens", name, f"{batch.tokens:,}")
    return followed


def compact(spark: SparkSession, root: Location, lock: RunLock) -> Followed:
    """Write the sum of all batches to one set of files, for readers of the sum."""
    followed = open_followed(root)
    recover(root, followed)
    if not followed.ledger.not_in_sum():
        return followed
    verify_counts(spark, followed)
    revision = followed.ledger.revision + 1
    size = followed.lexicon().vocabulary_size
    parts = stored_parts(followed.dataset())
    ranges = list(enumerate(cut_ranges(parts, size)))
    target, unit = (followed.location / f"sum.r{revision}").make_folder(), followed.unit
    batches = tuple(followed.ledger.batches)
    describe(spark, f"update: add up {len(batches):,} batches")

    def write(numbered: tuple[int, Any]) -> None:
        number, rows = numbered
        with (target / f"rows-{number:05d}.parquet").written_whole() as temporary:
            write_rows(rows.run(unit), rows.first, unit, temporary)

    with task_errors():
        spark.sparkContext.parallelize(ranges, max(1, len(ranges))).foreach(write)
    ledger = replace(followed.ledger, revision=revision, sum=Sum(target.name, batches))
    lock.check()
    followed = commit(root, replace(followed, ledger=ledger), None, spark)
    log.info("update: the files of %s batches compacted", f"{len(batches):,}")
    return followed


def _refuse_twice(ledger: Ledger, name: str, corpus: str, replacing: bool) -> None:
    present = ledger.batches.get(name)
    if present is not None and not replacing:
        same = "the same text" if present.corpus == corpus else "other text"
        raise DatasetError(
            f"batch={name} was already added on {present.added}, with {same}; give --replace to "
            "count it again, --skip-existing to skip a batch with the same text, or another name"
        )
    for other, batch in ledger.batches.items():
        if other != name and batch.corpus == corpus and batch.tokens:
            raise DatasetError(
                f"batch={name} contains the same text as batch {other}, which was added on "
                f"{batch.added}, and would be counted twice; check the input, or remove {other}"
            )


def _rules(settings: CountSettings) -> Rules:
    rules = settings.vocabulary
    stop_words = as_tokens(read_stop_words(rules.stop_words), settings.tokenize.as_dict())
    return Rules(rules.min_count, rules.max_vocabulary, stop_words)


def _count_words(
    spark: SparkSession, settings: CountSettings, work: Location, lock: RunLock
) -> Counted:
    """Tokenize the batch and count its words."""
    try:
        tokens = run_stage(
            TOKENS, spark, settings.tokenize, work.make_folder(), overwrite=True, lock=lock
        )
    except EmptyInputError as error:
        log.warning("update: the batch is empty: %s", error)
        return Counted(None, WORD_COUNTS.empty_table(), 0)
    buckets = count_all_words(spark, tokens, 1)
    words = pa.concat_tables([bucket.table() for bucket in buckets]).cast(WORD_COUNTS)
    return Counted(tokens, words, int(tokens.facts["documents"]))


def _count_matrix(
    spark: SparkSession,
    settings: CountSettings,
    counted: Counted,
    lexicon: Lexicon,
    work: Location,
    target: Location,
    revision: int,
) -> int:
    """Count the pairs of the batch, of words that have ids now; return the stored nonzeros."""
    vocabulary = lexicon.vocabulary()
    counts = counts_by_id(vocabulary, counted.words)
    if counted.tokens is None or not counts.sum():
        return 0
    words = work / "words"
    words.delete()
    Vocabulary(vocabulary.words, counts).write(words)
    recipe = Recipe(FOLLOWED, 1, {"revision": revision, "work": words.uri}, {})
    dataset = Dataset(words, Manifest(recipe, {}, {}))
    weights = settings.weights()
    written = count_matrix(
        spark,
        counted.tokens,
        dataset,
        counts,
        settings.cooccurrence,
        weights,
        target,
        # the counts of all batches: one day's news does not make a rare word frequent
        vocabulary.counts,
    )
    if not any(block.nnz for block in written):
        return 0
    facts = matrix_facts(written, settings.cooccurrence, weights, len(counts))
    return int(facts["nnz_stored"])
