"""How much each word of a column block was trained in a cell: the weight of its replica."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels import objective
from glove_spark.kernels.batching import BatchedCell


def column_weights(
    cell: BatchedCell,
    num_columns: int,
    x_max: float,
    alpha: float,
    row_log_keep: NDArray[np.float32] | None = None,
    col_log_keep: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """Return ``sum f`` over each column of a cell, float64 (num_columns,).

    `row_log_keep` and `col_log_keep` are those of `train_cell`.
    """
    weights = np.zeros(num_columns, dtype=np.float64)
    for batch in cell.batches():
        counts = batch.log_count
        if row_log_keep is not None and col_log_keep is not None:
            counts = counts + np.repeat(row_log_keep[batch.row_ids], np.diff(batch.row_ptr))
            counts += col_log_keep[batch.col_ids][batch.col_index]
        f = objective.weights(counts, x_max, alpha)
        # ids are unique inside a batch, so plain indexing adds every column once
        weights[batch.col_ids] += np.bincount(
            batch.col_index, weights=f, minlength=len(batch.col_ids)
        )
    return weights
