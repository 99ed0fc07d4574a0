"""Merging: exact for one contributor, a weighted mean for several."""

from __future__ import annotations

import numpy as np
import pytest

from glove_spark.kernels.training.merge import Replica, merge_replicas
from glove_spark.kernels.training.parameters import Parameters, initial_parameters


def moved(base: Parameters, by: float, gradsq: float) -> Parameters:
    return Parameters(
        base.vectors + np.float32(by),
        base.biases + np.float32(by),
        base.vector_gradsq + np.float32(gradsq),
        base.bias_gradsq + np.float32(gradsq),
    )


@pytest.fixture(params=["row", "element"])
def base(request) -> Parameters:
    return initial_parameters(3, 4, np.random.default_rng(1), request.param)


def test_one_contributor_is_returned_as_it_is(base):
    trained = moved(base, 1.0, 2.0)
    idle = Replica(base.copy(), np.zeros(3))
    merged = merge_replicas(base, [idle, Replica(trained, np.array([1.0, 0.0, 2.0])), idle])
    assert merged is trained


def test_without_contributors_the_base_stands(base):
    assert merge_replicas(base, []) is base
    assert merge_replicas(base, [Replica(moved(base, 1, 1), np.zeros(3))]) is base


def test_vectors_are_averaged_by_weight_and_accumulators_added(base):
    merged = merge_replicas(
        base,
        [
            Replica(moved(base, 1.0, 2.0), np.array([3.0, 0.0, 1.0])),
            Replica(moved(base, 5.0, 4.0), np.array([1.0, 0.0, 0.0])),
        ],
    )
    shift = np.array([2.0, 0.0, 1.0])  # (3*1 + 1*5) / 4, nobody, the first alone
    np.testing.assert_allclose(merged.vectors, base.vectors + shift[:, None], rtol=1e-6)
    np.testing.assert_allclose(merged.biases, base.biases + shift, rtol=1e-6)
    np.testing.assert_allclose(merged.vector_gradsq, base.vector_gradsq + 6, rtol=1e-6)
    np.testing.assert_allclose(merged.bias_gradsq, base.bias_gradsq + 6, rtol=1e-6)
    assert merged.vectors.dtype == merged.bias_gradsq.dtype == np.float32


def test_nothing_is_mutated(base):
    before = base.copy()
    replicas = [Replica(moved(base, by, 1.0), np.ones(3)) for by in (1.0, 2.0)]
    kept = [replica.parameters.copy() for replica in replicas]
    merge_replicas(base, replicas)
    for was, now in zip([before, *kept], [base, *(r.parameters for r in replicas)], strict=True):
        np.testing.assert_array_equal(was.vectors, now.vectors)
        np.testing.assert_array_equal(was.vector_gradsq, now.vector_gradsq)


def test_a_replica_of_another_block_is_refused(base):
    other = initial_parameters(2, 4, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"shape \(2, 4\) cannot be merged .* \(3, 4\)"):
        merge_replicas(base, [Replica(other, np.ones(2))])
