"""The weight of a replica: sums over each column, compared with a dense matrix."""

import numpy as np
import pytest

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.training.objective import NO_TERMS, Objective, References, WordTerms
from glove_spark.kernels.training.parameters import initial_parameters
from glove_spark.kernels.training.replica_weight import column_weights

OBJECTIVE = Objective(x_max=10.0, alpha=0.75)


@pytest.mark.parametrize("density", [0.3, 0.9], ids=["sparse", "tiles"])
@pytest.mark.parametrize("subsampled", [False, True])
def test_column_weights_are_the_sums_of_a_dense_matrix(subsampled, density):
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 40, (30, 20)) * (rng.random((30, 20)) < density).astype(float)
    rows, cols = np.nonzero(counts)
    cell = batch_cell(rows, cols, np.log(counts[rows, cols]).astype(np.float32))
    logs = [np.log(rng.uniform(0.1, 1, n)).astype(np.float32) for n in counts.shape]
    keep = [WordTerms(log_keep) for log_keep in logs]
    weighed = counts * np.exp(logs[0][:, None] + logs[1]) if subsampled else counts
    words = [initial_parameters(n, 4, rng) for n in counts.shape]
    norms = [(side.vectors.astype(float) ** 2).sum(axis=1) for side in words]
    f = np.minimum(1, (weighed / 10) ** 0.75)
    terms = keep if subsampled else [NO_TERMS] * 2
    found = column_weights(cell, words[0], 20, OBJECTIVE, *terms)
    np.testing.assert_allclose(found.f, f.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.curvature, norms[0] @ f, rtol=1e-5)
    turned = column_weights(cell, words[1], 30, OBJECTIVE, *terms[::-1], transposed=True)
    np.testing.assert_allclose(turned.f, f.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(turned.curvature, f @ norms[1], rtol=1e-5)


def test_a_mirrored_cell_weighs_both_ways():
    rng = np.random.default_rng(3)
    half = np.triu(rng.integers(1, 30, (90, 90)) * (rng.random((90, 90)) < 0.4), 1)
    rows, cols = np.nonzero(half)
    cell = batch_cell(rows, cols, np.log(half[rows, cols]).astype(np.float32)).as_mirrored()
    words = initial_parameters(90, 4, rng)
    f = np.minimum(1, ((half + half.T) / 10) ** 0.75)
    found = column_weights(cell, words, 90, OBJECTIVE)
    np.testing.assert_allclose(found.f, f.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.curvature, (words.vectors**2).sum(axis=1) @ f, rtol=1e-5)


def test_a_word_that_is_kept_near_a_reference_weighs_more():
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 40, (6, 5)).astype(float)
    rows, cols = np.nonzero(counts)
    cell = batch_cell(rows, cols, np.log(counts[rows, cols]).astype(np.float32))
    side = initial_parameters(6, 4, rng)
    plain = column_weights(cell, side, 5, OBJECTIVE)
    near = References(np.array([1, 3]), np.zeros((2, 4), np.float32), visit_share=0.5)
    objective = Objective(x_max=10.0, alpha=0.75, stay=3.0)
    found = column_weights(cell, side, 5, objective, NO_TERMS, WordTerms(references=near))
    more = found.curvature - plain.curvature
    # the trace of mu |w - r|^2 in half of an epoch's visits: 2 mu d / 2
    np.testing.assert_allclose(more, [0, 12, 0, 12, 0])
    np.testing.assert_array_equal(found.f, plain.f)
