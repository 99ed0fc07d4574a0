"""Collect the facts of the co-occurrence matrix from tasks, and check them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import DatasetError, InputError
from glove_spark.kernels.counting.runs import Run
from glove_spark.kernels.counting.windows import Weights
from glove_spark.settings.stages import CooccurrenceSettings


class Tally(NamedTuple):
    """Counts of a task: tokens, tokens that have an id, and pairs at every distance."""

    tokens: int
    tokens_in_vocabulary: int
    pairs: NDArray[np.int64]

    @classmethod
    def nothing(cls, window_size: int) -> Tally:
        """Return the tally of no text."""
        return cls(0, 0, np.zeros(window_size, np.int64))

    def plus(self, other: Tally) -> Tally:
        """Add two tallies."""
        return Tally(
            self.tokens + other.tokens,
            self.tokens_in_vocabulary + other.tokens_in_vocabulary,
            self.pairs + other.pairs,
        )


class BlockFacts(NamedTuple):
    """The description of a written block of rows, for the driver."""

    block: int
    nnz: int
    diagonal_nnz: int
    units: int
    diagonal_units: int
    largest: int
    largest_at: tuple[int, int]
    tally: Tally


def block_facts(block: int, run: Run, first_row: int, tally: Tally) -> BlockFacts:
    """Describe a block of rows; ``run`` contains its counts."""
    if not run.nnz:
        return BlockFacts(block, 0, 0, 0, 0, 0, (0, 0), tally)
    rows = run.rows + first_row
    diagonal = run.units[rows == run.cols]
    largest = int(np.argmax(run.units))
    return BlockFacts(
        block,
        run.nnz,
        len(diagonal),
        exact_sum(run.units),
        exact_sum(diagonal),
        int(run.units[largest]),
        (int(rows[largest]), int(run.cols[largest])),
        tally,
    )


def exact_sum(units: NDArray[Any]) -> int:
    """Sum without overflow, by adding the halves of the numbers separately."""
    wide = units.astype(np.int64, copy=False)
    return (int((wide >> 32).sum()) << 32) + int((wide & 0xFFFFFFFF).sum())


def matrix_facts(
    written: Sequence[BlockFacts],
    settings: CooccurrenceSettings,
    weights: Weights,
    vocabulary_size: int,
) -> dict[str, Any]:
    """Return the facts for the manifest, and compare the sum of the matrix with the pairs.

    Raises
    ------
    InputError
        If no two words of the vocabulary co-occur.
    DatasetError
        If counts were lost or counted twice.
    """
    sides = 2 if settings.symmetric else 1
    tally = written[0].tally
    for block in written[1:]:
        tally = tally.plus(block.tally)
    stored = sum(block.nnz for block in written)
    diagonal = sum(block.diagonal_nnz for block in written)
    units = sum(block.units for block in written)
    if settings.symmetric:
        units = 2 * units - sum(block.diagonal_units for block in written)
    if stored == 0:
        raise InputError(
            f"window_size={settings.window_size}: no two words of the vocabulary co-occur in "
            f"{tally.tokens:,} tokens; check the tokenizer, and that documents have several words"
        )
    expected = sides * sum(
        int(pairs) * int(unit) for pairs, unit in zip(tally.pairs, weights.units, strict=True)
    )
    if units != expected:
        raise DatasetError(
            f"the counts sum to {units:,} units but the pairs to {expected:,}; this is a bug or "
            "failing hardware; run the stage again"
        )
    largest = max(written, key=lambda block: block.largest)
    return {
        "vocabulary_size": vocabulary_size,
        "nnz_stored": stored,
        "nnz": 2 * stored - diagonal if settings.symmetric else stored,
        "nnz_diagonal": diagonal,
        "tokens": tally.tokens,
        "tokens_in_vocabulary": tally.tokens_in_vocabulary,
        "pairs": int(tally.pairs.sum()),
        "unit": weights.unit,
        "weights_exact": weights.exact,
        # JSON readers may store numbers as doubles, which would round this one
        "sum_of_units": str(units),
        "sum_of_counts": units / weights.unit,
        "largest_count": largest.largest / weights.unit,
        "largest_count_at": list(largest.largest_at),
        "blocks_of_rows": len(written),
    }
