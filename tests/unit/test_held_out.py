"""Held-out nonzeros are chosen only by their ids; their cost is that of the dense objective."""

import numpy as np
import pytest

from glove_spark.kernels.training import held_out as module
from glove_spark.kernels.training import objective
from glove_spark.kernels.training.held_out import HeldOut, cost_of, is_held_out
from glove_spark.kernels.training.objective import Objective, WordTerms
from glove_spark.kernels.training.parameters import initial_parameters


def test_the_choice_is_a_function_of_the_ids():
    rng = np.random.default_rng(1)
    rows, cols = rng.integers(0, 1 << 31, (2, 200_000))
    chosen = is_held_out(rows.astype(np.int32), cols.astype(np.int32), 0.1)
    assert abs(chosen.mean() - 0.1) < 0.003
    order = rng.permutation(len(rows))
    np.testing.assert_array_equal(is_held_out(rows[order], cols[order], 0.1), chosen[order])
    # a larger share contains a smaller one
    assert (is_held_out(rows, cols, 0.2) | ~chosen).all()
    assert not is_held_out(rows, cols, 0.0).any()


@pytest.mark.parametrize("subsampled", [False, True])
def test_the_cost_is_that_of_the_dense_objective(subsampled, monkeypatch):
    monkeypatch.setattr(module, "PIECE_FLOATS", 40)
    rng = np.random.default_rng(2)
    log_counts = rng.normal(1, 1, (7, 5)).astype(np.float32)
    chosen = rng.random((7, 5)) < 0.5
    i, j = np.nonzero(chosen)
    rows, columns = initial_parameters(7, 4, rng), initial_parameters(5, 4, rng)
    keep = [np.log(rng.random(n)).astype(np.float32) for n in (7, 5)]
    weighed = log_counts + (keep[0][:, None] + keep[1] if subsampled else 0)
    f = np.where(chosen, np.minimum(1, (np.exp(weighed) / 3) ** 0.75), 0)
    expected = objective.dense_cost(
        rows.vectors, rows.biases, columns.vectors, columns.biases, log_counts, f
    )
    held_out = HeldOut(i.astype(np.uint32), j.astype(np.uint32), log_counts[i, j])
    shares = [rng.random(n).astype(np.float32) for n in (7, 5)]
    terms = [
        WordTerms(log_keep if subsampled else None, share)
        for log_keep, share in zip(keep, shares, strict=True)
    ]
    found = cost_of(held_out, rows, columns, Objective(3.0, 0.75, unobserved=2.0), *terms)
    assert found.observed == pytest.approx(expected, rel=1e-5)
    inner = (rows.vectors @ columns.vectors.T)[chosen]
    assert found.unobserved == pytest.approx(
        0.5 * 2.0 * np.sum(np.outer(*shares)[chosen] * inner**2), rel=1e-5
    )
