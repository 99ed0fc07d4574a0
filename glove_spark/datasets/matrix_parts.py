"""A co-occurrence matrix in parts, one per batch or sum of batches, read as their sum.

Every part is a set of files of `glove_spark.datasets.cooccurrence`, ordered by row. Counts are
multiples of ``1/unit``, so they are added as integers, and the sum does not depend on the division
into parts, unless parts are weighted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.cooccurrence import (
    Nonzeros,
    both_triangles,
    open_matrix_file,
    read_nonzeros,
    read_row_group,
    rows_of_group,
)
from glove_spark.datasets.ledger import Ledger
from glove_spark.errors import ConfigurationError
from glove_spark.kernels.counting.runs import Run
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset

NONZEROS_PER_RANGE = 1 << 21
"""Nonzeros of all parts together in a range of rows, at about 60 bytes each while added."""

_FOOTER_READERS = 16


@dataclass(frozen=True)
class MatrixPart:
    """Some files whose counts are multiplied by ``weight``."""

    files: tuple[Location, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class RowGroup:
    """A row group of a file and the rows that it covers, both included."""

    file: Location
    number: int
    first: int
    last: int
    nnz: int


@dataclass(frozen=True)
class RowRange:
    """Rows ``first`` to ``stop``: the row groups of each part, with its weight."""

    first: int
    stop: int
    parts: tuple[tuple[float, tuple[RowGroup, ...]], ...]

    @property
    def is_whole(self) -> bool:
        """Whether no part is weighted, so sums are exact."""
        return all(weight == 1.0 for weight, _ in self.parts)

    def read(self, unit: int) -> Nonzeros:
        """Add up the parts.

        Parameters
        ----------
        unit
            The units in a count of 1.
        """
        run = self.run(unit)
        return Nonzeros(run.rows + np.int32(self.first), run.cols, run.units / unit)

    def run(self, unit: int) -> Run:
        """Add the parts; rows are numbered from ``first``, and weighted units are floats."""
        keys, units = [], []
        for weight, groups in self.parts:
            for group in groups:
                rows, cols, counts = self._inside(group)
                keys.append((rows.astype(np.int64) - self.first) << 32 | cols)
                exact = np.rint(counts * unit)
                units.append(exact.astype(np.int64) if self.is_whole else exact * weight)
        key: NDArray[np.int64] = np.concatenate(keys)
        value: NDArray[Any] = np.concatenate(units)
        # a stable sort: sums of weighted counts are rounded, and must be reproducible
        order = np.argsort(key, kind="stable")
        key, value = key[order], value[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        key, value = key[starts], np.add.reduceat(value, starts)
        filled = np.bincount(key >> 32, minlength=self.stop - self.first)
        indptr = np.concatenate([[0], np.cumsum(filled)])
        return Run(indptr, (key & 0xFFFFFFFF).astype(np.int32), value)

    def _inside(self, group: RowGroup) -> Nonzeros:
        with open_matrix_file(group.file) as source:
            found = read_row_group(source, group.file, group.number)
        start, stop = np.searchsorted(found.row_ids, [self.first, self.stop])
        return Nonzeros(
            found.row_ids[start:stop], found.col_ids[start:stop], found.counts[start:stop]
        )


def row_groups(files: Sequence[Location]) -> list[RowGroup]:
    """List the row groups of files.

    Raises
    ------
    DatasetError
        If a file cannot be read.
    """

    def of(file: Location) -> list[RowGroup]:
        source = open_matrix_file(file)
        found = []
        for number in range(source.metadata.num_row_groups):
            first, last = rows_of_group(source, file, number)
            nnz = source.metadata.row_group(number).num_rows
            found.append(RowGroup(file, number, first, last, nnz))
        return found

    with ThreadPoolExecutor(_FOOTER_READERS) as readers:
        return [group for groups in readers.map(of, files) for group in groups]


def cut_ranges(parts: Sequence[MatrixPart], num_rows: int) -> list[RowRange]:
    """Divide the rows into ranges of about `NONZEROS_PER_RANGE` nonzeros of all parts together."""
    grouped = [(part.weight, row_groups(part.files)) for part in parts]
    every = sorted((group for _, groups in grouped for group in groups), key=lambda g: g.last)
    if not every:
        return []
    filled = np.cumsum([group.nnz for group in every])
    pieces = max(1, int(filled[-1]) // NONZEROS_PER_RANGE)
    places = np.searchsorted(filled, np.arange(1, pieces) * (filled[-1] / pieces))
    edges = np.unique([0, *(every[place].last + 1 for place in places.tolist()), num_rows])
    ranges = []
    for first, stop in itertools.pairwise(edges.tolist()):
        inside = tuple(
            (weight, tuple(g for g in groups if g.first < stop and g.last >= first))
            for weight, groups in grouped
        )
        inside = tuple(part for part in inside if part[1])
        if inside:
            ranges.append(RowRange(first, stop, inside))
    return ranges


def stored_parts(matrix: Dataset) -> list[MatrixPart]:
    """Return the parts whose sum is the matrix; a matrix that was counted at once has one."""
    ledger = Ledger.of(matrix.manifest.facts)
    if ledger is None:
        return [MatrixPart(tuple(matrix.files(".parquet")))]
    return [MatrixPart(files) for files in ledger.files_to_add(matrix)]


def weighted_parts(matrix: Dataset, half_life_days: float) -> list[MatrixPart]:
    """Return every batch as a part, weighted by its age.

    Raises
    ------
    ConfigurationError
        If the matrix was counted at once, or the name of a batch does not begin with a date.
    """
    ledger = Ledger.of(matrix.manifest.facts)
    if ledger is None:
        raise ConfigurationError(
            f"half_life needs batches, but {matrix.location.shown} was counted at once; omit "
            "half_life, or add text with glove-spark update"
        )
    weighted = ledger.weighted_files(matrix, half_life_days)
    return [MatrixPart(files, weight) for weight, files in weighted]


def iterate_matrix(matrix: Dataset) -> Iterator[Nonzeros]:
    """Read every nonzero of the matrix in batches of bounded size, both triangles."""
    parts = stored_parts(matrix)
    stored: Iterator[Nonzeros]
    if len(parts) == 1:
        stored = (part for file in parts[0].files for part in read_nonzeros(file))
    else:
        ranges = cut_ranges(parts, int(matrix.facts["vocabulary_size"]))
        stored = (part.read(int(matrix.facts["unit"])) for part in ranges)
    symmetric = bool(matrix.manifest.recipe.settings["symmetric"])
    yield from both_triangles(stored) if symmetric else stored
