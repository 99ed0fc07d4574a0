"""How much each word of a column block was trained in a cell: the weight of its replica."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.blocks.cells import BatchedCell
from glove_spark.kernels.training.objective import NO_TERMS, Objective, WordTerms


def column_weights(
    cell: BatchedCell,
    num_columns: int,
    objective: Objective,
    row_terms: WordTerms = NO_TERMS,
    col_terms: WordTerms = NO_TERMS,
    *,
    transposed: bool = False,
) -> NDArray[np.float64]:
    """Return ``sum f`` over each column of a cell, float64 (num_columns,).

    What is given is given as to `train_cell`.
    """
    weights = np.zeros(num_columns, dtype=np.float64)
    for lines in cell.nonzeros():
        rows, cols = lines[:2] if not transposed else lines[1::-1]
        log_counts = lines[2]
        if row_terms.log_keep is not None and col_terms.log_keep is not None:
            log_counts = log_counts + row_terms.log_keep[rows] + col_terms.log_keep[cols]
        f = objective.weights(log_counts)
        weights += np.bincount(cols, weights=f, minlength=num_columns)
    return weights
