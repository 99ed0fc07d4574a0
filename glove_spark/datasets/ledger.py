"""The ledger of incremental updates: the list of the batches whose sum is the matrix.

It is a fact in the manifest of ``cooccurrence``, so the manifest is the only commit point of an
update: files that are not listed do not count. Every batch keeps its own files, so that it can be
removed or weighted. A *sum* contains the sum of several batches, so that readers open fewer files.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from glove_spark.errors import ConfigurationError, DatasetError
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset

FACT = "batches"
"""The fact that contains the ledger."""

MATRIX_SUFFIX = ".parquet"
COUNTS_FILE = "words.counts"
"""The counts of the words of a batch, next to its files of the matrix."""


@dataclass(frozen=True)
class TextBatch:
    """One batch.

    Attributes
    ----------
    folder
        The folder, in the dataset.
    corpus
        A hash of the checksums of its text files.
    nnz
        Stored nonzeros.
    tokens, documents
        The numbers of tokens and documents. A batch may have none.
    new_words, missed_tokens
        Words that joined the vocabulary with it, and how often these had occurred before. The
        matrix does not contain these occurrences.
    added
        ISO 8601 time in UTC.
    """

    folder: str
    corpus: str
    nnz: int
    tokens: int
    documents: int
    new_words: int
    missed_tokens: int
    added: str


@dataclass(frozen=True)
class Sum:
    """The sum of some batches, by name."""

    folder: str
    batches: tuple[str, ...]


@dataclass(frozen=True)
class Ledger:
    """The batches that a matrix consists of.

    Attributes
    ----------
    revision
        Increases with every change, and is part of the names of new files.
    lexicon
        The file of all words, in the dataset.
    batches
        The batches by name, in the order in which they were added.
    sum
        The sum of older batches, if they were compacted.
    """

    revision: int = 0
    lexicon: str = ""
    batches: Mapping[str, TextBatch] = field(default_factory=dict)
    sum: Sum | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Ledger | None:
        """Read it from the facts of a manifest; None if the matrix was counted at once.

        Raises
        ------
        DatasetError
            If it is not the output of `as_fact`.
        """
        content = facts.get(FACT)
        if content is None:
            return None
        try:
            batches = {name: TextBatch(**batch) for name, batch in content["batches"].items()}
            found = content["sum"]
            total = found and Sum(str(found["folder"]), tuple(found["batches"]))
            ledger = cls(int(content["revision"]), str(content["lexicon"]), batches, total)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"the list of batches cannot be read ({error!r}); make the counts again in "
                "another output folder"
            ) from None
        if total and not set(total.batches) <= set(batches):
            raise DatasetError(
                "the list of batches is damaged: its sum contains batches that it does not list; "
                "make the counts again in another output folder"
            )
        return ledger

    def as_fact(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    def with_batch(self, name: str, batch: TextBatch) -> Ledger:
        """Return a ledger with one more batch."""
        return replace(self, batches={**self.batches, name: batch})

    def without(self, name: str) -> Ledger:
        """Return a ledger without one batch, and without a sum that contains it."""
        rest = {other: batch for other, batch in self.batches.items() if other != name}
        total = self.sum if self.sum and name not in self.sum.batches else None
        return replace(self, batches=rest, sum=total)

    def not_in_sum(self) -> list[str]:
        """Return the names of the batches that are not in the sum."""
        held = self.sum.batches if self.sum else ()
        return [name for name in self.batches if name not in held]

    def folders(self) -> list[str]:
        """Return the names of all folders in use."""
        found = [batch.folder for batch in self.batches.values()]
        return [*found, self.sum.folder] if self.sum else found

    def files_to_add(self, matrix: Dataset) -> list[tuple[Location, ...]]:
        """List the files of the sum and of every batch that is not in it."""
        folders = [self.batches[name].folder for name in self.not_in_sum()]
        if self.sum:
            folders.insert(0, self.sum.folder)
        return [files for files in (files_of(matrix, folder) for folder in folders) if files]

    def weighted_files(
        self, matrix: Dataset, half_life_days: float
    ) -> list[tuple[float, tuple[Location, ...]]]:
        """List the weight and files of every batch; a batch of the newest day has weight 1.

        Raises
        ------
        ConfigurationError
            If the name of a batch does not begin with a date.
        """
        days = {name: day_of(name) for name in sorted(self.batches)}
        newest = max(days.values())
        weights = {
            name: 0.5 ** ((newest - day).days / half_life_days) for name, day in days.items()
        }
        listed = [(weights[name], files_of(matrix, self.batches[name].folder)) for name in days]
        return [(weight, files) for weight, files in listed if files]


def day_of(name: str) -> datetime.date:
    """Return the date at the beginning of a batch name, such as 2026-11-20 or 2026-11-20-evening.

    Raises
    ------
    ConfigurationError
        If the name does not begin with a date.
    """
    try:
        return datetime.date.fromisoformat(name[:10])
    except ValueError:
        raise ConfigurationError(
            f"batch={name} does not begin with a date such as 2026-11-20, so half_life cannot tell "
            "how old it is; omit half_life, or name batches by their dates"
        ) from None


def batch_folder(name: str, revision: int) -> str:
    """Return the folder of a batch that is written in a revision."""
    return f"batch={name}.r{revision}"


def files_of(matrix: Dataset, folder: str) -> tuple[Location, ...]:
    """List the files of the matrix in a folder."""
    names = (name for name in sorted(matrix.manifest.files) if name.endswith(MATRIX_SUFFIX))
    return tuple(matrix.location / name for name in names if name.rpartition("/")[0] == folder)
