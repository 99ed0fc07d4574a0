"""Merging the replicas of one parameter block that the tasks of a round return.

A replica of a word is drawn towards the optimum O_r of the nonzeros that its task has, at a rate
``x_r``, and arrives by the share ``1 - e^-x_r`` of its way: ``D_r = (1 - e^-x_r) O_r``. Trained on
the nonzeros of all tasks one after another, the word would arrive by ``1 - e^-X``, with X the sum
of the rates, at the mean of their optima weighted by the rates. So::

    D = sum_r [ (1 - e^-X) / X ] [ x_r / (1 - e^-x_r) ] D_r

Where rates are small, as of rare words, that is the sum of the movements; where they are large it
is their mean, weighted by the rates. In between it is never further than the furthest O_r.

A rate is step size times curvature: ``x = c eta q / (d sqrt(G))`` of a vector, with q the trace of
the curvature that `replica_weight` measures and G the accumulator with the increments of all
replicas, and ``x = c eta h / sqrt(G)`` of a bias, with h the sum of f.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.training.parameters import Parameters
from glove_spark.kernels.training.replica_weight import ReplicaWeight

Float64 = NDArray[np.float64]


ARRIVAL = 2.0
"""c: of 1, 2 and 4 the one with the best analogies and similarities (docs/ALGORITHM.md)."""


class Replica(NamedTuple):
    """What one task made of a block: its parameters, and how strongly each word was drawn."""

    parameters: Parameters
    weight: ReplicaWeight


def merge_replicas(
    base: Parameters,
    replicas: Iterable[Replica],
    learning_rate: float,
    arrival: float = ARRIVAL,
) -> Parameters:
    """Merge replicas of one block into the block of the next round.

    A word's vector and bias move by the damped sum of the replicas' movements; its accumulators
    become the base's plus every replica's increment. A block with a single contributor is returned
    as it is, the same object and so the same bytes, and so are a word's numbers where one replica
    alone moved it.

    Parameters
    ----------
    base
        The block that every replica started from; not mutated.
    replicas
        What the tasks returned, not mutated; one that was drawn nowhere does not contribute. They
        are gone through twice, one at a time, so that an iterable may read each when it is asked
        for it: besides `base` and one replica, sums in float64 are all that is held.
    learning_rate
        eta of the round.
    arrival
        c, above 0: how fast a word arrives, as a multiple of its rate.

    Returns
    -------
    `Parameters`
        A new block, or `base` or a replica itself where nothing is to be merged.
    """
    totals = _Totals(base)
    only = None
    for replica in replicas:
        if totals.count(replica):
            only = replica if totals.contributors == 1 else None
    if not totals.contributors:
        return base
    if only is not None:
        return only.parameters
    rate = arrival * learning_rate
    vector_total = totals.rate_of_vectors(totals.weight, rate)
    bias_total = totals.rate_of_biases(totals.weight, rate)
    moved, bias_moved = base.vectors.astype(np.float64), base.biases.astype(np.float64)
    for replica in replicas:
        if not replica.weight.contributes:
            continue
        for sums, start, end, total, own in (
            (
                moved,
                base.vectors,
                replica.parameters.vectors,
                vector_total,
                totals.rate_of_vectors(replica.weight, rate),
            ),
            (
                bias_moved,
                base.biases,
                replica.parameters.biases,
                bias_total,
                totals.rate_of_biases(replica.weight, rate),
            ),
        ):
            # one where the replica is a word's only one, and 0 what none moved: those keep bytes
            movement = end.astype(np.float64)
            movement -= start
            movement *= mean_step(total) / mean_step(own)
            sums += movement
    return Parameters(
        vectors=moved.astype(np.float32),
        biases=bias_moved.astype(np.float32),
        vector_gradsq=totals.vector_gradsq.astype(np.float32),
        bias_gradsq=totals.bias_gradsq.astype(np.float32),
    )


def mean_step(rate: Float64) -> Float64:
    """Return ``(1 - e^-x) / x``, 1 at 0: how much of a movement is left of one without damping."""
    safe = np.where(rate > 0, rate, 1.0)
    return np.where(rate > 0, -np.expm1(-safe) / safe, 1.0)


class _Totals:
    """The sums over all replicas that every rate depends on."""

    def __init__(self, base: Parameters) -> None:
        self.base, self.contributors = base, 0
        self.weight = ReplicaWeight.nothing(len(base.biases))
        self.vector_gradsq = base.vector_gradsq.astype(np.float64)
        self.bias_gradsq = base.bias_gradsq.astype(np.float64)

    def count(self, replica: Replica) -> bool:
        """Add what a replica contributes; tell whether it does."""
        parameters, base = replica.parameters, self.base
        if parameters.vectors.shape != base.vectors.shape:
            raise ValueError(
                f"a replica of shape {parameters.vectors.shape} cannot be merged into a "
                f"block of shape {base.vectors.shape}; merge replicas of one block only"
            )
        if not replica.weight.contributes:
            return False
        self.contributors += 1
        self.weight = self.weight.plus(replica.weight)
        self.vector_gradsq += parameters.vector_gradsq.astype(np.float64) - base.vector_gradsq
        self.bias_gradsq += parameters.bias_gradsq.astype(np.float64) - base.bias_gradsq
        return True

    def rate_of_vectors(self, weight: ReplicaWeight, rate: float) -> Float64:
        """Return x of vectors: (n, d) with an accumulator per coordinate, else (n, 1)."""
        size = self.base.vectors.shape[1]
        gradsq = self.vector_gradsq.reshape(len(self.vector_gradsq), -1)
        rates: Float64 = (rate / size * weight.curvature)[:, np.newaxis] / np.sqrt(gradsq)
        return rates

    def rate_of_biases(self, weight: ReplicaWeight, rate: float) -> Float64:
        """Return x of biases, (n,)."""
        rates: Float64 = rate * weight.f / np.sqrt(self.bias_gradsq)
        return rates
