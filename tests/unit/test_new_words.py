"""New words start from the average of their contexts, compared with explicit sums."""

import numpy as np
import pytest

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.starting.new_words import ContextAverage
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.parameters import initial_parameters

X_MAX, ALPHA, SIZE = 10.0, 0.75, 5
OBJECTIVE = Objective(X_MAX, ALPHA)


def averages(counts, is_new, is_known, own, other):
    """Vectors and biases by the formulas, for a dense matrix; its rows are the block's words."""
    f = np.where(counts > 0, np.minimum(1, (counts / X_MAX) ** ALPHA), 0)[is_new][:, is_known]
    log = np.log(np.maximum(counts, 1))[is_new][:, is_known]
    vectors = f @ own.vectors[is_known] / f.sum(axis=1, keepdims=True)
    residuals = log - vectors @ other.vectors[is_known].T - other.biases[is_known]
    return vectors, (f * residuals).sum(axis=1) / f.sum(axis=1)


@pytest.mark.parametrize("density", [0.3, 1.0], ids=["sparse", "tiles"])
@pytest.mark.parametrize("transposed", [False, True])
def test_vectors_and_biases_are_those_of_the_formulas(density, transposed):
    rng = np.random.default_rng(2)
    counts = rng.integers(1, 40, (70, 45)) * (rng.random((70, 45)) < density)
    own, other = (initial_parameters(45, SIZE, rng) for _ in range(2))
    is_new, is_known = rng.random(70) < 0.3, rng.random(45) < 0.7
    # unknown words must not be used
    for parameters in (own, other):
        parameters.vectors[~is_known] = np.nan
        parameters.biases[~is_known] = np.nan
    stored = counts.T if transposed else counts
    rows, cols = np.nonzero(stored)
    cell = batch_cell(rows, cols, np.log(stored[rows, cols]).astype(np.float32))
    sums = ContextAverage(is_new, SIZE, OBJECTIVE)
    sums.add(cell, is_known, own, other, transposed=transposed)
    made = initial_parameters(70, SIZE, rng)
    before = made.copy()
    sums.apply(made)
    vectors, biases = averages(counts, is_new, is_known, own, other)
    np.testing.assert_allclose(made.vectors[is_new], vectors, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(made.biases[is_new], biases, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(made.vectors[~is_new], before.vectors[~is_new])
    np.testing.assert_array_equal(made.biases[~is_new], before.biases[~is_new])
    np.testing.assert_array_equal(made.vector_gradsq, before.vector_gradsq)


def test_a_mirrored_cell_counts_both_ways_and_cells_add_up():
    rng = np.random.default_rng(3)
    half = np.triu(rng.integers(1, 30, (40, 40)) * (rng.random((40, 40)) < 0.4), 1)
    counts = half + half.T
    own, other = (initial_parameters(40, SIZE, rng) for _ in range(2))
    is_new = np.arange(40) >= 30
    rows, cols = np.nonzero(half)
    cell = batch_cell(rows, cols, np.log(half[rows, cols]).astype(np.float32)).as_mirrored()
    sums = ContextAverage(is_new, SIZE, OBJECTIVE)
    known = [np.arange(40) < 15, (np.arange(40) >= 15) & ~is_new]
    for part in known:
        sums.add(cell, part, own, other, transposed=False)
    made = initial_parameters(40, SIZE, rng)
    sums.apply(made)
    vectors, biases = averages(counts, is_new, ~is_new, own, other)
    np.testing.assert_allclose(made.vectors[is_new], vectors, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(made.biases[is_new], biases, rtol=1e-4, atol=1e-5)


def test_a_new_word_without_a_known_context_stays_as_it_was_drawn():
    rng = np.random.default_rng(4)
    own = initial_parameters(3, SIZE, rng)
    cell = batch_cell(np.array([1]), np.array([2]), np.zeros(1, np.float32))
    sums = ContextAverage(np.array([True, True, False]), SIZE, OBJECTIVE)
    sums.add(cell, np.array([True, True, False]), own, own, transposed=False)
    made = initial_parameters(3, SIZE, rng)
    before = made.copy()
    sums.apply(made)
    np.testing.assert_array_equal(made.vectors, before.vectors)
