"""The weight of each word of a replica: how strongly its cell trained the word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.training.draws import Draws, tiers_of
from glove_spark.kernels.training.objective import Objective, WordTerms

Float32 = NDArray[np.float32]


class ReplicaWeight(NamedTuple):
    """How strongly the n words of a block were pulled, float64 (n,) each; 0 for untouched words.

    `train_cell` adds to both arrays, each nonzero with the other word's vector from before its
    batch.

    Attributes
    ----------
    f
        ``h = sum_i f_ij``, the curvature for the word's bias; 0 if biases are anchored, because
        these take no steps.
    curvature
        ``q = sum_i f_ij |w_i|^2``, the trace of the Hessian for the word's vector. The term of
        unobserved pairs adds ``nu g_j / G sum_i g_i |w_i|^2``, over all words i, with the vectors
        after the cell. A reference vector adds ``2 mu d``.
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

    def add_sums(self, sums: Float32) -> None:
        """Add the pull of a cell's nonzeros, in place: (2, n), or (1, n) without f."""
        for total, part in zip(self[-len(sums) :], sums, strict=True):
            total += part

    def add_terms(
        self,
        objective: Objective,
        others: Float32,
        terms: WordTerms,
        other_terms: WordTerms,
        draws: Draws,
    ) -> None:
        """Add the pull of the other terms of the objective in one visit of a cell, in place.

        Parameters
        ----------
        others
            The vectors of the words that pull, float32 (m, d).
        terms, other_terms
            The terms of these n words, and of the words that pull.
        draws
            As in `train_cell`.
        """
        curvature = self.curvature
        if objective.unobserved > 0 and terms.share is not None and other_terms.share is not None:
            pull = objective.unobserved * np.dot(other_terms.share, np.vecdot(others, others))
            drawn = pull * terms.share.astype(np.float64)
            # some words take no steps in some visits, and steps for all of these in one visit
            for tier, places in enumerate(tiers_of(len(drawn))):
                drawn[places] *= draws.visits[tier] if draws.steps[tier] else 0
            curvature += drawn
        near = terms.references
        if objective.stay > 0 and near is not None:
            # the Hessian of mu |w - r|^2 is 2 mu in every direction
            curvature[near.places] += 2 * objective.stay * near.visit_share * others.shape[1]
