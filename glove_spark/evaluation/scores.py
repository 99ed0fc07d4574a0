"""Compute scores and coverage from answers, and decide how missing words count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from glove_spark.evaluation.questions import Analogy, Pair
from glove_spark.kernels.analogies import METHODS, SMALLEST_NORM, AnalogySolver
from glove_spark.vectors.word_vectors import WordVectors

SYNTACTIC_PREFIX = "gram"
"""The prefix of the file names of syntactic questions by Mikolov et al."""

GROUPS = ("semantic", "syntactic", "total")

MISSING_RULES = {
    "skip": "a question or pair with a word that has no vector is left out",
    "wrong": "a question with a word that has no vector counts as answered wrongly, "
    "and a pair with one as of cosine 0",
}
"""What to do if a word has no vector."""


@dataclass(frozen=True)
class Score:
    """A score and its coverage.

    Attributes
    ----------
    value
        Accuracy or Spearman's rho, in percent; NaN if there are no questions.
    covered
        The number of questions or pairs whose words all have a vector.
    total
        The number of questions or pairs in the file.
    """

    value: float
    covered: int
    total: int


@dataclass(frozen=True)
class KnownWords:
    """The words that have a vector, among some words.

    Attributes
    ----------
    row_of
        The row of each word.
    ids, vectors
        int64 (m,) and float32 (m, d), by row.
    """

    row_of: Mapping[str, int]
    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]


class VectorStore(Protocol):
    """Vectors that can be searched, in this process or elsewhere."""

    def find(self, words: Iterable[str]) -> KnownWords:
        """Fetch the vectors of words; words without one are omitted."""

    def solve(self, solver: AnalogySolver) -> AnalogySolver:
        """Let a solver process every vector; return it, or another one with its answers."""


class InMemory:
    """Vectors in this process."""

    def __init__(self, vectors: WordVectors) -> None:
        self._vectors = vectors

    def find(self, words: Iterable[str]) -> KnownWords:
        """Look up the vectors."""
        known = [word for word in dict.fromkeys(words) if word in self._vectors]
        ids = np.array([self._vectors.key_to_index[word] for word in known], np.int64)
        rows = np.asarray(self._vectors.vectors[ids], np.float32)
        return KnownWords({word: row for row, word in enumerate(known)}, ids, rows)

    def solve(self, solver: AnalogySolver) -> AnalogySolver:
        """Process the whole matrix."""
        solver.see(0, np.asarray(self._vectors.vectors))
        return solver


def score_analogies(
    vectors: WordVectors,
    files: Mapping[str, Sequence[Analogy]],
    method: str = "3cosadd",
    missing: str = "skip",
) -> dict[str, Score]:
    """Score the questions of every file and of all `GROUPS`, with one method."""
    return analogy_scores(InMemory(vectors), files, (method,), missing)[method]


def analogy_scores(
    store: VectorStore,
    files: Mapping[str, Sequence[Analogy]],
    methods: Sequence[str] = METHODS,
    missing: str = "skip",
) -> dict[str, dict[str, Score]]:
    """Score the questions of every file and of all `GROUPS`, with several methods.

    Parameters
    ----------
    missing
        A key of `MISSING_RULES`.
    """
    known = store.find(word for questions in files.values() for row in questions for word in row)
    rows_of = {
        name: np.array(
            [[known.row_of.get(word, -1) for word in question] for question in questions], np.int64
        ).reshape(-1, 4)
        for name, questions in files.items()
    }
    covered = {name: rows[(rows >= 0).all(axis=1)] for name, rows in rows_of.items()}
    asked = np.concatenate([*covered.values(), np.empty((0, 4), np.int64)])
    solver = AnalogySolver(known.vectors, known.ids, asked[:, :3], methods)
    solver = store.solve(solver)
    ends = np.cumsum([len(rows) for rows in covered.values()])
    scores = {}
    for method in methods:
        right = solver.answers(method) == known.ids[asked[:, 3]]
        right_of = dict(zip(covered, np.split(right, ends[:-1]), strict=True))
        scores[method] = {
            group: _accuracy(
                [right_of[name] for name in names],
                sum(len(files[name]) for name in names),
                missing,
            )
            for group, names in _groups(files).items()
        }
    return scores


def score_similarity(vectors: WordVectors, pairs: Sequence[Pair], missing: str = "skip") -> Score:
    """Compute Spearman's rank correlation between cosines and similarity scores."""
    return similarity_score(InMemory(vectors), pairs, missing)


def similarity_score(store: VectorStore, pairs: Sequence[Pair], missing: str = "skip") -> Score:
    """Compute Spearman's rank correlation between cosines and similarity scores.

    Parameters
    ----------
    missing
        A key of `MISSING_RULES`.
    """
    known = store.find(word for first, second, _ in pairs for word in (first, second))
    rows = np.array(
        [[known.row_of.get(first, -1), known.row_of.get(second, -1)] for first, second, _ in pairs],
        np.int64,
    ).reshape(-1, 2)
    judged = np.array([score for *_, score in pairs])
    covered = (rows >= 0).all(axis=1)
    norms = np.maximum(np.linalg.norm(known.vectors, axis=1, keepdims=True), SMALLEST_NORM)
    units = known.vectors / norms
    cosines = np.zeros(len(pairs))
    cosines[covered] = np.einsum("ij,ij->i", units[rows[covered, 0]], units[rows[covered, 1]])
    counted = covered if missing == "skip" else np.ones(len(pairs), np.bool_)
    rho = float("nan")
    # if all values are equal, their ranks have no meaning
    if len(set(cosines[counted].tolist())) > 1 and len(set(judged[counted].tolist())) > 1:
        rho = float(spearmanr(cosines[counted], judged[counted]).statistic)
    return Score(100 * rho, int(covered.sum()), len(pairs))


def _groups(files: Iterable[str]) -> dict[str, list[str]]:
    """Return the files of every score: single files first, then groups."""
    names = list(files)
    syntactic = [name for name in names if name.startswith(SYNTACTIC_PREFIX)]
    semantic = [name for name in names if name not in syntactic]
    groups = dict(zip(GROUPS, (semantic, syntactic, names), strict=True))
    return {name: [name] for name in names} | groups


def _accuracy(right: list[NDArray[np.bool_]], total: int, missing: str) -> Score:
    answers = np.concatenate(right) if right else np.empty(0, np.bool_)
    counted = len(answers) if missing == "skip" else total
    value = 100 * int(answers.sum()) / counted if counted else float("nan")
    return Score(value, len(answers), total)
