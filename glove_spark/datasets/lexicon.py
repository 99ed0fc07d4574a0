"""All words of incremental updates: the vocabulary, and words that are still too rare.

A word keeps its id forever. A word that is too rare has no id, and its count is kept until it
reaches ``min_count``. One Parquet file: ``word string, count int64, id int32, missed int64``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glove_spark.datasets.parquet_files import UNREADABLE
from glove_spark.datasets.vocabulary import UNKNOWN, Vocabulary
from glove_spark.errors import DatasetError
from glove_spark.store.location import Location

WORD_COUNTS = pa.schema([("word", pa.string()), ("count", pa.int64())])
"""Words and their counts, in one batch or in many."""

SCHEMA = pa.schema([*WORD_COUNTS, ("id", pa.int32()), ("missed", pa.int64())])


@dataclass(frozen=True)
class Rules:
    """The rules for words that may join the vocabulary.

    Attributes
    ----------
    min_count
        The count that a word must reach, in all batches together.
    max_vocabulary
        The largest number of words; None is no limit.
    stop_words
        Words that never join.
    """

    min_count: int
    max_vocabulary: int | None = None
    stop_words: frozenset[str] = frozenset()


class Lexicon:
    """All words and their counts; about 50 bytes per word in memory.

    Attributes
    ----------
    table
        Columns of `SCHEMA`: ``id`` is null for a word that is too rare. ``missed`` is how often a
        word occurred before it joined; the matrix does not contain these occurrences.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def empty(cls) -> Lexicon:
        """Return a lexicon without words."""
        return cls(SCHEMA.empty_table())

    @property
    def vocabulary_size(self) -> int:
        """The number of words that have an id."""
        return len(self.table) - int(self.table["id"].null_count)

    @property
    def tokens(self) -> int:
        """The sum of the counts of all words."""
        return int(pc.sum(self.table["count"]).as_py() or 0)

    def plus(self, counts: pa.Table, sign: int = 1) -> Lexicon:
        """Add or subtract the counts of some words.

        Parameters
        ----------
        counts
            Columns of `WORD_COUNTS`, each word once.
        sign
            -1 subtracts counts that were added before; words without an id whose count becomes 0
            are removed.

        Raises
        ------
        DatasetError
            If a count would become negative.
        """
        change = counts.append_column(
            "change", pc.multiply(counts["count"], pa.scalar(sign, pa.int64()))
        ).select(["word", "change"])
        joined = self.table.join(change, "word", join_type="full outer")
        total = pc.add(pc.fill_null(joined["count"], 0), pc.fill_null(joined["change"], 0))
        if pc.any(pc.less(total, 0)).as_py():
            raise DatasetError(
                "the word counts are damaged: a batch contains words that were never added; make "
                "the counts again in another output folder"
            )
        table = pa.table(
            [joined["word"], total, joined["id"], pc.fill_null(joined["missed"], 0)], schema=SCHEMA
        )
        return Lexicon(table.filter(pc.or_(pc.greater(total, 0), pc.is_valid(table["id"]))))

    def grown(self, rules: Rules, latest: pa.Table) -> Lexicon:
        """Give the next free ids to words that have become frequent enough.

        New words are ordered by count, descending, and by code point if counts are equal. So the
        first batch makes the same vocabulary as the pipeline would.

        Parameters
        ----------
        latest
            The counts of the last batch, in which the new words are counted; their earlier
            occurrences are missed.
        """
        table = self.table.append_column("row", pa.array(np.arange(len(self.table))))
        waits = pc.and_(pc.is_null(table["id"]), pc.greater_equal(table["count"], rules.min_count))
        barred = pa.array(sorted({UNKNOWN, *rules.stop_words}), pa.string())
        new = table.filter(pc.and_(waits, pc.invert(pc.is_in(table["word"], barred))))
        new = new.sort_by([("count", "descending"), ("word", "ascending")])
        if rules.max_vocabulary is not None:
            new = new.slice(0, max(0, rules.max_vocabulary - self.vocabulary_size))
        if not len(new):
            return self
        rows = new["row"].to_numpy()
        ids = self.table["id"].to_numpy(zero_copy_only=False).astype(np.float64)
        ids[rows] = np.arange(self.vocabulary_size, self.vocabulary_size + len(new))
        counted = new.select(["word", "count"]).join(
            latest.rename_columns(["word", "now"]), "word", join_type="left outer"
        )
        before = pc.subtract(counted["count"], pc.fill_null(counted["now"], 0))
        missed_of = dict(zip(counted["word"].to_pylist(), before.to_pylist(), strict=True))
        missed = self.table["missed"].to_numpy().copy()
        missed[rows] = [missed_of[word] for word in new["word"].to_pylist()]
        columns = [
            self.table["word"],
            self.table["count"],
            pa.array(ids, pa.int32(), from_pandas=True),
            pa.array(missed),
        ]
        return Lexicon(pa.table(columns, schema=SCHEMA))

    def ranked(self, min_count: int) -> tuple[Lexicon, NDArray[np.int32]]:
        """Order ids by count, descending, and by code point if equal, as in the pipeline.

        Parameters
        ----------
        min_count
            Words with smaller counts leave the vocabulary.

        Returns
        -------
        tuple
            The lexicon, and int32 (V,), the new id of every id; -1 if the word leaves.
        """
        table = self.table.append_column("row", pa.array(np.arange(len(self.table))))
        stays = pc.and_(pc.is_valid(table["id"]), pc.greater_equal(table["count"], min_count))
        kept = table.filter(stays).sort_by([("count", "descending"), ("word", "ascending")])
        rows, order = kept["row"].to_numpy(), np.arange(len(kept), dtype=np.int32)
        ids = np.full(len(table), -1, np.int32)
        ids[rows] = order
        new_ids = np.full(self.vocabulary_size, -1, np.int32)
        new_ids[kept["id"].to_numpy()] = order
        waits = ids < 0
        # the missed occurrences of a word without an id are determined when it joins
        missed = np.where(waits, 0, self.table["missed"].to_numpy())
        columns = [
            self.table["word"],
            self.table["count"],
            pa.array(ids, mask=waits),
            pa.array(missed),
        ]
        return Lexicon(pa.table(columns, schema=SCHEMA)), new_ids

    def vocabulary(self) -> Vocabulary:
        """Return the words that have ids, in the order of ids."""
        known = self.table.filter(pc.is_valid(self.table["id"])).sort_by("id")
        return Vocabulary(known["word"].to_pylist(), known["count"].to_numpy())

    def missed(self, since_id: int = 0) -> tuple[int, int]:
        """Count the words from an id on, and how often they occurred before they joined."""
        new = self.table.filter(pc.greater_equal(self.table["id"], since_id))
        return len(new), int(pc.sum(new["missed"]).as_py() or 0)

    def write(self, target: Location) -> None:
        """Write one file, sorted by word, so that equal lexicons give equal bytes."""
        with target.open_output() as sink:
            pq.write_table(self.table.sort_by("word"), sink, compression="zstd")

    @classmethod
    def read(cls, source: Location) -> Lexicon:
        """Read what `write` wrote.

        Raises
        ------
        DatasetError
            If it cannot be read, has other columns, or its ids are not 0, 1, 2, ...
        """
        table = read_columns(source, SCHEMA)
        ids = np.sort(table["id"].drop_null().to_numpy())
        if not np.array_equal(ids, np.arange(len(ids))):
            raise DatasetError(
                f"{source.shown} is damaged: ids must be 0, 1, 2, ...; replace or remove the last "
                "batch, or make the counts again in another output folder"
            )
        return cls(table)


def counts_by_id(vocabulary: Vocabulary, words: pa.Table) -> NDArray[np.int64]:
    """Look up the counts of the words of a batch: int64 (V,), 0 if the batch lacks the word."""
    ids = vocabulary.ids_of(words["word"].to_pylist())
    counts = np.zeros(len(vocabulary), np.int64)
    counts[ids[ids >= 0]] = words["count"].to_numpy()[ids >= 0]
    return counts


def write_counts(counts: pa.Table, target: Location) -> None:
    """Write the words of a batch and their counts."""
    with target.open_output() as sink:
        pq.write_table(counts.sort_by("word").cast(WORD_COUNTS), sink, compression="zstd")


def read_counts(source: Location) -> pa.Table:
    """Read what `write_counts` wrote."""
    return read_columns(source, WORD_COUNTS)


def read_columns(source: Location, schema: pa.Schema) -> pa.Table:
    """Read a Parquet file with exactly these columns.

    Raises
    ------
    DatasetError
        If it cannot be read or has other columns.
    """
    try:
        table = pq.read_table(source.open_input())
        # words that are not UTF-8
        table.validate(full=True)
    except UNREADABLE as error:
        raise DatasetError(
            f"{source.shown} cannot be read ({error}); make the counts again in another output "
            "folder"
        ) from error
    if not table.schema.equals(schema) or table["word"].null_count or table["count"].null_count:
        raise DatasetError(
            f"{source.shown} has the columns {', '.join(table.schema.names)} but must have "
            f"{', '.join(schema.names)}; make the counts again in another output folder"
        )
    return table
