"""Update: a batch of text is counted and added, replaced or taken out.

    nothing -> tokens and words of the batch -> lexicon, vocabulary -> the batch's matrix -> ledger

Everything new is written beside what is there, under names of the next revision. The manifest of
``cooccurrence`` is then replaced by one that names it: the one commit point. What a crash leaves is
never named, and deleted by the next update. The dataset ``vocabulary`` is made from what the
manifest names, at once or by the next update.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from glove_spark.checksums import FileState, Hasher, file_state
from glove_spark.config import CooccurrenceSettings, TokenizeSettings, VocabularySettings
from glove_spark.corpus import corpus_content
from glove_spark.datasets.cooccurrence import write_rows
from glove_spark.datasets.ledger import COUNTS_FILE, FACT, Batch, Ledger, Sum
from glove_spark.datasets.lexicon import WORD_COUNTS, Lexicon, Rules, read_counts, write_counts
from glove_spark.datasets.matrix_parts import cut_ranges, stored_parts
from glove_spark.datasets.versions import FORMAT_VERSIONS
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, DatasetError, EmptyInputError
from glove_spark.failures import task_errors
from glove_spark.kernels.windows import Weights, distance_weights
from glove_spark.manifest import Dataset, Manifest, Recipe, fingerprint, list_files
from glove_spark.publication import publish_dataset, published
from glove_spark.run_lock import RunLock
from glove_spark.session import describe
from glove_spark.stage import FOLLOWED, hasher_of, run_stage
from glove_spark.stages.cooccurrence import count_matrix
from glove_spark.stages.matrix_facts import matrix_facts
from glove_spark.stages.tokenize import TOKENS
from glove_spark.stages.vocabulary import count_all_words, read_stop_words
from glove_spark.storage import TEMPORARY, Location

log = logging.getLogger(__name__)

STAGE = FOLLOWED
"""What the manifests name as the maker."""

LARGEST_WORD_COUNT = 1_000_000_000
"""Of the most frequent word, in all batches together: bounds sums, so that every batch is counted
in the same unit. Up to windows of 22 that is the unit of a matrix that is counted at once."""


@dataclass(frozen=True)
class Followed:
    """A matrix that follows a corpus, as the manifest names it now.

    Attributes
    ----------
    ledger
        Which batches there are.
    files
        State of every file that counts, by its path in the dataset.
    settings
        How text was turned into counts, the same for every batch.
    unit
        What a count is a multiple of 1 by.
    """

    location: Location
    ledger: Ledger
    files: Mapping[str, FileState]
    settings: Mapping[str, Any]
    unit: int

    def lexicon(self) -> Lexicon:
        """Read all words."""
        if not self.ledger.lexicon:
            return Lexicon.empty()
        return Lexicon.read(self.location / self.ledger.lexicon)

    def dataset(self) -> Dataset:
        """Return it as a dataset, to be read."""
        recipe = Recipe(STAGE, FORMAT_VERSIONS["cooccurrence"], self.settings, {})
        facts = {FACT: self.ledger.as_fact()}
        return Dataset(self.location, Manifest(recipe, self.files, facts))


@dataclass(frozen=True)
class CountSettings:
    """How every batch is counted."""

    tokenize: TokenizeSettings
    vocabulary: VocabularySettings
    cooccurrence: CooccurrenceSettings

    def as_dict(self) -> dict[str, Any]:
        """Return what must be the same for all batches; `symmetric` is looked for by readers."""
        tokenize = self.tokenize.as_dict(only_result=True)
        tokenize.pop("input")
        return {
            **tokenize,
            **self.vocabulary.as_dict(only_result=True),
            **self.cooccurrence.as_dict(only_result=True),
        }

    def check(self) -> None:
        """Check that the settings suit a vocabulary that grows.

        Raises
        ------
        ConfigurationError
            If they do not.
        """
        for name, allowed in (("drop_most_frequent", 0), ("unk", (None, "drop", "average"))):
            value = getattr(self.vocabulary, name)
            if value not in (allowed if isinstance(allowed, tuple) else (allowed,)):
                raise ConfigurationError(
                    f"{name}={value} does not suit a vocabulary that grows, whose words keep their "
                    "ids; leave it away, and name such words in stop_words"
                )

    def weights(self) -> Weights:
        """Return the weight of every distance, in a unit that does not depend on the text."""
        counting = self.cooccurrence
        return distance_weights(counting.window_size, counting.weighting, LARGEST_WORD_COUNT)


@dataclass(frozen=True)
class Counted:
    """What the text of one batch came to."""

    tokens: Dataset | None
    words: pa.Table
    documents: int

    @property
    def num_tokens(self) -> int:
        """Tokens of the batch."""
        return int(np.sum(self.words["count"].to_numpy(), dtype=np.int64))


def open_followed(root: Location, settings: CountSettings) -> Followed:
    """Open the matrix of an output folder, or begin one.

    Raises
    ------
    ConfigurationError
        If the settings do not suit a vocabulary that grows.
    DatasetError
        If the matrix was counted at once, or by other settings.
    """
    settings.check()
    location = root / "cooccurrence"
    wanted = Recipe(STAGE, FORMAT_VERSIONS["cooccurrence"], settings.as_dict(), {})
    manifest = published(location)
    if manifest is None:
        made_by = published(root / "vocabulary")
        if made_by is not None and made_by.recipe.stage != STAGE:
            raise DatasetError(
                f"{(root / 'vocabulary').shown} was made by {made_by.recipe.stage} and does not "
                "grow; name another output folder to follow a corpus in"
            )
        return Followed(location, Ledger(), {}, wanted.settings, settings.weights().unit)
    ledger = Ledger.of(manifest.facts)
    if ledger is None:
        raise DatasetError(
            f"{location.shown} was counted at once, by {manifest.recipe.stage}, without batches; "
            "name another output folder to follow a corpus in, and add this text as a batch"
        )
    reasons = replace(manifest.recipe, inputs={}).differences(wanted)
    if reasons:
        raise DatasetError(
            f"{location.shown} was counted differently: {'; '.join(reasons)}. Every batch must be "
            "counted alike; give the same options, or name another output folder"
        )
    return Followed(
        location, ledger, manifest.files, manifest.recipe.settings, int(manifest.facts["unit"])
    )


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
        What the batch is called.
    replacing
        Take out what is there of that name.
    skip_existing
        Do nothing if the same text is there under that name.
    grow
        Let words enter the vocabulary; the first batch makes it in any case.

    Raises
    ------
    DatasetError
        If there is a batch of that name, or of the same text.
    InputError
        If the text cannot be read. Nothing has changed then.
    """
    followed = open_followed(root, settings)
    recover(root, followed)
    hasher = hasher_of(spark, "update")
    corpus = corpus_content(settings.tokenize, hasher)
    present = followed.ledger.batches.get(name)
    if present is not None and present.corpus == corpus and skip_existing:
        log.info("update: batch %s is there already, skipped", name)
        return followed
    _refuse_twice(followed.ledger, name, corpus, replacing)
    lexicon = _verified_lexicon(followed)
    if present is not None:
        lexicon = lexicon.plus(_counts_of(followed, present), -1)
    revision = followed.ledger.revision + 1
    work = root / f".{STAGE}{TEMPORARY}"
    with task_errors():
        counted = _count_words(spark, settings, work, lock)
        lexicon = lexicon.plus(counted.words)
        before = lexicon.vocabulary_size
        if grow or not before:
            lexicon = lexicon.grown(_rules(settings.vocabulary), counted.words)
        new_words, missed = lexicon.missed(before)
        folder = f"batch={name}.r{revision}"
        target = (followed.location / folder).make_folder()
        nnz = _count_matrix(spark, settings, counted, lexicon, work, target, revision)
        write_counts(counted.words, target / COUNTS_FILE)
    batch = Batch(
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


def remove_batch(root: Location, name: str, settings: CountSettings, lock: RunLock) -> Followed:
    """Take a batch out: its counts of words and pairs are gone, and its files deleted.

    Words keep their ids, even where nothing is left of them.

    Raises
    ------
    InputError
        If there is no such batch.
    """
    followed = open_followed(root, settings)
    recover(root, followed)
    batch = followed.ledger.batches.get(name)
    if batch is None:
        raise ConfigurationError(
            f"remove={name} is no batch of {followed.location.shown}; there are "
            f"{len(followed.ledger.batches)}, which glove-spark batches lists"
        )
    lexicon = _verified_lexicon(followed).plus(_counts_of(followed, batch), -1)
    ledger = replace(followed.ledger.without(name), revision=followed.ledger.revision + 1)
    lock.check()
    followed = commit(root, replace(followed, ledger=ledger), lexicon)
    # whoever asked for it to be forgotten does not wait for the next update
    _delete_unnamed(followed)
    log.info("update: batch %s removed, %s tokens", name, f"{batch.tokens:,}")
    return followed


def compact(
    spark: SparkSession, root: Location, settings: CountSettings, lock: RunLock
) -> Followed:
    """Add up all batches into one set of files, for readers that want their sum."""
    followed = open_followed(root, settings)
    recover(root, followed)
    if not followed.ledger.not_in_sum():
        return followed
    revision = followed.ledger.revision + 1
    size = _verified_lexicon(followed).vocabulary_size
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
    log.info("update: %s batches added up", f"{len(batches):,}")
    return followed


def commit(
    root: Location, followed: Followed, lexicon: Lexicon | None, spark: SparkSession | None = None
) -> Followed:
    """Name the new state in the manifest, then make the vocabulary of it.

    Parameters
    ----------
    lexicon
        All words as they are now; None where they did not change.
    """
    started = time.perf_counter()
    ledger, location = followed.ledger, followed.location.make_folder()
    if lexicon is not None:
        ledger = replace(ledger, lexicon=f"lexicon.r{ledger.revision}.counts")
        lexicon.write(location / ledger.lexicon)
    else:
        lexicon = followed.lexicon()
    files = _named_files(replace(followed, ledger=ledger), hasher_of(spark, "update"))
    followed = replace(followed, ledger=ledger, files=files)
    vocabulary = _vocabulary_recipe(followed)
    batches = ledger.batches.values()
    facts = {
        "vocabulary_size": lexicon.vocabulary_size,
        # of all batches; a pair of words that several have counts once in each
        "nnz": sum(batch.nnz for batch in batches),
        "tokens": sum(batch.tokens for batch in batches),
        "documents": sum(batch.documents for batch in batches),
        "missed_tokens": lexicon.missed()[1],
        "unit": followed.unit,
        FACT: ledger.as_fact(),
    }
    inputs = {"vocabulary": vocabulary.fingerprint}
    inputs |= {
        f"batch {name}": fingerprint([batch.corpus, batch.folder])
        for name, batch in ledger.batches.items()
    }
    recipe = Recipe(STAGE, FORMAT_VERSIONS["cooccurrence"], followed.settings, inputs)
    timings = {"commit": time.perf_counter() - started}
    lineage = {"vocabulary": vocabulary.fingerprint}
    Manifest(recipe, files, facts, timings, lineage).write(location)
    _publish_vocabulary(root, followed, lexicon)
    return followed


def recover(root: Location, followed: Followed) -> None:
    """Bring in order what an update left that ended in the middle."""
    if not followed.ledger.lexicon:
        if followed.location.exists():
            followed.location.delete()
        return
    _delete_unnamed(followed)
    present = published(root / "vocabulary")
    recipe = _vocabulary_recipe(followed)
    if present is None or present.fingerprint != recipe.fingerprint:
        log.info("update: the vocabulary is made of what the last update named")
        _publish_vocabulary(root, followed, _verified_lexicon(followed))


def _refuse_twice(ledger: Ledger, name: str, corpus: str, replacing: bool) -> None:
    present = ledger.batches.get(name)
    if present is not None and not replacing:
        same = "the same text" if present.corpus == corpus else "other text"
        raise DatasetError(
            f"batch={name} was added on {present.added}, with {same}; give --replace to count it "
            "anew, --skip-existing to leave it where the text is the same, or another name"
        )
    for other, batch in ledger.batches.items():
        if other != name and batch.corpus == corpus and batch.tokens:
            raise DatasetError(
                f"batch={name} holds the same text as batch {other}, which was added on "
                f"{batch.added}; it would count twice. Check the input, or remove {other}"
            )


def _rules(settings: VocabularySettings) -> Rules:
    stop_words = read_stop_words(settings.stop_words)
    return Rules(settings.min_count, settings.max_vocabulary, stop_words)


def _verified_lexicon(followed: Followed) -> Lexicon:
    _verify(followed, followed.ledger.lexicon)
    return followed.lexicon()


def _counts_of(followed: Followed, batch: Batch) -> pa.Table:
    name = f"{batch.folder}/{COUNTS_FILE}"
    _verify(followed, name)
    return read_counts(followed.location / name)


def _verify(followed: Followed, name: str) -> None:
    """Compare one file's checksum: an update does not read those of the batches before."""
    if not name:
        return
    file = followed.location / name
    if not file.exists() or file_state(file) != followed.files.get(name):
        raise DatasetError(
            f"{file.shown} is missing or not as written; restore it, or make "
            "the counts anew in another output folder"
        )


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
    """Count the batch's pairs with the words that have ids now; return the stored nonzeros."""
    vocabulary = lexicon.vocabulary()
    counts = _counts_by_id(vocabulary, counted.words)
    if counted.tokens is None or not counts.sum():
        return 0
    words = work / "words"
    words.delete()
    Vocabulary(vocabulary.words, counts).write(words)
    recipe = Recipe(STAGE, 1, {"revision": revision, "work": words.uri}, {})
    dataset = Dataset(words, Manifest(recipe, {}, {}))
    weights = settings.weights()
    written = count_matrix(
        spark, counted.tokens, dataset, counts, settings.cooccurrence, weights, target
    )
    if not any(block.nnz for block in written):
        return 0
    facts = matrix_facts(written, settings.cooccurrence, weights, len(counts))
    return int(facts["nnz_stored"])


def _counts_by_id(vocabulary: Vocabulary, words: pa.Table) -> NDArray[np.int64]:
    ids = vocabulary.ids_of(words["word"].to_pylist())
    counts = np.zeros(len(vocabulary), np.int64)
    counts[ids[ids >= 0]] = words["count"].to_numpy()[ids >= 0]
    return counts


def _named_files(followed: Followed, hasher: Hasher) -> dict[str, FileState]:
    """List the files that count: known ones as they are known, new ones hashed."""
    ledger = followed.ledger
    files: dict[str, FileState] = {}
    for folder in ledger.folders():
        known = {n: s for n, s in followed.files.items() if n.rpartition("/")[0] == folder}
        found = known or {
            f"{folder}/{name}": state
            for name, state in list_files(followed.location / folder, hasher).items()
        }
        files |= found
    files[ledger.lexicon] = file_state(followed.location / ledger.lexicon)
    return files


def _delete_unnamed(followed: Followed) -> None:
    """Delete files that the manifest does not name, and folders that are left empty."""
    location = followed.location
    inside = len(location.path) + 1
    for info in location.walk():
        if info.is_file and info.path[inside:] not in followed.files:
            location.found(info).delete()
    kept = {name.rpartition("/")[0] for name in followed.files}
    for info in location.walk(recursive=False):
        if not info.is_file and info.base_name not in kept:
            location.found(info).delete()


def _vocabulary_recipe(followed: Followed) -> Recipe:
    names = ("min_count", "max_vocabulary", "stop_words", "unk")
    settings = {name: followed.settings[name] for name in names}
    lexicon = followed.files[followed.ledger.lexicon].sha256
    return Recipe(STAGE, FORMAT_VERSIONS["vocabulary"], settings, {"lexicon": lexicon})


def _publish_vocabulary(root: Location, followed: Followed, lexicon: Lexicon) -> None:
    started = time.perf_counter()
    vocabulary = lexicon.vocabulary()
    unfinished = root / f".vocabulary.{STAGE}{TEMPORARY}"
    unfinished.delete()
    vocabulary.write(unfinished)
    kept = int(vocabulary.counts.sum())
    facts = {
        "vocabulary_size": len(vocabulary),
        "distinct_words": len(lexicon.table),
        "tokens": lexicon.tokens,
        "tokens_kept": kept,
        "dropped_tokens": {"waiting": lexicon.tokens - kept},
        "missed_tokens": lexicon.missed()[1],
        "largest_count": int(vocabulary.counts.max(initial=0)),
        "smallest_count": int(vocabulary.counts.min(initial=0)),
    }
    timings = {"total": time.perf_counter() - started}
    recipe = _vocabulary_recipe(followed)
    publish_dataset(unfinished, root / "vocabulary", recipe, facts, timings, lineage={})
