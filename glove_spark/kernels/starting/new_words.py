"""Initialize words that the other model does not have with the average of their contexts.

The parameters of known words do not change. The vector of a new word is the mean of the vectors, on
its own side, of the words with which it co-occurs, weighted by f(x). Its bias is the one that fits
its nonzeros best with this vector::

    w = sum f w_j / sum f        b = sum f (ln x - w . u_j - c_j) / sum f

The sums are over known contexts j. Their vectors on the same side are ``w_j``; their vectors and
biases on the other side are ``u_j`` and ``c_j``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from glove_spark.kernels.blocks.cells import Batch, BatchedCell, Tiles
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.parameters import Parameters

Float64 = NDArray[np.float64]
Flags = NDArray[np.bool_]


class ContextAverage:
    """Sums over the contexts of the new words of a block, cell by cell.

    Parameters
    ----------
    is_new
        bool (n,), which words of the block are new.
    vector_size
        d.
    objective
        The objective, for its weight f.
    """

    def __init__(self, is_new: Flags, vector_size: int, objective: Objective) -> None:
        self._is_new = is_new
        self._row_of = np.cumsum(is_new) - 1
        count = int(is_new.sum())
        self._weight = np.zeros(count)
        self._vectors = np.zeros((count, vector_size))
        self._others = np.zeros((count, vector_size))
        self._logs = np.zeros(count)
        self._objective = objective

    def add(
        self,
        cell: BatchedCell,
        is_known: Flags,
        own: Parameters,
        other: Parameters,
        *,
        transposed: bool,
    ) -> None:
        """Add the contexts of new words in a cell.

        Parameters
        ----------
        cell
            A cell whose rows are the words of the block, or its columns if ``transposed``.
        is_known
            bool (m,), which words of the other axis are known.
        own, other
            Their parameters on the side of the new words and on the other side; those of unknown
            words are not used.
        """
        for batch, mirrored in cell.visits():
            swapped = mirrored != transposed
            if not self._is_new[_ids_in(batch, len(self._is_new), swapped)].any():
                continue
            rows, cols, logs = batch.nonzeros()
            words, contexts = (cols, rows) if swapped else (rows, cols)
            chosen = self._is_new[words] & is_known[contexts]
            words, contexts, log = self._row_of[words[chosen]], contexts[chosen], logs[chosen]
            weight = self._objective.weights(log).astype(np.float64)
            used, place = np.unique(contexts, return_inverse=True)
            shape = (len(self._weight), len(used))
            sums = csr_array((weight, (words, place)), shape=shape)
            self._weight += np.bincount(words, weight, shape[0])
            self._vectors += sums @ own.vectors[used].astype(np.float64)
            self._others += sums @ other.vectors[used].astype(np.float64)
            self._logs += np.bincount(words, weight * (log - other.biases[contexts]), shape[0])

    def apply(self, parameters: Parameters) -> None:
        """Set vectors and biases of the new words; words without a known context do not change."""
        found = self._weight > 0
        weight = self._weight[found]
        vectors = self._vectors[found] / weight[:, None]
        fitted = np.einsum("nd,nd->n", vectors, self._others[found])
        places = np.flatnonzero(self._is_new)[found]
        parameters.vectors[places] = vectors
        parameters.biases[places] = (self._logs[found] - fitted) / weight


def _ids_in(batch: Batch, size: int, swapped: bool) -> NDArray[np.integer]:
    """Return the local rows (or columns) that a batch may have nonzeros in."""
    ids = batch.col_ids if swapped else batch.row_ids
    if isinstance(batch, Tiles):
        side = batch.log_count.shape[1]
        ids = (ids[:, None].astype(np.int64) * side + np.arange(side)).ravel()
        # the last tile may extend beyond the block
        ids = ids[ids < size]
    return ids
