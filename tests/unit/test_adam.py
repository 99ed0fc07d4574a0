"""Adam: the published formula, only for words in the batch; a planted model; conflicts."""

from __future__ import annotations

import numpy as np
import pytest

from glove_spark.errors import ConfigurationError
from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.cells import ABSENT, BatchedCell, Lists
from glove_spark.kernels.training.adam import BETA_1, BETA_2, EPSILON, adam_step
from glove_spark.kernels.training.objective import Objective, dense_gradients
from glove_spark.kernels.training.parameters import initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.update import StepSettings, train_cell
from glove_spark.settings.stages import TrainSettings
from glove_spark.training.epoch_plan import schedule_of

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


def one_batch(logs: np.ndarray, present: np.ndarray, kind: str) -> BatchedCell:
    """Make one batch of all nonzeros by hand: the rule for leaves would not make such a batch."""
    size = len(logs)
    rows, columns = np.nonzero(present)
    words = np.arange(size, dtype=np.int32)
    fields = {
        "row_ids": words,
        "col_ids": words,
        "row_ptr": np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32),
        "col_index": columns.astype(np.uint16),
        "log_count": logs[rows, columns].astype(np.float32),
    }
    if kind == "tiles":
        fields |= dict.fromkeys(("row_ids", "col_ids"), np.int32([0]))
        fields |= {"row_ptr": np.int32([]), "col_index": np.uint16([])}
        fields["log_count"] = np.where(present, logs, ABSENT).ravel().astype(np.float32)
    return BatchedCell(
        side=np.int32([size if kind == "tiles" else 0]),
        nnz=np.int32([len(rows)]),
        mirrored=np.array([False]),
        **{name: Lists(np.array([0, len(array)]), array) for name, array in fields.items()},
    )


@pytest.mark.parametrize("kind", ["sparse", "tiles"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_first_step_of_a_batch_is_eta_against_the_gradient(kind, turned):
    rng = np.random.default_rng(3)
    n, d = 8, 3
    logs = rng.standard_normal((n, n))
    present = rng.random((n, n)) < 0.5
    # a word without nonzeros takes no step
    present[5], present[:, 2] = False, False
    order = [1, 0] if turned else [0, 1]
    cell = one_batch(logs.transpose(order), present.transpose(order), kind)
    sides = [initial_parameters(n, d, rng, "adam") for _ in range(2)]
    old = [side.copy() for side in sides]
    f = np.where(present, np.minimum(1, np.exp(logs) ** 0.75), 0)
    w, u = (side.vectors.astype(np.float64) for side in old)
    b, c = (side.biases.astype(np.float64) for side in old)
    gradients = dense_gradients(w, b, u, c, logs, f)
    train_cell(cell, *sides, StepSettings(0.01, 0.0, PAPER, "adam"), transposed=turned)
    moved = [
        getattr(was, name) - getattr(side, name)
        for was, side in zip(old, sides, strict=True)
        for name in ("vectors", "biases")
    ]
    for step, gradient in zip(moved, gradients, strict=True):
        expected = 0.01 * gradient / (np.abs(gradient) + EPSILON)
        np.testing.assert_allclose(step, expected, atol=2e-5)
    steps = [side.vector_gradsq[:, -1] for side in sides]
    np.testing.assert_array_equal(steps[0], present.any(axis=1))
    np.testing.assert_array_equal(steps[1], present.any(axis=0))


def test_anchored_biases_stay():
    logs = np.random.default_rng(2).standard_normal((8, 8))
    sides = [initial_parameters(8, 3, derived_rng(1, k), "adam") for k in range(2)]
    old = [side.copy() for side in sides]
    anchored = Objective(x_max=1.0, alpha=0.75, anchored=True)
    cell = one_batch(logs, logs > 0, "sparse")
    train_cell(cell, *sides, StepSettings(0.01, 0.0, anchored, "adam"))
    for side, was in zip(sides, old, strict=True):
        np.testing.assert_array_equal(side.biases, was.biases)
        assert not np.array_equal(side.vectors, was.vectors)


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
        ({}, "combined with unobserved=2, .* give --unobserved 0, or --opt"),
        ({"unobserved": 0.0, "stay": 1.0, "warm_start": "m"}, "combined with stay=1, "),
        ({"unobserved": 0.0, "schedule": "averaging"}, "replicas cannot be added up"),
        ({"unobserved": -1.0}, "unobserved=-1.0 must be from 0 to 1000"),
    ],
)
def test_what_adam_cannot_be_combined_with_is_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        TrainSettings(optimizer="adam", **options)


def test_many_blocks_are_not_averaged_by_adam_where_auto_would():
    settings = TrainSettings(optimizer="adam", unobserved=0.0)
    assert schedule_of(settings, 100, 1e6).name == "stratified"
    assert schedule_of(TrainSettings(), 100, 1e6).name == "averaging"
