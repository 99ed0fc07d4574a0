"""The P x P grid of cells that the V x V co-occurrence matrix is divided into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Cell = tuple[int, int]

FULL_CELL = 2_000_000
"""A cell of this many nonzeros keeps a core busy for a second or more, so that a round of training
has time to start hundreds of tasks (docs/SCALE.md)."""

MOST_FOR_CORES = 128
"""The largest number of blocks that is chosen only to give every core one. More of them have too
few nonzeros per cell, unless the matrix is large (docs/SCALE.md)."""


@dataclass(frozen=True)
class BlockGrid:
    """Divide the V x V matrix into P x P cells by id modulo P.

    Ids are frequency ranks, so every block gets a share of the frequent words, and is in the order
    of frequency inside. V need not be a multiple of P; if P > V, some blocks are empty.

    Parameters
    ----------
    vocabulary_size
        V, the number of words; at least 1.
    num_blocks
        P, the number of row blocks and of column blocks; at least 1.

    Examples
    --------
    >>> grid = BlockGrid(vocabulary_size=5, num_blocks=2)
    >>> grid.locate(row_id=4, col_id=1)        # cell (0, 1), local (2, 0)
    ((0, 1), (2, 0))
    >>> list(grid.strata())                    # no shared row or column in a stratum
    [[(0, 0), (1, 1)], [(0, 1), (1, 0)]]
    >>> [grid.block_size(block) for block in range(2)]
    [3, 2]
    """

    vocabulary_size: int
    num_blocks: int

    def __post_init__(self) -> None:
        if self.vocabulary_size < 1:
            raise ValueError(
                f"vocabulary_size={self.vocabulary_size} must be at least 1; "
                "lower min_count or check the tokenizer"
            )
        if self.num_blocks < 1:
            raise ValueError(
                f"num_blocks={self.num_blocks} must be at least 1; "
                "use the number of cores that train at once"
            )

    def locate(self, row_id: int, col_id: int) -> tuple[Cell, tuple[int, int]]:
        """Return the cell of a nonzero and its (row, column) inside that cell."""
        for name, word_id in (("row_id", row_id), ("col_id", col_id)):
            if not 0 <= word_id < self.vocabulary_size:
                raise ValueError(
                    f"{name}={word_id} is outside 0..{self.vocabulary_size - 1}; "
                    "use ids of the vocabulary that the grid was made for"
                )
        p = self.num_blocks
        return (row_id % p, col_id % p), (row_id // p, col_id // p)

    def block_of(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return the block of each id, int64, shape of `ids`."""
        return np.asarray(ids, dtype=np.int64) % self.num_blocks

    def local_of(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return the position of each id in its block, int64, shape of `ids`."""
        return np.asarray(ids, dtype=np.int64) // self.num_blocks

    def block_size(self, block: int) -> int:
        """Return the number of words in a block; 0 for an empty block if P > V."""
        self._check_block(block)
        return len(range(block, self.vocabulary_size, self.num_blocks))

    def global_ids(self, block: int) -> NDArray[np.int64]:
        """Return the ids of a block by local position, int64 (block_size,), ascending."""
        self._check_block(block)
        return np.arange(block, self.vocabulary_size, self.num_blocks, dtype=np.int64)

    def strata(self) -> Iterator[list[Cell]]:
        """Yield P strata of P cells: together all cells, each without a shared block."""
        for shift in range(self.num_blocks):
            yield [(p, (p + shift) % self.num_blocks) for p in range(self.num_blocks)]

    def stored_cells(self, *, symmetric: bool) -> list[Cell]:
        """List the cells that are stored: for a symmetric matrix, those with p <= q.

        Cells off the diagonal come first, because in a symmetric matrix they are twice as large.

        >>> BlockGrid(vocabulary_size=5, num_blocks=2).stored_cells(symmetric=True)
        [(0, 1), (0, 0), (1, 1)]
        """
        blocks = range(self.num_blocks)
        cells = [(p, q) for p in blocks for q in blocks if p <= q or not symmetric]
        return sorted(cells, key=lambda cell: cell[0] == cell[1])

    def _check_block(self, block: int) -> None:
        if not 0 <= block < self.num_blocks:
            raise ValueError(
                f"block={block} is outside 0..{self.num_blocks - 1}; "
                "blocks are numbered from 0 to num_blocks - 1"
            )
