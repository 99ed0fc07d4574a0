"""The parameters of the words of a cell during training: tables for the batches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.cells import LARGEST_TILE, Batch, Tiles
from glove_spark.kernels.training.parameters import Parameters

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


class Words(NamedTuple):
    """The numbers of n words of both sides, float32.

    Attributes
    ----------
    values
        (n, d + 2): ``[w, b, 1]`` on the word side and ``[u, 1, c]`` on the context side, so that
        their product is ``w.u + b + c``, and a gradient includes that of the bias.
    numbers
        (2, n) to (5, n): the word's part of the logarithm of f, the accumulator of the bias, that
        of the vector if there is one, and up to two sums over the cell (`CellWords`). There is one
        array per quantity, so that an operation on all words is one pass.
    elements
        (n, d): the accumulators of the vector, if it has one per coordinate, or Adam's state;
        otherwise None.
    """

    values: Float32
    numbers: Float32
    elements: Float32 | None

    def part(self, which: slice) -> Words:
        """Return some of the words, as views."""
        elements = None if self.elements is None else self.elements[which]
        return Words(self.values[which], self.numbers[:, which], elements)

    def in_runs(self, run: int) -> Words:
        """Return views with words in groups of ``run``: (n / run, run, d + 2) and so on."""
        if run == 1:
            return self
        values, numbers, elements = self
        return Words(
            values.reshape(-1, run, values.shape[1]),
            numbers.reshape(len(numbers), -1, run),
            None if elements is None else elements.reshape(-1, run, elements.shape[1]),
        )


class CellWords:
    """The words of the row block and column block of a cell, in the same tables.

    Each side is padded to complete tiles with words without nonzeros.

    Parameters
    ----------
    rows, columns
        They are copied; `store` writes back to them.
    row_log_weight, col_log_weight
        float32, the words' part of the logarithm of f; or one number for all.
    num_sums
        How many further numbers each word has, sums over the batches, which start at 0. They are
        the last ones of `Words.numbers`, and `store` does not write them.
    """

    def __init__(
        self,
        rows: Parameters,
        columns: Parameters,
        row_log_weight: Float32,
        col_log_weight: Float32,
        num_sums: int = 0,
    ) -> None:
        self._sides, self.num_sums = (rows, columns), num_sums
        sizes = [-(-len(side.biases) // LARGEST_TILE) * LARGEST_TILE for side in self._sides]
        self._starts, padded = (0, sizes[0]), sum(sizes)
        d = self.vector_size = int(rows.vectors.shape[1])
        by_element = rows.vector_gradsq.ndim == 2
        width = rows.vector_gradsq.shape[-1]
        num_numbers = 2 if by_element else 3
        self.tables = Words(
            values=np.zeros((padded, d + 2), dtype=np.float32),
            numbers=np.ones((num_numbers + num_sums, padded), dtype=np.float32),
            elements=np.ones((padded, width), dtype=np.float32) if by_element else None,
        )
        self.tables.numbers[num_numbers:] = 0
        self._in_runs: dict[int, Words] = {}
        for k, log_weight in enumerate((row_log_weight, col_log_weight)):
            block, parameters = self.block(k), self._sides[k]
            block.values[:, :d] = parameters.vectors
            block.values[:, self.bias_at(k)] = parameters.biases
            block.values[:, self.bias_at(1 - k)] = 1
            block.numbers[0] = log_weight
            block.numbers[1] = parameters.bias_gradsq
            _vector_gradsq(block)[...] = parameters.vector_gradsq

    def bias_at(self, side: int) -> int:
        """Return the column of `values` with the biases of side 0 (words) or 1 (contexts).

        The other side has the constant 1 in this column.
        """
        return self.vector_size + side

    def block(self, side: int) -> Words:
        """Return views of side 0 (words) or 1 (contexts)."""
        start = self._starts[side]
        return self.tables.part(slice(start, start + len(self._sides[side].biases)))

    def sums(self, side: int) -> Float32:
        """Return the sums of side 0 (words) or 1 (contexts), a view, (num_sums, n)."""
        numbers = self.block(side).numbers
        return numbers[len(numbers) - self.num_sums :]

    def store(self) -> None:
        """Write the tables back to the original parameters."""
        for k, parameters in enumerate(self._sides):
            block = self.block(k)
            parameters.vectors[...] = block.values[:, : self.vector_size]
            parameters.biases[...] = block.values[:, self.bias_at(k)]
            parameters.bias_gradsq[...] = block.numbers[1]
            parameters.vector_gradsq[...] = _vector_gradsq(block)

    def ids(self, batch: Batch, *, turned: bool) -> Int32:
        """Return the positions in the tables of the rows and then the columns of a batch.

        For tiles, a position is that of a group of as many words as a tile has rows. The rows of
        ``turned`` batches are words of the column block.
        """
        run = batch.log_count.shape[1] if isinstance(batch, Tiles) else 1
        ids = np.concatenate([batch.row_ids, batch.col_ids])
        of_columns = ids[: len(batch.row_ids)] if turned else ids[len(batch.row_ids) :]
        of_columns += self._starts[1] // run
        return ids

    def gather(self, ids: Int32, words: Words) -> None:
        """Copy words of the tables; ids are those of words, or of groups of words."""
        run = words.numbers.shape[1] // len(ids)
        tables, outputs = self._tables_in_runs(run), words.in_runs(run)
        tables.values.take(ids, 0, outputs.values, "clip")
        tables.numbers.take(ids, 1, outputs.numbers, "clip")
        if tables.elements is not None:
            tables.elements.take(ids, 0, outputs.elements, "clip")

    def scatter(self, ids: Int32, words: Words) -> None:
        """Write the output of `gather` back."""
        run = words.numbers.shape[1] // len(ids)
        tables, changed = self._tables_in_runs(run), words.in_runs(run)
        tables.values[ids] = changed.values
        tables.numbers[:, ids] = changed.numbers
        if tables.elements is not None:
            tables.elements[ids] = changed.elements

    def _tables_in_runs(self, run: int) -> Words:
        if run not in self._in_runs:
            self._in_runs[run] = self.tables.in_runs(run)
        return self._in_runs[run]


def _vector_gradsq(words: Words) -> Float32:
    return words.numbers[2] if words.elements is None else words.elements
