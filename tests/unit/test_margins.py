"""Sums over rows and columns, compared with a dense matrix, and the anchors from them."""

import numpy as np
import pytest

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.training.margins import added_up, anchors, row_margins, shares
from glove_spark.kernels.training.objective import Objective, WordTerms

OBJECTIVE = Objective(x_max=10.0, alpha=0.75)


@pytest.mark.parametrize("density", [0.1, 0.9], ids=["sparse", "tiles"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("subsampled", [False, True])
def test_margins_are_the_sums_of_a_dense_matrix(density, transposed, subsampled):
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 40, (75, 45)) * (rng.random((75, 45)) < density).astype(float)
    stored = counts.T if transposed else counts
    rows, cols = np.nonzero(stored)
    cell = batch_cell(rows, cols, np.log(stored[rows, cols]).astype(np.float32))
    keep = [np.log(rng.uniform(0.1, 1, n)).astype(np.float32) for n in counts.shape]
    terms = [WordTerms(log_keep if subsampled else None) for log_keep in keep]
    found = row_margins(cell, 75, OBJECTIVE, *terms, transposed=transposed)
    kept = np.exp(keep[0][:, None] + keep[1]) if subsampled else 1.0
    f = np.minimum(1, (counts * kept / 10) ** 0.75)
    np.testing.assert_allclose(found.counts, counts.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.weights, f.sum(axis=1), rtol=1e-5)


def test_a_mirrored_cell_counts_both_ways():
    rng = np.random.default_rng(3)
    half = np.triu(rng.integers(1, 30, (300, 300)) * (rng.random((300, 300)) < 0.4), 1)
    rows, cols = np.nonzero(half)
    logs = np.log(half[rows, cols]).astype(np.float32)
    found = row_margins(batch_cell(rows, cols, logs).as_mirrored(), 300, OBJECTIVE)
    np.testing.assert_allclose(found.counts, (half + half.T).sum(axis=1), rtol=1e-5)


def test_a_flat_weight_counts_what_is_there():
    cell = batch_cell(*np.nonzero(np.eye(12)), np.zeros(12, np.float32))
    found = row_margins(cell, 12, Objective(x_max=10.0, alpha=0.0))
    np.testing.assert_allclose(found.weights, 1, rtol=1e-6)


def test_cells_add_up_and_none_is_nothing():
    rng = np.random.default_rng(4)
    counts = rng.integers(1, 9, (6, 8)).astype(float)
    parts = []
    for half in (counts[:, :4], counts[:, 4:]):
        rows, cols = np.nonzero(half)
        logs = np.log(half[rows, cols]).astype(np.float32)
        parts.append(row_margins(batch_cell(rows, cols, logs), 6, OBJECTIVE))
    np.testing.assert_allclose(added_up(parts, 6).counts, counts.sum(axis=1), rtol=1e-6)
    assert not added_up([], 6).weights.any()


def test_anchors_are_the_logarithms_of_the_published_formula():
    rows, columns = np.array([40.0, 8.0, 2.0]), np.array([30.0, 10.0, 9.0, 1.0])
    b, c = anchors(rows, columns, 0.75)
    np.testing.assert_allclose(b, np.log(rows) - 0.5 * np.log(50), rtol=1e-6)
    smoothed = columns**0.75
    z = smoothed * 50 / smoothed.sum()
    np.testing.assert_allclose(c, np.log(z) - 0.5 * np.log(50), rtol=1e-6)
    # without smoothing, the rest of ln X is pointwise mutual information
    b, c = anchors(rows, columns, 1.0)
    np.testing.assert_allclose(b[0] + c[1], np.log(40 * 10 / 50), rtol=1e-6)


def test_a_word_without_a_nonzero_has_the_anchor_of_the_rarest():
    b, c = anchors(np.array([5.0, 0.0, 2.0]), np.array([0.0, 7.0, 0.0]), 0.75)
    assert np.isfinite(b).all()
    assert np.isfinite(c).all()
    assert b[1] == b[2]
    assert c[0] == c[1]


def test_shares_multiply_to_the_weight_of_a_pair():
    g, h = shares(np.array([3.0, 5.0, 0.0]), np.array([2.0, 6.0]))
    np.testing.assert_allclose(np.outer(g, h), np.outer([3, 5, 0], [2, 6]) / 8, rtol=1e-6)
    assert not np.concatenate(shares(np.zeros(2), np.zeros(2))).any()
