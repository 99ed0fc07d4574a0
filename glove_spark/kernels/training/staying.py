"""Keep words near their reference vectors (Mittens: Dingwall and Potts 2018).

Over all words i that have a reference vector r_i, and on both sides of the matrix::

    mu |w_i - r_i|^2        mu |u_i - r_i|^2

Mittens pulls the sum w_i + u_i. Here, each side is pulled separately, because the sides are in
different blocks, which are trained separately, and the sum stays near 2 r_i if both sides stay near
r_i. The step of a word is implicit (proximal), the minimum of its term plus ``|w - w_old|^2 / (2
rho)``::

    w = (w_old + 2 rho mu r) / (1 + 2 rho mu)        rho = eta / sqrt(G)

For every mu, the result is between w_old and r, so the step never overshoots.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.training.objective import References, WordTerms
from glove_spark.kernels.training.words import CellWords, Words

Float32 = NDArray[np.float32]


def pull(vectors: Float32, references: Float32, strength: Float32) -> Float32:
    """Return the implicit step ``(v + s r) / (1 + s)``, float32 (n, d).

    Parameters
    ----------
    vectors, references
        float32 (n, d).
    strength
        float32 (n, 1) or (n, d), ``s = 2 rho mu``, at least 0.
    """
    # v + (r - v) s / (1 + s) would not give exactly r for a large s
    share = np.float32(1) / (np.float32(1) + strength)
    stepped: Float32 = vectors * share + references * (np.float32(1) - share)
    return stepped


class StayingNear:
    """The pull on the words of one cell during training; it changes the tables of words.

    Parameters
    ----------
    words
        The tables of both sides.
    terms
        The terms of rows and of columns.
    learning_rate, stay
        eta and mu.
    steps
        The number of steps, distributed over the batches; each has an equal part of mu.
    num_visits
        The number of visits of the batches of the cell; a mirrored batch may have two.
    """

    def __init__(
        self,
        words: CellWords,
        terms: Sequence[WordTerms],
        learning_rate: float,
        stay: float,
        steps: int,
        num_visits: int,
    ) -> None:
        self._sides = [
            (words.block(number), term.references)
            for number, term in enumerate(terms)
            if term.references is not None
        ]
        self._size = words.vector_size
        self._strength = 2 * learning_rate * stay / steps
        self._due = [-(-step * num_visits // steps) for step in range(1, steps + 1)]
        self._batches = self._taken = 0

    def after_batch(self) -> None:
        """Take a step if one is due; the last one is taken at the end."""
        self._batches += 1
        if self._taken < len(self._due) - 1 and self._batches >= self._due[self._taken]:
            self._step()

    def finish(self) -> None:
        """Take the remaining steps."""
        while self._taken < len(self._due):
            self._step()

    def _step(self) -> None:
        self._taken += 1
        for words, references in self._sides:
            self._pull(words, references)

    def _pull(self, words: Words, references: References) -> None:
        places = references.places
        if words.elements is None:
            gradsq = words.numbers[2, places, np.newaxis]
        else:
            gradsq = words.elements[places]
        strength = np.float32(self._strength * references.visit_share) / np.sqrt(gradsq)
        vectors = words.values[places, : self._size]
        words.values[places, : self._size] = pull(
            vectors, references.vectors, strength.astype(np.float32)
        )
