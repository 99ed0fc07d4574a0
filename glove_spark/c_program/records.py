"""Records of ``cooccurrence.bin``: read them in blocks, count them, and sort them on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import InputError
from glove_spark.exchange.c_program import RECORD
from glove_spark.exchange.streams import read_blocks
from glove_spark.store.location import Location

Records: TypeAlias = NDArray[np.void]
"""Array of the type `RECORD`."""

BLOCK_RECORDS = 1 << 18
"""Records per read: 4 MB."""

RANGE_RECORDS = 1 << 22
"""The approximate number of records, of consecutive rows, that are sorted at once: 64 MB."""

SAME_COUNT = 1e-9
"""The largest relative difference of the sums of both triangles: the program adds in two orders."""


def read_records(location: Location) -> Iterator[Records]:
    """Read blocks of records.

    Raises
    ------
    InputError
        If the file ends within a record.
    """
    rest = b""
    for block in read_blocks(location, BLOCK_RECORDS * RECORD.itemsize):
        data = rest + block
        whole = len(data) - len(data) % RECORD.itemsize
        rest = data[whole:]
        yield np.frombuffer(data[:whole], RECORD)
    if rest:
        raise InputError(
            f"{location.shown} is cut short: its last record has {len(rest)} of "
            f"{RECORD.itemsize} bytes; copy or make the file again"
        )


class RecordTally:
    """Facts from one pass over the records.

    Attributes
    ----------
    per_row
        int64 (V,), the number of records of every row.
    in_order
        Whether they are sorted by row and column, without duplicates.
    symmetric
        Whether every record has its mirror image.
    """

    def __init__(self, blocks: Iterator[Records], vocabulary_size: int, shown: str) -> None:
        self.per_row = np.zeros(vocabulary_size, np.int64)
        self.in_order = True
        self._shown = shown
        self._upper, self._lower = _Triangle(), _Triangle()
        last = np.int64(-1)
        for block in blocks:
            if len(block):
                self._check(block)
                rows, cols = block["row"] - 1, block["col"] - 1
                self.per_row += np.bincount(rows, minlength=vocabulary_size)
                key = rows.astype(np.int64) * vocabulary_size + cols
                self.in_order &= bool(key[0] > last and (np.diff(key) > 0).all())
                last = key[-1]
                self._upper.add(rows, cols, block["count"], rows < cols)
                self._lower.add(cols, rows, block["count"], rows > cols)

    @property
    def symmetric(self) -> bool:
        """Compare the two triangles by number of records, pattern and weighted sum."""
        one, other = self._upper, self._lower
        return (one.number, one.pattern) == (other.number, other.pattern) and abs(
            one.weighted - other.weighted
        ) <= SAME_COUNT * one.weighted

    def _check(self, block: Records) -> None:
        size = len(self.per_row)
        for name in ("row", "col"):
            outside = (block[name] < 1) | (block[name] > size)
            if outside.any():
                raise InputError(
                    f"{self._shown} has a record of word {block[name][outside][0]}, but the "
                    f"vocabulary has only words 1 to {size:,}; give the vocab.txt of the same run"
                )
        wrong = ~((block["count"] > 0) & np.isfinite(block["count"]))
        if wrong.any():
            raise InputError(
                f"{self._shown} has a count of {block['count'][wrong][0]}; counts must be positive "
                "and finite; make the file again"
            )


class _Triangle:
    """Sums over a triangle that do not depend on the order of its records."""

    def __init__(self) -> None:
        self.number, self.pattern, self.weighted = 0, 0, 0.0

    def add(
        self,
        low: NDArray[np.int32],
        high: NDArray[np.int32],
        counts: NDArray[np.float64],
        inside: NDArray[np.bool_],
    ) -> None:
        low, high, counts = low[inside], high[inside], counts[inside]
        mixed = (low.astype(np.uint64) << np.uint64(32)) | high.astype(np.uint64)
        # splitmix64: a different pattern hardly ever has the same sum
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        self.number += len(low)
        self.pattern = (self.pattern + int(mixed.sum(dtype=np.uint64))) % (1 << 64)
        self.weighted += float((counts * (mixed / 2.0**64)).sum())


def in_order(
    blocks: Callable[[], Iterator[Records]], tally: RecordTally, shown: str
) -> Iterator[Records]:
    """Yield all records sorted by row and column, for consecutive rows at a time.

    If the records are not in order, they are first distributed to temporary files by rows, so that
    only one range of rows is in memory.

    Raises
    ------
    InputError
        If a row and column occur twice.
    """
    ends = _range_ends(tally.per_row)
    if tally.in_order:
        yield from _cut(blocks(), ends)
        return
    with tempfile.TemporaryDirectory(prefix="glove_spark-") as folder:
        files = [Path(folder) / str(number) for number in range(len(ends))]
        for block in blocks():
            range_of = np.searchsorted(ends, block["row"], side="left")
            order = np.argsort(range_of, kind="stable")
            numbers, starts = np.unique(range_of[order], return_index=True)
            for number, part in zip(numbers, np.split(block[order], starts[1:]), strict=True):
                with files[number].open("ab") as sink:
                    sink.write(part.tobytes())
        for file in files:
            if file.exists():
                records = np.fromfile(file, RECORD)
                file.unlink()
                records = records[np.lexsort((records["col"], records["row"]))]
                _refuse_duplicates(records, shown)
                yield records


def _range_ends(per_row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide rows into ranges of about `RANGE_RECORDS`; return the last row of each, from 1."""
    before = (np.cumsum(per_row) - 1) // RANGE_RECORDS
    return np.append(np.flatnonzero(np.diff(before)) + 1, len(per_row))


def _cut(blocks: Iterator[Records], ends: NDArray[np.int64]) -> Iterator[Records]:
    """Divide sorted records at the ends of the ranges."""
    waiting: list[Records] = []
    number = 0
    for block in blocks:
        while len(block) and block["row"][-1] > ends[number]:
            within = int(np.searchsorted(block["row"], ends[number], side="right"))
            waiting.append(block[:within])
            yield np.concatenate(waiting)
            waiting, block, number = [], block[within:], number + 1
        waiting.append(block)
    if waiting:
        yield np.concatenate(waiting)


def _refuse_duplicates(records: Records, shown: str) -> None:
    same = (np.diff(records["row"]) == 0) & (np.diff(records["col"]) == 0)
    if same.any():
        first = records[int(np.argmax(same))]
        raise InputError(
            f"{shown} has two records of row {first['row']}, column {first['col']}; give the final "
            "file of the C program's cooccur, in which records are merged"
        )
