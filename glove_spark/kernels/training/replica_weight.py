"""The weight of each word of a replica: how strongly its cell trained the word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.cells import BatchedCell
from glove_spark.kernels.training.margins import add_to, at_places, kept, row_sums, words_of
from glove_spark.kernels.training.objective import NO_TERMS, Objective, WordTerms
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.kernels.training.unobserved import ONE_DRAW, Draws, num_frequent


class ReplicaWeight(NamedTuple):
    """How strongly the n words of a block were pulled, float64 (n,) each; 0 for untouched words.

    Attributes
    ----------
    f
        ``h = sum_i f_ij``, the curvature for the word's bias.
    curvature
        ``q = sum_i f_ij |w_i|^2``, the trace of the Hessian for the word's vector. The term of
        unobserved pairs adds ``nu g_j / G sum_i g_i |w_i|^2``, over all words i. A reference vector
        adds ``2 mu d``.
    """

    f: NDArray[np.float64]
    curvature: NDArray[np.float64]

    @classmethod
    def nothing(cls, num_words: int) -> ReplicaWeight:
        """Return the weights of untouched words."""
        return cls(np.zeros(num_words), np.zeros(num_words))

    @property
    def contributes(self) -> bool:
        """Whether any word was pulled."""
        return bool(self.f.any() or self.curvature.any())

    def plus(self, other: ReplicaWeight) -> ReplicaWeight:
        """Add the weights of the same words from another cell."""
        return ReplicaWeight(self.f + other.f, self.curvature + other.curvature)


def column_weights(
    cell: BatchedCell,
    rows: Parameters,
    num_columns: int,
    objective: Objective,
    row_terms: WordTerms = NO_TERMS,
    col_terms: WordTerms = NO_TERMS,
    *,
    draws: Draws = ONE_DRAW,
    transposed: bool = False,
) -> ReplicaWeight:
    """Return the weights with which the row words of a cell pull its column words.

    Parameters
    ----------
    rows
        The parameters of the row words. The other arguments are as in `train_cell`. For the weights
        of the row words, exchange the two sides and invert `transposed`.
    num_columns
        The columns of the requested cell; the rows of `cell`, if `cell` is its transpose.
    """
    squared_norms = np.vecdot(rows.vectors, rows.vectors)
    sums, curvature = np.zeros(num_columns), np.zeros(num_columns)
    for batch, mirrored in cell.visits():
        # the columns of the requested cell are the rows of its transpose
        swapped = mirrored == transposed
        ids, row_ids = words_of(batch, swapped)
        log_count = batch.log_count
        if row_terms.log_keep is not None and col_terms.log_keep is not None:
            keeps = kept(col_terms.log_keep, ids), kept(row_terms.log_keep, row_ids)
            log_count = log_count + at_places(batch, *(keeps[::-1] if swapped else keeps))
        f = objective.weights(log_count)
        add_to(sums, ids, row_sums(batch, f, swapped))
        norms = np.zeros(len(ids), dtype=np.float32), kept(squared_norms, row_ids)
        f *= at_places(batch, *(norms[::-1] if swapped else norms))
        add_to(curvature, ids, row_sums(batch, f, swapped))
    if objective.unobserved > 0 and row_terms.share is not None and col_terms.share is not None:
        pull = objective.unobserved * np.dot(row_terms.share, squared_norms)
        drawn = pull * col_terms.share.astype(np.float64)
        # other words take no steps in some visits, and steps for all of these in one visit
        drawn[num_frequent(num_columns) :] *= draws.visits if draws.others else 0
        curvature += drawn
    near = col_terms.references
    if objective.stay > 0 and near is not None:
        # the Hessian of mu |w - r|^2 is 2 mu in every direction
        size = near.vectors.shape[1]
        curvature[near.places] += 2 * objective.stay * near.visit_share * size
    return ReplicaWeight(sums, curvature)
