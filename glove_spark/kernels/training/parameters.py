"""The parameters and accumulators of one side's block of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Accumulators = Literal["row", "element"]


@dataclass
class Parameters:
    """The parameters and accumulators of n words, of one side, all float32.

    `vectors` (n, d), `biases` (n,), `vector_gradsq` (n,) with one accumulator per word or (n, d)
    with one per coordinate, `bias_gradsq` (n,). Training mutates them in place.
    """

    vectors: Float32
    biases: Float32
    vector_gradsq: Float32
    bias_gradsq: Float32

    def copy(self) -> Parameters:
        """Return a deep copy."""
        return Parameters(
            self.vectors.copy(),
            self.biases.copy(),
            self.vector_gradsq.copy(),
            self.bias_gradsq.copy(),
        )


def initial_parameters(
    num_words: int,
    vector_size: int,
    rng: np.random.Generator,
    adagrad: Accumulators = "row",
) -> Parameters:
    """Return fresh parameters: uniform in (-0.5, 0.5) / d, accumulators 1, as the reference's."""
    shape = (num_words, vector_size)
    values = rng.random((num_words, vector_size + 1), dtype=np.float32)
    values -= np.float32(0.5)
    values /= np.float32(vector_size)
    return Parameters(
        vectors=np.ascontiguousarray(values[:, :vector_size]),
        biases=np.ascontiguousarray(values[:, vector_size]),
        vector_gradsq=np.ones(shape if adagrad == "element" else num_words, dtype=np.float32),
        bias_gradsq=np.ones(num_words, dtype=np.float32),
    )
