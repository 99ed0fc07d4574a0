"""The nonzeros of one cell in batches, made once and used in every epoch.

A batch consists of leaves that share no row and no column. If the leaves are dense, the batch is a
stack of *tiles*, small dense matrices; otherwise it is one CSR matrix over its own rows and
columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

ABSENT = np.float32(-1e30)
"""``ln x`` of an entry without a nonzero: its f is 0, and also 0 times its residual."""

LARGEST_TILE = 256
"""The largest side of a tile, a power of two."""

JOINT_PLACES = 1 << 16
"""The largest number of entries of a mirrored batch of tiles that is visited together with its
transpose. Every visit takes at least 50 microseconds; larger batches would not stay in the
cache."""


class Tiles(NamedTuple):
    """A batch of T dense tiles of s x s; s is a power of two.

    Attributes
    ----------
    row_ids, col_ids
        int32 (T,): tile t has the local rows from ``row_ids[t] * s`` on, and similarly columns. The
        last ones may be beyond the block; they have no nonzeros.
    log_count
        float32 (T, s, s): natural logarithms of counts, `ABSENT` for entries without a nonzero.
    """

    row_ids: Int32
    col_ids: Int32
    log_count: Float32

    def nonzeros(self) -> tuple[Int64, Int64, Float32]:
        """Return local row, local column and log count of each nonzero."""
        tile, row, col = np.nonzero(self.log_count != ABSENT)
        side = self.log_count.shape[1]
        return (
            self.row_ids[tile].astype(np.int64) * side + row,
            self.col_ids[tile].astype(np.int64) * side + col,
            self.log_count[tile, row, col],
        )

    def with_transpose(self) -> Tiles:
        """Return the tiles followed by their transposes."""
        return Tiles(
            np.concatenate([self.row_ids, self.col_ids]),
            np.concatenate([self.col_ids, self.row_ids]),
            np.concatenate([self.log_count, self.log_count.transpose(0, 2, 1)]),
        )


class Sparse(NamedTuple):
    """A batch as a CSR matrix over the rows and columns that have nonzeros.

    Attributes
    ----------
    row_ids, col_ids
        int32 (n,) and (m,): local rows and columns, m at most 65,536.
    row_ptr
        int32 (n + 1,), begins with 0.
    col_index
        uint16 (nnz,): the position of each nonzero's column in `col_ids`, ascending within a row.
    log_count
        float32 (nnz,): natural logarithms of counts.
    """

    row_ids: Int32
    col_ids: Int32
    row_ptr: Int32
    col_index: NDArray[np.uint16]
    log_count: Float32

    def nonzeros(self) -> tuple[Int64, Int64, Float32]:
        """Return local row, local column and log count of each nonzero."""
        rows = np.repeat(self.row_ids, np.diff(self.row_ptr)).astype(np.int64)
        return rows, self.col_ids[self.col_index].astype(np.int64), self.log_count


Batch = Tiles | Sparse


@dataclass(frozen=True)
class Lists:
    """Concatenated arrays of different lengths, one per batch: `offsets` int64 (batches + 1,)."""

    offsets: Int64
    values: NDArray[Any]

    @classmethod
    def of_lengths(cls, lengths: Int64, dtype: type[np.generic]) -> Lists:
        """Return arrays of these lengths with undefined contents."""
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return cls(offsets, np.empty(offsets[-1], dtype=dtype))

    def followed_by(self, other: Lists) -> Lists:
        """Return the arrays of both."""
        return Lists(
            np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]]),
            np.concatenate([self.values, other.values]),
        )

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return the array of batch k, a view."""
        return self.values[int(self.offsets[k]) : int(self.offsets[k + 1])]


@dataclass(frozen=True)
class BatchedCell:
    """The batches of one cell, packed in flat arrays.

    Attributes
    ----------
    side
        int32 (batches,): s of `Tiles`, 0 of a `Sparse` batch.
    nnz
        int32 (batches,): nonzeros.
    mirrored
        bool (batches,): whether the batch also represents its transpose, as in a cell on the
        diagonal of a symmetric matrix, of which one triangle is stored.
    row_ids, col_ids, row_ptr, col_index, log_count
        The arrays of `Tiles` and `Sparse`, batch after batch; tiles have no `row_ptr`, `col_index`.
    """

    side: Int32
    nnz: Int32
    mirrored: NDArray[np.bool_]
    row_ids: Lists
    col_ids: Lists
    row_ptr: Lists
    col_index: Lists
    log_count: Lists

    @classmethod
    def empty(cls) -> BatchedCell:
        """Return a cell without nonzeros."""
        no = np.zeros(0, dtype=np.int64)
        kinds = (np.int32, np.int32, np.int32, np.uint16, np.float32)
        return cls(
            no.astype(np.int32),
            no.astype(np.int32),
            no.astype(np.bool_),
            *(Lists.of_lengths(no, kind) for kind in kinds),
        )

    def as_mirrored(self) -> BatchedCell:
        """Return the cell with every batch mirrored."""
        return replace(self, mirrored=np.ones(self.num_batches, dtype=np.bool_))

    def followed_by(self, other: BatchedCell) -> BatchedCell:
        """Return the batches of both."""
        joined: dict[str, Any] = {
            name: mine.followed_by(getattr(other, name))
            if isinstance(mine, Lists)
            else np.concatenate([mine, getattr(other, name)])
            for name, mine in vars(self).items()
        }
        return BatchedCell(**joined)

    @property
    def num_batches(self) -> int:
        """Number of batches, 0 for an empty cell."""
        return len(self.side)

    @property
    def total_nnz(self) -> int:
        """The number of nonzeros; those of mirrored batches count twice."""
        return int(self.nnz.sum(dtype=np.int64) + self.nnz[self.mirrored].sum(dtype=np.int64))

    def batch(self, k: int) -> Batch:
        """Return batch k as views."""
        row_ids, col_ids, log_count = self.row_ids[k], self.col_ids[k], self.log_count[k]
        side = int(self.side[k])
        if side:
            return Tiles(row_ids, col_ids, log_count.reshape(-1, side, side))
        return Sparse(row_ids, col_ids, self.row_ptr[k], self.col_index[k], log_count)

    def visits(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Batch, bool]]:
        """Yield every batch and whether its transpose is meant.

        A mirrored batch is visited twice, or once together with its transpose. `rng` draws the
        order; None keeps the order of the file.
        """
        joint = self._joint()
        again = np.flatnonzero(self.mirrored & ~joint)
        number = np.concatenate([np.arange(self.num_batches), again])
        for visit in np.arange(len(number)) if rng is None else rng.permutation(len(number)):
            k, transposed = int(number[visit]), bool(visit >= self.num_batches)
            batch = self.batch(k)
            if joint[k] and isinstance(batch, Tiles):
                batch = batch.with_transpose()
            yield batch, transposed

    @property
    def num_visits(self) -> int:
        """The number of batches that `visits` yields."""
        return self.num_batches + int(np.count_nonzero(self.mirrored & ~self._joint()))

    def _joint(self) -> NDArray[np.bool_]:
        """Return which mirrored batches are visited together with their transposes.

        They are small batches of tiles in which no tile's rows are columns of another: such a batch
        and its transpose have no parameter in common, so one visit is the same as two.
        """
        few = np.diff(self.log_count.offsets) <= JOINT_PLACES
        joint = self.mirrored & (self.side > 0) & few
        if not joint.any():
            return joint
        places = []
        for ids in (self.row_ids, self.col_ids):
            batch = np.repeat(np.arange(self.num_batches), np.diff(ids.offsets))
            inside = joint[batch]
            places.append(batch[inside] << 32 | ids.values[inside])
        rows, cols = places
        joint[rows[np.isin(rows, cols)] >> 32] = False
        return joint

    def nonzeros(self) -> Iterator[tuple[Int64, Int64, Float32]]:
        """Yield local rows, local columns and log counts of every visit's nonzeros."""
        for batch, transposed in self.visits():
            rows, cols, log_count = batch.nonzeros()
            yield (cols, rows, log_count) if transposed else (rows, cols, log_count)
