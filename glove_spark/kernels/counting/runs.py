"""Sorted runs of co-occurrence counts, and how they are merged.

A run is a sparse matrix of exact integers in compressed rows, with ascending columns in each row.
Two runs are merged in one linear pass. A `RunStack` collects any number of runs. It merges only
runs of similar size, like the carries of a binary counter, so every nonzero is moved a logarithmic
number of times.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

COUNT_BINS = 128
"""Groups of words of similar frequency in the estimate of the nonzeros of a row."""


class Run(NamedTuple):
    """Counts of consecutive rows, by row and then by column.

    Attributes
    ----------
    indptr
        int64[rows + 1], the start of each row; the first is 0.
    cols
        int32[nnz], word ids, ascending within a row.
    units
        Integers[nnz], the counts in units; int32 if they fit, to send fewer bytes.
    """

    indptr: NDArray[np.int64]
    cols: NDArray[np.int32]
    units: NDArray[np.int64] | NDArray[np.int32]

    @property
    def nnz(self) -> int:
        """The number of nonzeros."""
        return len(self.cols)

    @property
    def rows(self) -> NDArray[np.int32]:
        """int32[nnz], the row of every nonzero, relative to the first row."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))


def add_up(
    indptr: NDArray[np.int64],
    cols: NDArray[np.int32],
    units: NDArray[np.int64],
    num_cols: int,
) -> Run:
    """Add the entries of each row with the same column, and sort them.

    There is no comparison sort: duplicates of a row are added in a dense row of sums, and two
    counting transpositions sort the columns.

    Parameters
    ----------
    indptr
        int64[rows + 1], the start of the entries of each row; the first is 0.
    cols, units
        The entries, row after row, in any order within a row.
    """
    shape = (len(indptr) - 1, num_cols)
    entries = csr_array((units, cols, indptr.astype(np.int32)), shape=shape)
    # add nothing: the compiled sum accepts rows with duplicates, and returns rows without
    sums = entries + csr_array(shape, dtype=np.int64)
    ordered = sums.tocsc().T.tocsc().T
    return Run(ordered.indptr.astype(np.int64), ordered.indices, ordered.data)


def stack_rows(runs: Sequence[Run]) -> Run:
    """Concatenate runs of consecutive rows, in the smallest type of units."""
    lengths = np.concatenate([[0], *(np.diff(run.indptr) for run in runs)])
    units = np.concatenate([run.units for run in runs])
    if not len(units) or units.max() <= np.iinfo(np.int32).max:
        units = units.astype(np.int32)
    return Run(np.cumsum(lengths), np.concatenate([run.cols for run in runs]), units)


def merge_two(first: Run, second: Run) -> Run:
    """Add two runs of the same rows."""
    if not first.nnz or not second.nnz:
        return first if first.nnz else second
    merged = _as_csr(first) + _as_csr(second)
    return Run(merged.indptr.astype(np.int64), merged.indices, merged.data)


class RunStack:
    """Runs of the same rows that are added.

    Merging two stacks is associative and commutative in the result of `merged`, so it can be the
    function of a reduce.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs: list[Run] = []
        for run in runs:
            self.push(run)

    def push(self, run: Run) -> None:
        """Add a run; merge while the last two have similar sizes."""
        self._runs.append(run)
        while len(self._runs) > 1 and self._runs[-2].nnz < 2 * self._runs[-1].nnz:
            last = self._runs.pop()
            self._runs.append(merge_two(self._runs.pop(), last))

    def absorb(self, other: RunStack) -> RunStack:
        """Add the runs of another stack and return this one."""
        for run in other._runs:
            self.push(run)
        return self

    def merged(self) -> Run:
        """Merge all runs into one, which replaces them in the stack."""
        while len(self._runs) > 1:
            last = self._runs.pop()
            self._runs.append(merge_two(self._runs.pop(), last))
        return self._runs[0]


def cut_rows(
    counts: NDArray[np.int64], window_size: int, *, symmetric: bool, target: int
) -> NDArray[np.int64]:
    """Divide the rows into blocks of about ``target`` expected nonzeros.

    If words occurred at random, words i and j would co-occur about ``m_ij = neighbours * c_i * c_j
    / N`` times, and ``min(1, m_ij)`` is an upper bound on the expected number of their nonzeros.
    Real text has fewer, because words co-occur with the same words again. The result depends only
    on the vocabulary and the settings, exactly: there are only additions in a fixed order,
    multiplications and comparisons.

    Parameters
    ----------
    counts
        int64[V], the count of each word, descending.

    Returns
    -------
    numpy.ndarray
        int64[blocks + 1], the first row of every block, and V.

    >>> cut_rows(np.array([8, 4, 2, 1, 1]), 2, symmetric=True, target=5).tolist()
    [0, 1, 2, 5]
    """
    size = len(counts)
    total = float(sum(counts.tolist()))
    neighbors = (2.0 if symmetric else 1.0) * window_size
    rows = np.arange(size)
    expected = np.zeros(size)
    edges = sorted({*range(min(size, COUNT_BINS)), *_geometric(size, COUNT_BINS), size})
    for start, stop in itertools.pairwise(edges):
        middle = float(counts[(start + stop) // 2])
        meetings = np.minimum(1.0, counts * (neighbors * middle / total))
        # in a symmetric matrix, row i has the columns from i on
        columns = np.clip(stop - np.maximum(rows, start), 0, None) if symmetric else stop - start
        expected += meetings * columns
    filled = np.cumsum(expected)
    blocks = int(filled[-1] // target) + 1
    inner = np.searchsorted(filled, np.arange(1, blocks) * (filled[-1] / blocks), side="left") + 1
    return np.unique(np.concatenate([[0], np.minimum(inner, size), [size]]))


def _geometric(size: int, steps: int) -> list[int]:
    """Return ranks from 1 to ``size`` that grow by a constant factor, with integers only."""
    ranks, rank = [], 1
    while rank < size:
        ranks.append(rank)
        rank += max(1, rank * 16 // steps)
    return ranks


def _as_csr(run: Run) -> csr_array:
    index_type = np.int32 if run.nnz <= np.iinfo(np.int32).max else np.int64
    matrix = csr_array(
        (
            run.units.astype(np.int64, copy=False),
            run.cols.astype(index_type, copy=False),
            run.indptr.astype(index_type),
        ),
        shape=(len(run.indptr) - 1, np.iinfo(np.int32).max),
        copy=False,
    )
    # runs are sorted and without duplicates by construction; a check would read them again
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix
