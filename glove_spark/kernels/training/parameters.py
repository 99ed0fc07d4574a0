"""The parameters and accumulators of a block of words on one side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Accumulators = Literal["row", "element", "adam"]


def adam_size(vector_size: int) -> int:
    """Return the size of a word's state for Adam: two moments of vector and bias, and steps.

    >>> adam_size(50)
    103
    """
    return 2 * (vector_size + 1) + 1


@dataclass
class Parameters:
    """The parameters and accumulators of n words, of one side, all float32.

    `vectors` (n, d), `biases` (n,), `vector_gradsq` (n,) with one accumulator per word, (n, d) with
    one per coordinate, or (n, `adam_size`) with the state of `adam`; `bias_gradsq` (n,). Training
    mutates them in place.
    """

    vectors: Float32
    biases: Float32
    vector_gradsq: Float32
    bias_gradsq: Float32

    @property
    def accumulators(self) -> Accumulators:
        """The kind of `vector_gradsq`."""
        if self.vector_gradsq.ndim == 1:
            return "row"
        same = self.vector_gradsq.shape[1] == self.vectors.shape[1]
        return "element" if same else "adam"

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
    """Return initial parameters: uniform in (-0.5, 0.5) / d, accumulators 1, as in the reference.

    Adam's state starts at 0.
    """
    values = rng.random((num_words, vector_size + 1), dtype=np.float32)
    values -= np.float32(0.5)
    values /= np.float32(vector_size)
    return Parameters(
        vectors=np.ascontiguousarray(values[:, :vector_size]),
        biases=np.ascontiguousarray(values[:, vector_size]),
        vector_gradsq=initial_state((num_words, vector_size), adagrad),
        bias_gradsq=np.ones(num_words, dtype=np.float32),
    )


def initial_state(shape: tuple[int, int], accumulators: Accumulators) -> Float32:
    """Return the initial accumulators of (words, d) vectors, by kind."""
    num_words, vector_size = shape
    if accumulators == "adam":
        return np.zeros((num_words, adam_size(vector_size)), dtype=np.float32)
    return np.ones(shape if accumulators == "element" else num_words, dtype=np.float32)
