"""Initialize words that the other model does not have with the average of their contexts.

The parameters of words that are known stay as they are. A new word's vector is the mean of the
vectors of the words it occurs with, of its own side, weighted by f(x); its bias is the one that
fits its nonzeros best with that vector::

    w = sum f w_j / sum f        b = sum f (ln x - w . u_j - c_j) / sum f

over the known contexts j, whose own-side vectors are ``w_j``, and whose vectors and biases of the
other side are ``u_j`` and ``c_j``.
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
    """Sums over the contexts of a block's new words, cell by cell.

    Parameters
    ----------
    is_new
        bool (n,), which words of the block are new.
    vector_size
        d.
    objective
        Whose weight f is meant.
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
        """Add what a cell has of the new words.

        Parameters
        ----------
        cell
            Its rows are the block's words; ``transposed``, its columns are.
        is_known
            bool (m,), which words of the other dimension are known.
        own, other
            Their parameters, of the new words' side and of the other one; those of words that are
            not known are not looked at.
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
        """Set vectors and biases of the new words; those without a known context stay."""
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
        # the last tile may reach beyond the block
        ids = ids[ids < size]
    return ids
