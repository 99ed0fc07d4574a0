"""The words of a cell while it is trained: tables of both sides that batches gather from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.cells import LARGEST_TILE, Batch, Tiles
from glove_spark.kernels.parameters import Parameters

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


class Words(NamedTuple):
    """What is known of n words, of both sides, all float32.

    An array a number, rather than a row of numbers a word: what is done to all words' is one pass.

    Attributes
    ----------
    values
        (n, d + 2): ``[w, b, 1]`` on the word side and ``[u, 1, c]`` on the context side, so that a
        product of the two is ``w.u + b + c`` and a gradient comes with its bias's.
    vector_gradsq, bias_gradsq
        (n,) or (n, d), and (n,): the accumulators.
    log_weight
        (n,): the words' part of the logarithm of f.
    """

    values: Float32
    vector_gradsq: Float32
    bias_gradsq: Float32
    log_weight: Float32


class CellWords:
    """The words of a cell's row block and column block, in one set of tables.

    Each side is padded to whole tiles by words that no nonzero has.

    Parameters
    ----------
    rows, columns
        Copied; `store` writes back to them.
    row_log_weight, col_log_weight
        float32, the words' part of the logarithm of f; one number for all serves too.
    """

    def __init__(
        self,
        rows: Parameters,
        columns: Parameters,
        row_log_weight: Float32,
        col_log_weight: Float32,
    ) -> None:
        self._sides = rows, columns
        sizes = [-(-len(side.biases) // LARGEST_TILE) * LARGEST_TILE for side in self._sides]
        self._starts, padded = (0, sizes[0]), sum(sizes)
        d = self.vector_size = int(rows.vectors.shape[1])
        self.tables = Words(
            values=np.zeros((padded, d + 2), dtype=np.float32),
            vector_gradsq=np.ones((padded, *rows.vector_gradsq.shape[1:]), dtype=np.float32),
            bias_gradsq=np.ones(padded, dtype=np.float32),
            log_weight=np.zeros(padded, dtype=np.float32),
        )
        for k, log_weight in enumerate((row_log_weight, col_log_weight)):
            block, parameters = self._block(k), self._sides[k]
            block.values[:, :d] = parameters.vectors
            block.values[:, self.bias_at(k)] = parameters.biases
            block.values[:, self.bias_at(1 - k)] = 1
            block.vector_gradsq[...] = parameters.vector_gradsq
            block.bias_gradsq[...] = parameters.bias_gradsq
            block.log_weight[...] = log_weight

    def bias_at(self, side: int) -> int:
        """Return the column of `values` with the biases of side 0, words, or 1, contexts.

        The other side has the constant 1 there.
        """
        return self.vector_size + side

    def store(self) -> None:
        """Write the tables back to the parameters that they were made from."""
        for k, parameters in enumerate(self._sides):
            block = self._block(k)
            parameters.vectors[...] = block.values[:, : self.vector_size]
            parameters.biases[...] = block.values[:, self.bias_at(k)]
            parameters.vector_gradsq[...] = block.vector_gradsq
            parameters.bias_gradsq[...] = block.bias_gradsq

    def ids(self, batch: Batch, *, turned: bool) -> Int32:
        """Return where the tables have a batch's rows and then its columns.

        Of tiles, they number runs of as many words as a tile has rows. ``turned`` batches have the
        column block's words for rows.
        """
        first, second = self._starts[::-1] if turned else self._starts
        run = batch.log_count.shape[1] if isinstance(batch, Tiles) else 1
        ids = np.concatenate([batch.row_ids, batch.col_ids])
        ids[: len(batch.row_ids)] += first // run
        ids[len(batch.row_ids) :] += second // run
        return ids

    def gather(self, ids: Int32, words: Words) -> None:
        """Copy words of the tables; ids are of words, or of runs of words, to fill the output."""
        run = len(words.log_weight) // len(ids)
        for table, out in zip(self.tables, words, strict=True):
            _in_runs(table, run).take(ids, 0, _in_runs(out, run), "clip")

    def scatter(self, ids: Int32, words: Words) -> None:
        """Write what `gather` gave back, all but the weights, which do not change."""
        run = len(words.log_weight) // len(ids)
        for table, changed in zip(self.tables[:3], words[:3], strict=True):
            _in_runs(table, run)[ids] = _in_runs(changed, run)

    def _block(self, side: int) -> Words:
        start = self._starts[side]
        block = slice(start, start + len(self._sides[side].biases))
        return Words(*(table[block] for table in self.tables))


def _in_runs(table: Float32, run: int) -> Float32:
    return table if run == 1 else table.reshape(-1, run, *table.shape[1:])
