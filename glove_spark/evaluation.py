"""Score vectors: word analogies (3CosAdd) and word similarity (Spearman)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from glove_spark.errors import InputError
from glove_spark.word_vectors import WordVectors

QUESTIONS_AT_ONCE = 256
"""Rows of the score matrix: V = 400k words then take 400 MB."""

SYNTACTIC_PREFIX = "gram"
"""How the files of Mikolov et al.'s syntactic questions are named."""


@dataclass(frozen=True)
class Score:
    """A result and what it rests on.

    Attributes
    ----------
    value
        Accuracy or Spearman's rho, in percent; NaN where nothing is covered.
    covered
        Questions or pairs all of whose words have a vector; others are skipped.
    total
        Questions or pairs in the file.
    """

    value: float
    covered: int
    total: int


def read_analogies(folder: str | Path) -> dict[str, list[tuple[str, str, str, str]]]:
    """Read the question files of a folder, ``a b c d`` a line, by the file's name."""
    files = sorted(Path(folder).glob("*.txt"))
    if not files:
        raise InputError(f"analogies={folder} holds no .txt files with four words a line")
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for file in files:
        rows = [line.lower().split() for line in file.read_text("utf-8").splitlines()]
        wrong = next((row for row in rows if row and len(row) != 4), None)
        if wrong is not None:
            raise InputError(f"{file}: {' '.join(wrong)!r} is not four words")
        found[file.stem] = [(row[0], row[1], row[2], row[3]) for row in rows if row]
    return found


def read_similarities(file: str | Path) -> list[tuple[str, str, float]]:
    """Read ``word word score`` lines."""
    rows = []
    for line in Path(file).read_text("utf-8").splitlines():
        parts = line.lower().split()
        if not parts:
            continue
        try:
            first, second, score = parts
            rows.append((first, second, float(score)))
        except ValueError:
            raise InputError(f"{file}: {line!r} is not two words and a score") from None
    return rows


def analogy_answers(vectors: WordVectors, questions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Answer ``a is to b as c is to ?`` by 3CosAdd: the word nearest to b - a + c.

    Parameters
    ----------
    questions
        Ids of a, b and c, (n, 3); none of the three is an answer.

    Returns
    -------
    numpy.ndarray
        Ids of the answers, (n,).
    """
    unit = vectors.unit_vectors
    answers = np.empty(len(questions), np.int64)
    for start in range(0, len(questions), QUESTIONS_AT_ONCE):
        part = questions[start : start + QUESTIONS_AT_ONCE]
        scores = (unit[part[:, 1]] - unit[part[:, 0]] + unit[part[:, 2]]) @ unit.T
        np.put_along_axis(scores, part, -np.inf, axis=1)
        answers[start : start + len(part)] = scores.argmax(axis=1)
    return answers


def score_analogies(
    vectors: WordVectors, files: Mapping[str, Iterable[tuple[str, str, str, str]]]
) -> dict[str, Score]:
    """Score every file, and ``semantic``, ``syntactic`` and ``total`` over questions."""
    right: dict[str, NDArray[np.bool_]] = {}
    totals: dict[str, int] = {}
    for name, questions in files.items():
        questions = list(questions)
        known = [[vectors.id_of.get(word, -1) for word in question] for question in questions]
        ids = np.array(known, dtype=np.int64).reshape(-1, 4)
        ids = ids[(ids >= 0).all(axis=1)]
        right[name] = analogy_answers(vectors, ids[:, :3]) == ids[:, 3]
        totals[name] = len(questions)
    syntactic = [name for name in right if name.startswith(SYNTACTIC_PREFIX)]
    groups = {name: [name] for name in right} | {
        "semantic": [name for name in right if name not in syntactic],
        "syntactic": syntactic,
        "total": list(right),
    }
    return {
        group: _accuracy([right[name] for name in names], sum(totals[name] for name in names))
        for group, names in groups.items()
    }


def score_similarity(vectors: WordVectors, pairs: Iterable[tuple[str, str, float]]) -> Score:
    """Score Spearman's rho of cosines against people's judgements."""
    pairs = list(pairs)
    known = [
        (vectors.id_of[first], vectors.id_of[second], score)
        for first, second, score in pairs
        if first in vectors and second in vectors
    ]
    if len(known) < 2:
        return Score(float("nan"), len(known), len(pairs))
    first, second = (np.array([row[k] for row in known], dtype=np.int64) for k in (0, 1))
    cosines = np.einsum("ij,ij->i", vectors.unit_vectors[first], vectors.unit_vectors[second])
    rho = spearmanr(cosines, [row[2] for row in known]).statistic
    return Score(100 * float(rho), len(known), len(pairs))


def _accuracy(right: list[NDArray[np.bool_]], total: int) -> Score:
    answers = np.concatenate(right) if right else np.empty(0, np.bool_)
    value = 100 * float(answers.mean()) if len(answers) else float("nan")
    return Score(value, len(answers), total)
