"""The matrix of incremental updates: open it, commit it, and clean up.

New files are written next to the existing ones, with names that contain the next revision. Then the
manifest of ``cooccurrence`` is replaced by one that lists them: this is the only commit point.
Files that a crash leaves are not listed, and the next update deletes them. The dataset
``vocabulary`` is made from the listed files, at once or by the next update.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from glove_spark.datasets.ledger import COUNTS_FILE, FACT, Ledger, TextBatch
from glove_spark.datasets.lexicon import Lexicon, read_counts
from glove_spark.errors import ConfigurationError, DatasetError, InputError
from glove_spark.kernels.counting.windows import Weights, distance_weights
from glove_spark.settings.stages import CooccurrenceSettings, TokenizeSettings, VocabularySettings
from glove_spark.stages.stage import hasher_of
from glove_spark.store.checksums import FileState, Hasher, file_state
from glove_spark.store.dataset import FOLLOWED, manifest_of
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location, delete_files
from glove_spark.store.manifest import Dataset, Manifest, Recipe, fingerprint, list_files
from glove_spark.store.up_to_date import bring_up_to_date

log = logging.getLogger(__name__)

LARGEST_WORD_COUNT = 1_000_000_000
"""The largest count of a word, in all batches together. It bounds sums, so that every batch is
counted in the same unit. For windows of up to 22 words, this is also the unit of a matrix that is
counted at once."""


@dataclass(frozen=True)
class Followed:
    """The matrix of incremental updates, as its manifest describes it.

    Attributes
    ----------
    ledger
        The list of batches.
    files
        The state of every listed file, by its path in the dataset.
    settings
        The settings of counting, which are the same for every batch.
    unit
        The units in a count of 1.
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
        """Return it as a dataset, for reading."""
        recipe = Recipe(FOLLOWED, FORMAT_VERSIONS["cooccurrence"], self.settings, {})
        facts = {FACT: self.ledger.as_fact()}
        return Dataset(self.location, Manifest(recipe, self.files, facts))


@dataclass(frozen=True)
class CountSettings:
    """The settings with which every batch is counted."""

    tokenize: TokenizeSettings
    vocabulary: VocabularySettings
    cooccurrence: CooccurrenceSettings

    def as_dict(self) -> dict[str, Any]:
        """Return the settings that must be the same for all batches; readers need `symmetric`."""
        tokenize = self.tokenize.as_dict(only_result=True)
        tokenize.pop("input")
        return {
            **tokenize,
            **self.vocabulary.as_dict(only_result=True),
            **self.cooccurrence.as_dict(only_result=True),
        }

    def check(self) -> None:
        """Check that the settings are possible with incremental updates.

        Raises
        ------
        ConfigurationError
            If they are not.
        """
        for name, allowed in (("drop_most_frequent", 0), ("unk", (None, "drop", "average"))):
            value = getattr(self.vocabulary, name)
            if value not in (allowed if isinstance(allowed, tuple) else (allowed,)):
                raise ConfigurationError(
                    f"{name}={value} is not possible with incremental updates, where words keep "
                    "their ids; omit it, and list such words in stop_words"
                )

    def weights(self) -> Weights:
        """Return the weight of every distance, in a unit that does not depend on the text."""
        counting = self.cooccurrence
        return distance_weights(counting.window_size, counting.weighting, LARGEST_WORD_COUNT)


def open_followed(root: Location) -> Followed:
    """Open the matrix of an output folder.

    Raises
    ------
    InputError
        If there is no matrix.
    DatasetError
        If it was counted at once.
    """
    location = root / "cooccurrence"
    manifest = manifest_of(location)
    if manifest is None:
        raise InputError(
            f"{location.shown} has no batches yet; add the first with glove-spark update --batch"
        )
    ledger = Ledger.of(manifest.facts)
    if ledger is None:
        raise DatasetError(
            f"{location.shown} was counted at once by the stage {manifest.recipe.stage}, without "
            "batches; name another output folder for incremental updates, and add this text there "
            "as a batch"
        )
    settings, unit = manifest.recipe.settings, int(manifest.facts["unit"])
    return Followed(location, ledger, manifest.files, settings, unit)


def open_or_begin(root: Location, settings: CountSettings) -> Followed:
    """Open the matrix of an output folder, or start one.

    Raises
    ------
    ConfigurationError
        If the settings are not possible with incremental updates.
    DatasetError
        If the matrix was counted at once, or with other settings.
    """
    settings.check()
    location = root / "cooccurrence"
    wanted = Recipe(FOLLOWED, FORMAT_VERSIONS["cooccurrence"], settings.as_dict(), {})
    manifest = manifest_of(location)
    if manifest is None:
        made_by = manifest_of(root / "vocabulary")
        if made_by is not None and made_by.recipe.stage != FOLLOWED:
            raise DatasetError(
                f"{(root / 'vocabulary').shown} was made by the stage {made_by.recipe.stage} and "
                "cannot grow; name another output folder for incremental updates"
            )
        return Followed(location, Ledger(), {}, wanted.settings, settings.weights().unit)
    followed = open_followed(root)
    reasons = replace(manifest.recipe, inputs={}).differences(wanted)
    if reasons:
        raise DatasetError(
            f"{location.shown} was counted with other settings: {'; '.join(reasons)}. All batches "
            "must be counted with the same settings; give the same options, or name another output "
            "folder"
        )
    return followed


def commit(
    root: Location, followed: Followed, lexicon: Lexicon | None, spark: SparkSession | None = None
) -> Followed:
    """Write the new state to the manifest, then make the vocabulary from it.

    Parameters
    ----------
    lexicon
        All words in the new state; None if they did not change.
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
        # of all batches; a pair of words is counted once for every batch that has it
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
    recipe = Recipe(FOLLOWED, FORMAT_VERSIONS["cooccurrence"], followed.settings, inputs)
    timings = {"commit": time.perf_counter() - started}
    lineage = {"vocabulary": vocabulary.fingerprint}
    Manifest(recipe, files, facts, timings, lineage).write(location)
    known = lexicon
    _make_vocabulary(root, followed, lambda: known)
    return followed


def recover(root: Location, followed: Followed) -> None:
    """Clean up after an update that was interrupted."""
    if not followed.ledger.lexicon:
        if followed.location.exists():
            followed.location.delete()
        return
    delete_unnamed(followed)
    # the previous update may have ended between its commit and its vocabulary
    _make_vocabulary(root, followed, lambda: verified_lexicon(followed))


def verified_lexicon(followed: Followed) -> Lexicon:
    """Read the lexicon, and check that it is unchanged."""
    _verify(followed, followed.ledger.lexicon)
    return followed.lexicon()


def counts_of(followed: Followed, batch: TextBatch) -> pa.Table:
    """Read the word counts of a batch, and check that they are unchanged."""
    name = f"{batch.folder}/{COUNTS_FILE}"
    _verify(followed, name)
    return read_counts(followed.location / name)


def _verify(followed: Followed, name: str) -> None:
    """Compare the checksum of one file; an update does not read all files of earlier batches."""
    if not name:
        return
    file = followed.location / name
    if not file.exists() or file_state(file) != followed.files.get(name):
        raise _damaged(file)


def verify_counts(spark: SparkSession, followed: Followed) -> None:
    """Compare every checksum, before all counts are rewritten.

    Raises
    ------
    DatasetError
        If a file is missing or changed.
    """
    manifest = followed.dataset().manifest
    damaged = manifest.damaged_files(followed.location, hasher_of(spark, "update"))
    if damaged:
        raise _damaged(followed.location / damaged[0])


def _damaged(file: Location) -> DatasetError:
    return DatasetError(
        f"{file.shown} is missing or changed; restore it, or make the counts again in "
        "another output folder"
    )


def _named_files(followed: Followed, hasher: Hasher) -> dict[str, FileState]:
    """Return the state of all listed files: known states are kept, new files are hashed."""
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


def delete_unnamed(followed: Followed) -> None:
    """Delete files that the manifest does not list, and folders that become empty."""
    location = followed.location
    inside = len(location.path) + 1
    strays = [info for info in location.walk() if info.is_file]
    strays = [info for info in strays if info.path[inside:] not in followed.files]
    delete_files([location.found(info) for info in strays])
    kept = {name.rpartition("/")[0] for name in followed.files}
    for info in location.walk(recursive=False):
        if not info.is_file and info.base_name not in kept:
            location.found(info).delete()


def _vocabulary_recipe(followed: Followed) -> Recipe:
    names = ("min_count", "max_vocabulary", "stop_words", "unk")
    settings = {name: followed.settings[name] for name in names}
    lexicon = followed.files[followed.ledger.lexicon].sha256
    return Recipe(FOLLOWED, FORMAT_VERSIONS["vocabulary"], settings, {"lexicon": lexicon})


def _make_vocabulary(
    root: Location, followed: Followed, read_lexicon: Callable[[], Lexicon]
) -> None:
    """Bring the dataset ``vocabulary`` up to date with the lexicon, which is read if needed."""

    def build(unfinished: Location) -> Mapping[str, Any]:
        lexicon = read_lexicon()
        vocabulary = lexicon.vocabulary()
        vocabulary.write(unfinished)
        kept = int(vocabulary.counts.sum())
        return {
            "vocabulary_size": len(vocabulary),
            "distinct_words": len(lexicon.table),
            "tokens": lexicon.tokens,
            "tokens_kept": kept,
            "dropped_tokens": {"waiting": lexicon.tokens - kept},
            "missed_tokens": lexicon.missed()[1],
            "largest_count": int(vocabulary.counts.max(initial=0)),
            "smallest_count": int(vocabulary.counts.min(initial=0)),
        }

    recipe = _vocabulary_recipe(followed)
    bring_up_to_date(root / "vocabulary", recipe, build, lineage={}, overwrite=True)
