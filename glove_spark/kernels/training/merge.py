"""Merging the replicas of one parameter block that the tasks of a round return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.training.parameters import Parameters


class Replica(NamedTuple):
    """What one task made of a block: its parameters and ``sum f`` of each of its n words.

    `weight` is float64 (n,): the sum of f over the nonzeros of each word that the task trained on,
    0 for a word that it did not touch.
    """

    parameters: Parameters
    weight: NDArray[np.float64]


def merge_replicas(base: Parameters, replicas: Sequence[Replica]) -> Parameters:
    """Merge replicas of one block into the block of the next round.

    A word's vector and bias become the mean of its replicas weighted by ``sum f``; its accumulators
    become the base's plus every replica's increment. Summing the replicas instead diverges. A block
    with a single contributor is returned as it is, the same object and so the same bytes, which is
    what makes the stratified schedule exact.

    Parameters
    ----------
    base
        The block that every replica started from; not mutated.
    replicas
        What the tasks returned, not mutated; a replica of weight 0 everywhere does not contribute.

    Returns
    -------
    `Parameters`
        A new block, or `base` or a replica itself where nothing is to be averaged.
    """
    for replica in replicas:
        if replica.parameters.vectors.shape != base.vectors.shape:
            raise ValueError(
                f"a replica of shape {replica.parameters.vectors.shape} cannot be merged into a "
                f"block of shape {base.vectors.shape}; merge replicas of one block only"
            )
    contributors = [replica for replica in replicas if replica.weight.any()]
    if not contributors:
        return base
    if len(contributors) == 1:
        return contributors[0].parameters

    total = np.sum([replica.weight for replica in contributors], axis=0)
    shares = [replica.weight / np.where(total == 0, 1.0, total) for replica in contributors]
    parts = [replica.parameters for replica in contributors]

    def mean(name: str) -> NDArray[np.float32]:
        start: NDArray[np.float32] = getattr(base, name)
        result = start.astype(np.float64)
        for part, share in zip(parts, shares, strict=True):
            # what no replica moved, as an anchored bias, keeps its bytes
            result += (getattr(part, name).astype(np.float64) - start) * _along(share, start)
        return result.astype(np.float32)

    def accumulated(name: str) -> NDArray[np.float32]:
        start: NDArray[np.float32] = getattr(base, name)
        result = start.astype(np.float64)
        for part in parts:
            result += getattr(part, name).astype(np.float64) - start
        return result.astype(np.float32)

    return Parameters(
        vectors=mean("vectors"),
        biases=mean("biases"),
        vector_gradsq=accumulated("vector_gradsq"),
        bias_gradsq=accumulated("bias_gradsq"),
    )


def _along(share: NDArray[np.float64], target: NDArray[np.float32]) -> NDArray[np.float64]:
    return share if target.ndim == 1 else share[:, np.newaxis]
