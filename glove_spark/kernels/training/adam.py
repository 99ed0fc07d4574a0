"""Adam (Kingma and Ba 2015) for the words of a batch, instead of bounded AdaGrad.

For a coordinate with gradient g in step t of its word::

    m = beta_1 m + (1 - beta_1) g          v = beta_2 v + (1 - beta_2) g^2
    w -= eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)

Only words with nonzeros in the batch update their moments and steps ("lazy" Adam). So the moments
of a rare word come from its own gradients, without zeros in between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
"""The values in the paper."""


def adam_step(
    state: Float32, gradient: Float32, is_met: NDArray[np.bool_], learning_rate: float
) -> Float32:
    """Return the steps to subtract from vectors and biases of words; update their state.

    Parameters
    ----------
    state
        float32 (n, 2k + 1): first moments of k coordinates, second moments, number of steps.
    gradient
        float32 (n, k).
    is_met
        bool (n,), which words have a nonzero in the batch; other words take no step.
    learning_rate
        eta.
    """
    size = gradient.shape[1]
    found = np.zeros_like(gradient)
    old, g = state[is_met], gradient[is_met]
    first = BETA_1 * old[:, :size] + (1 - BETA_1) * g
    second = BETA_2 * old[:, size : 2 * size] + (1 - BETA_2) * g * g
    steps = old[:, 2 * size] + 1
    state[is_met] = np.column_stack([first, second, steps])
    bias_1 = (1 - np.power(BETA_1, steps, dtype=np.float64))[:, np.newaxis]
    bias_2 = (1 - np.power(BETA_2, steps, dtype=np.float64))[:, np.newaxis]
    moved = learning_rate * (first / bias_1) / (np.sqrt(second / bias_2) + EPSILON)
    found[is_met] = moved
    return found
