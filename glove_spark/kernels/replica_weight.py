"""How much each word of a column block was trained in a cell: the weight of its replica."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels import objective
from glove_spark.kernels.batching import BatchedCell


def column_weights(
    cell: BatchedCell, num_columns: int, x_max: float, alpha: float
) -> NDArray[np.float64]:
    """Return ``sum f`` over each column of a cell, float64 (num_columns,)."""
    weights = np.zeros(num_columns, dtype=np.float64)
    for batch in cell.batches():
        f = objective.weights(batch.log_count, x_max, alpha)
        # ids are unique inside a batch, so plain indexing adds every column once
        weights[batch.col_ids] += np.bincount(
            batch.col_index, weights=f, minlength=len(batch.col_ids)
        )
    return weights
