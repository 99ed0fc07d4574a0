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
    """What drew the n words of a block, float64 (n,) each, 0 for a word that was not touched.

    Attributes
    ----------
    f
        ``h = sum_i f_ij``, the curvature of the word's bias.
    curvature
        ``q = sum_i f_ij |w_i|^2``, the trace of the Hessian of the word's vector, and with the
        term of pairs that never met ``nu g_j / G sum_i g_i |w_i|^2`` more, over all words i; of a
        word that is kept near a reference ``2 mu d`` more.
    """

    f: NDArray[np.float64]
    curvature: NDArray[np.float64]

    @classmethod
    def nothing(cls, num_words: int) -> ReplicaWeight:
        """Make that of words that were not touched."""
        return cls(np.zeros(num_words), np.zeros(num_words))

    @property
    def contributes(self) -> bool:
        """Whether any word was drawn."""
        return bool(self.f.any() or self.curvature.any())

    def plus(self, other: ReplicaWeight) -> ReplicaWeight:
        """Add what drew the same words elsewhere."""
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
    """Return what the words of a cell's rows draw those of its columns with.

    Parameters
    ----------
    rows
        Where the words of the rows are; what else is given is given as to `train_cell`. For what
        rows are drawn with, give the two sides' roles exchanged, and `transposed` inverted.
    num_columns
        Of the cell that is meant: the rows of what `cell` holds, where it is its transpose.
    """
    squared_norms = np.vecdot(rows.vectors, rows.vectors)
    sums, curvature = np.zeros(num_columns), np.zeros(num_columns)
    for batch, mirrored in cell.visits():
        # the columns of what is meant are the rows of its transpose
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
        # the others are left alone in some visits, and drawn for as many in one
        drawn[num_frequent(num_columns) :] *= draws.visits if draws.others else 0
        curvature += drawn
    near = col_terms.references
    if objective.stay > 0 and near is not None:
        # the Hessian of mu |w - r|^2 is 2 mu in every direction
        size = near.vectors.shape[1]
        curvature[near.places] += 2 * objective.stay * near.visit_share * size
    return ReplicaWeight(sums, curvature)
