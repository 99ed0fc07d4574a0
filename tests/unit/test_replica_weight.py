"""The weight of a replica: sum f of each column, as a dense matrix gives it."""

import numpy as np
import pytest

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.training.objective import Objective, WordTerms
from glove_spark.kernels.training.replica_weight import column_weights

OBJECTIVE = Objective(x_max=10.0, alpha=0.75)


@pytest.mark.parametrize("subsampled", [False, True])
def test_column_weights_are_the_sums_of_f(subsampled):
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 40, (30, 20)) * (rng.random((30, 20)) < 0.3).astype(float)
    rows, cols = np.nonzero(counts)
    cell = batch_cell(rows, cols, np.log(counts[rows, cols]).astype(np.float32))
    logs = [np.log(rng.uniform(0.1, 1, n)).astype(np.float32) for n in counts.shape]
    keep = [WordTerms(log_keep) for log_keep in logs]
    weighed = counts * np.exp(logs[0][:, None] + logs[1]) if subsampled else counts
    expected = np.minimum(1, (weighed / 10) ** 0.75).sum(axis=0)
    found = column_weights(cell, 20, OBJECTIVE, *(keep if subsampled else ()))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    turned = column_weights(
        cell, 30, OBJECTIVE, *(keep[::-1] if subsampled else ()), transposed=True
    )
    of_rows = np.minimum(1, (weighed / 10) ** 0.75).sum(axis=1)
    np.testing.assert_allclose(turned, of_rows, rtol=1e-5)
