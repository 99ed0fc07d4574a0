"""The objective's values by hand, its gradients by finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from glove_spark.kernels.training import objective
from glove_spark.kernels.training.objective import Objective


def test_weights_follow_the_published_function():
    counts = np.array([0.07, 1.0, 9.99, 10.0, 1e6])
    f = Objective(x_max=10.0, alpha=0.75).weights(np.log(counts).astype(np.float32))
    assert f.dtype == np.float32
    np.testing.assert_allclose(f, np.minimum(1, (counts / 10) ** 0.75), rtol=1e-6)


def test_weights_leave_their_argument_alone():
    log_counts = np.zeros(3, dtype=np.float32)
    Objective(x_max=10.0, alpha=0.75).weights(log_counts)
    assert not log_counts.any()


def test_rare_words_are_kept_in_full_and_frequent_ones_less():
    counts = np.array([900_000, 99_000] + [10] * 998, dtype=np.int64)
    log_keep = objective.log_keep_factors(counts, subsample=2e-3)
    share = counts / counts.sum()
    expected = np.minimum(1, np.sqrt(2e-3 / share) + 2e-3 / share)
    np.testing.assert_allclose(log_keep, np.log(expected), rtol=1e-5, atol=1e-7)
    assert log_keep.dtype == np.float32
    assert log_keep[0] < log_keep[1] < log_keep[2] == 0


def test_a_word_of_average_frequency_is_kept_in_full_in_a_tiny_vocabulary():
    assert not objective.log_keep_factors(np.array([7, 7, 7]), subsample=1e-4).any()


def test_subsample_zero_keeps_every_word():
    assert not objective.log_keep_factors(np.array([5, 1]), subsample=0).any()


@pytest.mark.parametrize("argument", range(4))
def test_gradients_equal_finite_differences(argument):
    rng = np.random.default_rng(argument)
    n, m, d = 4, 5, 3
    parameters = [rng.standard_normal(shape) for shape in ((n, d), (n,), (m, d), (m,))]
    log_counts = rng.standard_normal((n, m))
    f = rng.random((n, m)) * (rng.random((n, m)) < 0.7)
    gradient = objective.dense_gradients(*parameters, log_counts, f)[argument]
    numeric = np.empty_like(gradient)
    step = 1e-6
    for index in np.ndindex(gradient.shape):
        costs = []
        for sign in (1, -1):
            moved = [p.copy() for p in parameters]
            moved[argument][index] += sign * step
            costs.append(objective.dense_cost(*moved, log_counts, f))
        numeric[index] = (costs[0] - costs[1]) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)
