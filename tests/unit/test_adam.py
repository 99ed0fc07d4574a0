"""Adam: the published formula, lazily; a planted model is found; what it cannot be with."""

from __future__ import annotations

import numpy as np
import pytest

from glove_spark.errors import ConfigurationError
from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.training.adam import BETA_1, BETA_2, EPSILON, adam_step
from glove_spark.kernels.training.objective import Objective, dense_gradients
from glove_spark.kernels.training.parameters import adam_size, initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.update import StepSettings, train_cell
from glove_spark.settings.stages import TrainSettings

PAPER = Objective(x_max=1.0, alpha=0.75)


def test_steps_are_those_of_the_published_algorithm():
    rng = np.random.default_rng(1)
    gradients = rng.standard_normal((20, 3, 4)).astype(np.float32)
    state = np.zeros((3, 9), np.float32)
    first, second = np.zeros((2, 3, 4))
    for t, g in enumerate(gradients, 1):
        step = adam_step(state, g, np.ones(3, bool), 0.1)
        first = BETA_1 * first + (1 - BETA_1) * g
        second = BETA_2 * second + (1 - BETA_2) * g * g
        corrected = second / (1 - BETA_2**t)
        expected = 0.1 * (first / (1 - BETA_1**t)) / (np.sqrt(corrected) + EPSILON)
        np.testing.assert_allclose(step, expected, rtol=1e-3, atol=1e-6)
        if t == 1:
            # corrected for its start, the first step is eta in every coordinate
            np.testing.assert_allclose(np.abs(step), 0.1, rtol=1e-4)


def test_words_that_are_not_met_keep_their_moments():
    state = np.random.default_rng(1).random((3, 5)).astype(np.float32)
    before = state.copy()
    step = adam_step(state, np.ones((3, 2), np.float32), np.array([True, False, True]), 0.1)
    assert not step[1].any()
    np.testing.assert_array_equal(state[1], before[1])
    assert (state[[0, 2], -1] == before[[0, 2], -1] + 1).all()


@pytest.mark.parametrize("side", [2, 12], ids=["a few", "all"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_first_step_of_a_batch_is_eta_against_the_gradient(side, turned):
    rng = np.random.default_rng(3)
    n, d = 12, 3
    logs = rng.standard_normal((n, n))
    # a leaf that is one batch, whatever the rule of leaves
    present = np.zeros((n, n), bool)
    present[:side, :side] = rng.random((side, side)) < 0.9
    rows, cols = np.nonzero(present.T if turned else present)
    values = (logs.T if turned else logs)[rows, cols].astype(np.float32)
    cell = batch_cell(rows, cols, values, max_staleness=1e9)
    assert cell.num_batches == 1
    sides = [initial_parameters(n, d, rng, "adam") for _ in range(2)]
    old = [side.copy() for side in sides]
    f = np.where(present, np.minimum(1, np.exp(logs) ** 0.75), 0)
    w, u = (side.vectors.astype(np.float64) for side in old)
    b, c = (side.biases.astype(np.float64) for side in old)
    gradients = dense_gradients(w, b, u, c, logs, f)
    train_cell(cell, *sides, StepSettings(0.01, 0.0, PAPER, "adam"), transposed=turned)
    moved = (
        old[0].vectors - sides[0].vectors,
        old[0].biases - sides[0].biases,
        old[1].vectors - sides[1].vectors,
        old[1].biases - sides[1].biases,
    )
    for step, gradient in zip(moved, gradients, strict=True):
        np.testing.assert_allclose(step, 0.01 * np.sign(gradient), atol=2e-5)
    assert sides[0].vector_gradsq.shape == (n, adam_size(d))


def test_a_planted_model_is_found():
    rng = np.random.default_rng(0)
    w, u = rng.standard_normal((2, 40, 4)) / 2
    logs = w @ u.T + 0.5 * rng.standard_normal((40, 1)) + 0.5 * rng.standard_normal(40)
    rows, cols = np.divmod(np.arange(1600), 40)
    cell = batch_cell(rows, cols, logs.ravel().astype(np.float32))
    sides = [initial_parameters(40, 4, derived_rng(1, k), "adam") for k in range(2)]
    costs = []
    for epoch in range(200):
        rate = 0.05 * 0.02 ** (epoch / 199)
        update = StepSettings(rate, 0.0, PAPER, "adam")
        costs.append(train_cell(cell, *sides, update, rng=derived_rng(2, epoch)).cost_sum)
    assert costs[-1] < 1e-2 * costs[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "optimizer=adam has no accumulator .* unobserved=2 may draw a word; give --unobs"),
        ({"unobserved": 0.0, "schedule": "averaging"}, "of which replicas have no sum"),
        ({"unobserved": -1.0}, "unobserved=-1.0 must be from 0 to 1000"),
    ],
)
def test_what_adam_cannot_be_combined_with_is_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainSettings(optimizer="adam", **options)
