"""Answer many analogies at once, one block of the vocabulary at a time.

The questions of a test set contain few different words: the 19,544 of Mikolov et al. about 900. So
one matrix product gives the cosines of these words with a block of the vocabulary, and a question
adds three rows of it:

    3CosAdd   cos(x, b) - cos(x, a) + cos(x, c)
    3CosMul   cos'(x, b) cos'(x, c) / (cos'(x, a) + eps),   cos' = (1 + cos) / 2

(Mikolov et al. 2013; Levy and Goldberg 2014.) The second is the first with logarithms instead of
cosines, so both use the same code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

METHODS = ("3cosadd", "3cosmul")

COSMUL_EPSILON = 1e-6
"""Prevents a division by zero in 3CosMul; the value of gensim."""

SMALLEST_NORM = 1e-12
"""The divisor for a zero vector."""

BLOCK_COLUMNS = 1024
"""Words of the vocabulary scored at once: their cosines with 900 words need 4 MB."""

QUESTIONS_AT_ONCE = 128
"""Questions scored at once. With `BLOCK_COLUMNS`, an array has 512 kB and stays in the cache."""


class AnalogySolver:
    """The best answers so far, while blocks of the vocabulary are processed in any order.

    Parameters
    ----------
    vectors
        float32 (m, d), the vectors of the words in the questions.
    ids
        int64 (m,), their ids in the vocabulary.
    questions
        int64 (n, 3), rows of ``vectors``: a, b and c of "a is to b as c is to ?".
    methods
        Names in `METHODS`.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        ids: NDArray[np.int64],
        questions: NDArray[np.int64],
        methods: Sequence[str] = METHODS,
    ) -> None:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        self._units = np.asarray(vectors / np.maximum(norms, SMALLEST_NORM), np.float32)
        self._questions = questions
        self._asked = ids[questions] if len(questions) else questions
        self._scores = {method: np.full(len(questions), -np.inf, np.float32) for method in methods}
        self._answers = {method: np.full(len(questions), -1, np.int64) for method in methods}

    def answers(self, method: str) -> NDArray[np.int64]:
        """Return the ids of the best answers so far, int64 (n,); -1 if there is none."""
        return self._answers[method]

    def see(self, first_id: int, rows: NDArray[np.float32]) -> None:
        """Consider consecutive words, float32 (k, d), as answers, except a, b and c."""
        if not len(self._questions):
            return
        for start in range(0, len(rows), BLOCK_COLUMNS):
            block = rows[start : start + BLOCK_COLUMNS]
            cosines = self._units @ block.T
            cosines /= np.maximum(np.linalg.norm(block, axis=1), SMALLEST_NORM)
            for method in self._scores:
                if method == "3cosadd":
                    self._consider(method, first_id + start, cosines, cosines)
                else:
                    moved = np.maximum((1 + cosines) / 2, 0)
                    with np.errstate(divide="ignore"):
                        near = np.log(moved)
                    self._consider(method, first_id + start, near, np.log(moved + COSMUL_EPSILON))

    def merge(self, other: AnalogySolver) -> None:
        """Take the better answers of a solver of the same questions that processed other words."""
        for method in self._scores:
            self._keep(method, slice(None), other._scores[method], other._answers[method])

    def _consider(
        self, method: str, first_id: int, near: NDArray[np.float32], far: NDArray[np.float32]
    ) -> None:
        width = near.shape[1]
        for start in range(0, len(self._questions), QUESTIONS_AT_ONCE):
            part = slice(start, start + QUESTIONS_AT_ONCE)
            a, b, c = self._questions[part].T
            scores = near[b]
            scores -= far[a]
            scores += near[c]
            own = self._asked[part] - first_id
            question, which = np.nonzero((own >= 0) & (own < width))
            scores[question, own[question, which]] = -np.inf
            best = scores.argmax(axis=1)
            self._keep(method, part, scores[np.arange(len(best)), best], best + first_id)

    def _keep(
        self,
        method: str,
        part: slice,
        scores: NDArray[np.float32],
        answers: NDArray[np.int64],
    ) -> None:
        """Replace worse answers, and equal ones with a larger id: the order does not matter."""
        kept_scores, kept = self._scores[method][part], self._answers[method][part]
        better = (scores > kept_scores) | ((scores == kept_scores) & (answers < kept))
        kept_scores[better] = scores[better]
        kept[better] = answers[better]
