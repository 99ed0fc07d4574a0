"""The tokens dataset: Parquet files of one column, ``tokens: array<string>``, one row per document.

Stages read it in their tasks with pyarrow, by *slices*: some rows of one row group. Words are
dictionary-encoded, so a task looks up each distinct word of a row group only once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glove_spark.datasets.parquet_files import UNREADABLE, num_values
from glove_spark.errors import DatasetError
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset

COLUMN = "tokens"

_FOOTER_READERS = 16
"""Footers read at the same time: on an object store each needs a round trip."""


class TokenSlice(NamedTuple):
    """Rows ``start`` to ``stop`` of one row group."""

    file: Location
    row_group: int
    start: int
    stop: int


class DocumentBatch(NamedTuple):
    """Some documents, one after another.

    Attributes
    ----------
    words
        The distinct words that occur, and possibly others, without duplicates.
    codes
        int32, every token as an index into ``words``.
    lengths
        int64, the number of tokens of every document; their sum is ``len(codes)``.
    """

    words: pa.StringArray
    codes: NDArray[np.int32]
    lengths: NDArray[np.int64]


class _RowGroup(NamedTuple):
    file: Location
    number: int
    rows: int
    tokens: int


def plan_slices(
    tokens: Dataset, *, tasks_at_once: int, tokens_per_task: int
) -> list[list[TokenSlice]]:
    """Distribute the documents over tasks with nearly equal numbers of tokens.

    Parameters
    ----------
    tasks_at_once
        Tasks that run at the same time. The number of tasks is a multiple of it, so that all cores
        finish together.
    tokens_per_task
        The approximate limit of tokens per task. Documents are not split, so the task of a larger
        document has more.
    """
    groups = _row_groups(tokens.files(".parquet"))
    total = sum(group.tokens for group in groups)
    waves = max(1, -(-total // (tokens_per_task * tasks_at_once)))
    return cut_evenly(groups, min(waves * tasks_at_once, sum(group.rows for group in groups)))


def cut_evenly(groups: Sequence[_RowGroup], num_tasks: int) -> list[list[TokenSlice]]:
    """Divide all rows into ``num_tasks`` by tokens, as if the rows of a group were equal."""
    total = max(1, sum(group.tokens for group in groups))
    tasks: list[list[TokenSlice]] = [[] for _ in range(num_tasks)]
    before = 0
    for group in groups:
        # the tasks that have a share of this group, and the rows where they begin
        sharing = range(
            before * num_tasks // total,
            min((before + group.tokens) * num_tasks // total + 1, num_tasks),
        )
        edges = [
            min(
                max((task * total - before * num_tasks) * group.rows, 0)
                // (max(group.tokens, 1) * num_tasks),
                group.rows,
            )
            for task in sharing
        ] + [group.rows]
        for task, (start, stop) in zip(sharing, itertools.pairwise(edges), strict=True):
            if start < stop:
                tasks[task].append(TokenSlice(group.file, group.number, start, stop))
        before += group.tokens
    return [slices for slices in tasks if slices]


def _row_groups(files: Sequence[Location]) -> list[_RowGroup]:
    def describe(file: Location) -> list[_RowGroup]:
        source = _open(file)
        found = []
        try:
            for index in range(source.metadata.num_row_groups):
                rows = source.metadata.row_group(index).num_rows
                found.append(_RowGroup(file, index, rows, num_values(source, index, COLUMN)))
        except UNREADABLE as error:
            raise _unreadable(file, error) from error
        return found

    with ThreadPoolExecutor(_FOOTER_READERS) as readers:
        return [group for groups in readers.map(describe, files) for group in groups]


def read_slice(part: TokenSlice) -> Iterator[DocumentBatch]:
    """Read the documents of a slice.

    Raises
    ------
    DatasetError
        If the file is not readable Parquet with the column ``tokens``.
    """
    try:
        table = _open(part.file).read_row_group(part.row_group, columns=[COLUMN])
    except UNREADABLE as error:
        raise _unreadable(part.file, error) from error
    documents = table.column(COLUMN).slice(part.start, part.stop - part.start)
    del table
    for chunk in documents.chunks:
        values = chunk.flatten()
        lengths = np.diff(chunk.offsets.to_numpy()).astype(np.int64)
        yield DocumentBatch(values.dictionary, values.indices.to_numpy(), lengths)


def _open(file: Location) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file.open_input(), read_dictionary=["tokens.list.element"])
    except KeyError:
        raise _unreadable(file, "it has no column tokens of array<string>") from None
    except UNREADABLE as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Location, error: object) -> DatasetError:
    return DatasetError(
        f"{file.shown} cannot be read ({error}); redo the stage tokenize with --overwrite"
    )
