"""Choose nonzeros that training does not use, and compute their cost."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.hashing import mixed
from glove_spark.kernels.training.objective import NO_TERMS, Objective, WordTerms
from glove_spark.kernels.training.parameters import Parameters

PIECE_FLOATS = 1 << 22
"""Numbers gathered at once for each side, 16 MB."""


class HeldOut(NamedTuple):
    """The held-out nonzeros of one cell.

    Attributes
    ----------
    rows, cols
        uint32 (nnz,), local ids.
    log_counts
        float32 (nnz,), natural logarithms of the counts.
    """

    rows: NDArray[np.uint32]
    cols: NDArray[np.uint32]
    log_counts: NDArray[np.float32]

    def transposed(self) -> HeldOut:
        """Return the nonzeros of the transposed cell."""
        return HeldOut(self.cols, self.rows, self.log_counts)

    def chosen(self, mask: NDArray[np.bool_]) -> HeldOut:
        """Return some of the nonzeros."""
        return HeldOut(self.rows[mask], self.cols[mask], self.log_counts[mask])


def is_held_out(
    row_ids: NDArray[np.integer[Any]], col_ids: NDArray[np.integer[Any]], share: float
) -> NDArray[np.bool_]:
    """Choose about `share` of the nonzeros by a hash of their ids (SplitMix64).

    The choice does not depend on partitions, blocks or the seed of training.

    >>> is_held_out(np.arange(10), np.arange(10), 0.3).sum()
    np.int64(6)
    """
    key = row_ids.astype(np.uint64) << np.uint64(32) | col_ids.astype(np.uint64)
    return mixed(key) < np.uint64(share * 2**64)


class HeldOutCost(NamedTuple):
    """The cost of held-out nonzeros.

    Attributes
    ----------
    observed
        ``sum 0.5 f r^2``.
    unobserved
        ``sum 0.5 nu g_i g_j / G (w_i . u_j)^2``, the second term over these pairs.
    """

    observed: float
    unobserved: float


def cost_of(
    held_out: HeldOut,
    rows: Parameters,
    columns: Parameters,
    objective: Objective,
    row_terms: WordTerms = NO_TERMS,
    col_terms: WordTerms = NO_TERMS,
) -> HeldOutCost:
    """Return the sums of both terms over the nonzeros; the arguments are as in `train_cell`."""
    observed = unobserved = 0.0
    piece = max(1, PIECE_FLOATS // rows.vectors.shape[1])
    for start in range(0, len(held_out.rows), piece):
        inside = slice(start, start + piece)
        i, j, log_counts = held_out.rows[inside], held_out.cols[inside], held_out.log_counts[inside]
        inner = np.einsum("ij,ij->i", rows.vectors[i], columns.vectors[j])
        r = inner + rows.biases[i] + columns.biases[j] - log_counts
        if row_terms.log_keep is not None and col_terms.log_keep is not None:
            log_counts = log_counts + row_terms.log_keep[i] + col_terms.log_keep[j]
        observed += 0.5 * float(np.dot(objective.weights(log_counts), r * r))
        if row_terms.share is not None and col_terms.share is not None:
            pull = row_terms.share[i] * col_terms.share[j]
            unobserved += 0.5 * objective.unobserved * float(np.dot(pull, inner * inner))
    return HeldOutCost(observed, unobserved)
