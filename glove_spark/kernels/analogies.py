"""Answer many analogies at once, a block of the vocabulary at a time.

The questions of a test set ask of few different words: the 19,544 of Mikolov et al. of some 900.
So the cosines of those words with a block of the vocabulary come from one matrix product, and a
question adds up three of its rows:

    3CosAdd   cos(x, b) - cos(x, a) + cos(x, c)
    3CosMul   cos'(x, b) cos'(x, c) / (cos'(x, a) + eps),   cos' = (1 + cos) / 2

(Mikolov et al. 2013; Levy and Goldberg 2014.) The second is the first with logarithms for cosines,
so both run through the same lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

METHODS = ("3cosadd", "3cosmul")

COSMUL_EPSILON = 1e-6
"""Keeps 3CosMul from dividing by zero; gensim's."""

SMALLEST_NORM = 1e-12
"""What a zero vector is divided by."""

BLOCK_COLUMNS = 1024
"""Words of the vocabulary scored at once: their cosines with 900 words are 4 MB."""

QUESTIONS_AT_ONCE = 128
"""With `BLOCK_COLUMNS` an array of 512 kB, which stays in cache from sum to maximum."""


class AnalogySolver:
    """The best answers so far, as blocks of the vocabulary pass by in any order.

    Parameters
    ----------
    vectors
        float32 (m, d), of the words that questions ask of.
    ids
        int64 (m,), their ids in the vocabulary.
    questions
        int64 (n, 3), rows of ``vectors``: a, b and c of "a is to b as c is to ?".
    methods
        Of `METHODS`.
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
        """Return the ids of the best answers so far, int64 (n,); -1 where there was none."""
        return self._answers[method]

    def see(self, first_id: int, rows: NDArray[np.float32]) -> None:
        """Consider some consecutive words, float32 (k, d), as answers; a, b and c are none."""
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
        """Take the better answers of a solver of the same questions that saw other words."""
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
        """Replace what is worse, or as good and of a later id, whatever the order of blocks."""
        kept_scores, kept = self._scores[method][part], self._answers[method][part]
        better = (scores > kept_scores) | ((scores == kept_scores) & (answers < kept))
        kept_scores[better] = scores[better]
        kept[better] = answers[better]
