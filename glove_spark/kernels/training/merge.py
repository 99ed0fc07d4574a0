"""Merge the replicas of one parameter block that the tasks of a round return.

A task pulls its replica of a word towards the optimum O_r of its nonzeros, at a rate ``x_r``. The
replica covers the share ``1 - e^-x_r`` of the way: ``D_r = (1 - e^-x_r) O_r``. If the word were
trained on the nonzeros of all tasks one after another, it would cover the share ``1 - e^-X`` of the
way to the mean of the optima, weighted by the rates, where X is the sum of the rates. So::

    D = sum_r [ (1 - e^-X) / X ] [ x_r / (1 - e^-x_r) ] D_r

If rates are small, as for rare words, this is the sum of the movements. If they are large, it is
their mean, weighted by the rates. It is never further away than the furthest O_r.

A rate is step size times curvature. For a vector, ``x = c eta q / (d sqrt(G))``, where q is the
trace of the curvature from `replica_weight`, and G the accumulator with the increments of all
replicas. For a bias, ``x = c eta h / sqrt(G)``, where h is the sum of f.
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
"""The constant c: of 1, 2 and 4, it has the best scores (docs/ALGORITHM.md)."""


def arrival_of(row_tasks: int) -> float:
    """Return the constant c if each row block has this number of replicas.

    If rows have replicas as well as columns, both sides of a pair move at the same time towards
    what it wants, and the movements of many replicas go too far together: with c = 2, four row
    tasks lost a third of the analogies, and with c = 4, eight diverged (docs/ALGORITHM.md).
    """
    return max(ARRIVAL, float(row_tasks))


class Replica(NamedTuple):
    """The block of one task: its parameters, and how strongly each word was pulled."""

    parameters: Parameters
    weight: ReplicaWeight


def merge_replicas(
    base: Parameters,
    replicas: Iterable[Replica],
    learning_rate: float,
    arrival: float = ARRIVAL,
) -> Parameters:
    """Merge replicas of one block into the block of the next round.

    The vector and bias of a word move by the damped sum of the movements of its replicas. Its
    accumulators become those of the base plus the increments of all replicas. If only one replica
    contributes, it is returned unchanged, with the same bytes; similarly, if only one replica moved
    a word, the word's numbers are unchanged.

    Parameters
    ----------
    base
        The block from which every replica started; not changed.
    replicas
        The results of the tasks, not changed. A replica whose words were not pulled does not
        contribute. They are read twice, one at a time, so an iterable may load each when needed: in
        memory are only `base`, one replica, and sums in float64.
    learning_rate
        eta of the round.
    arrival
        The constant c, above 0, a factor of all rates.

    Returns
    -------
    `Parameters`
        A new block; or `base` or a replica itself, if there is nothing to merge.
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
            # 1 if the word has only one replica, and 0 if none moved it: these words keep their
            # bytes
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
    """Return ``(1 - e^-x) / x``, 1 at 0: the share of an undamped movement."""
    safe = np.where(rate > 0, rate, 1.0)
    return np.where(rate > 0, -np.expm1(-safe) / safe, 1.0)


class _Totals:
    """The sums over all replicas, on which every rate depends."""

    def __init__(self, base: Parameters) -> None:
        self.base, self.contributors = base, 0
        self.weight = ReplicaWeight.nothing(len(base.biases))
        self.vector_gradsq = base.vector_gradsq.astype(np.float64)
        self.bias_gradsq = base.bias_gradsq.astype(np.float64)

    def count(self, replica: Replica) -> bool:
        """Add the contribution of a replica; return whether it has one."""
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
        """Return x of vectors: (n, d) with one accumulator per coordinate, otherwise (n, 1)."""
        size = self.base.vectors.shape[1]
        gradsq = self.vector_gradsq.reshape(len(self.vector_gradsq), -1)
        rates: Float64 = (rate / size * weight.curvature)[:, np.newaxis] / np.sqrt(gradsq)
        return rates

    def rate_of_biases(self, weight: ReplicaWeight, rate: float) -> Float64:
        """Return x of biases, (n,)."""
        rates: Float64 = rate * weight.f / np.sqrt(self.bias_gradsq)
        return rates
