"""All scores of some vectors: as a table for people, as JSON for machines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glove_spark.evaluation.questions import Analogy, Pair, read_analogies, read_similarities
from glove_spark.evaluation.scores import (
    GROUPS,
    MISSING_RULES,
    Score,
    VectorStore,
    analogy_scores,
    similarity_score,
)
from glove_spark.kernels.analogies import METHODS

TITLES = {"3cosadd": "3CosAdd", "3cosmul": "3CosMul"}


@dataclass(frozen=True)
class Questions:
    """What is asked, by the name of its file."""

    analogies: Mapping[str, Sequence[Analogy]]
    similarity: Mapping[str, Sequence[Pair]]

    @classmethod
    def read(
        cls, analogies: str | None, similarity: Sequence[Path], *, lowercase: bool
    ) -> Questions:
        """Read the files."""
        return cls(
            read_analogies(analogies, lowercase=lowercase) if analogies else {},
            {file.stem: read_similarities(file, lowercase=lowercase) for file in similarity},
        )


@dataclass(frozen=True)
class Evaluation:
    """The scores of one set of vectors: analogies by method and file, similarity by file."""

    analogies: Mapping[str, Mapping[str, Score]]
    similarity: Mapping[str, Score]


def evaluate(store: VectorStore, questions: Questions, missing: str = "skip") -> Evaluation:
    """Ask everything of one set of vectors."""
    return Evaluation(
        analogy_scores(store, questions.analogies, METHODS, missing) if questions.analogies else {},
        {
            name: similarity_score(store, pairs, missing)
            for name, pairs in questions.similarity.items()
        },
    )


def as_table(results: Mapping[str, Evaluation], missing: str) -> str:
    """Set the scores of one or several sets of vectors, by their names, side by side."""
    lines = [f"missing words: {missing}, that is, {MISSING_RULES[missing]}"]
    first = next(iter(results.values()))
    if first.analogies:
        lines += ["", _sides(results, len(METHODS))] if len(results) > 1 else [""]
        lines.append(
            _row("analogies, % right", [TITLES[m] for _ in results for m in METHODS], "covered")
        )
        names = list(next(iter(first.analogies.values())))
        for name in names:
            if name == GROUPS[0]:
                lines.append("")
            scores = [result.analogies[m][name] for result in results.values() for m in METHODS]
            lines.append(_row(name, [_shown(score) for score in scores], _coverage(scores[0])))
    if first.similarity:
        lines += ["", _sides(results, 1)] if len(results) > 1 else [""]
        lines.append(_row("similarity, 100 x Spearman", ["rho" for _ in results], "pairs covered"))
        for name in first.similarity:
            scores = [result.similarity[name] for result in results.values()]
            lines.append(_row(name, [_shown(score) for score in scores], _coverage(scores[0])))
    return "\n".join(lines) + "\n"


def as_json(results: Mapping[str, Evaluation], missing: str) -> dict[str, Any]:
    """Return the scores as JSON types; what rests on nothing is null."""
    return {
        "missing": missing,
        "results": {
            side: {
                "analogies": {
                    method: {name: _plain(score) for name, score in scores.items()}
                    for method, scores in result.analogies.items()
                },
                "similarity": {name: _plain(score) for name, score in result.similarity.items()},
            }
            for side, result in results.items()
        },
    }


def _plain(score: Score) -> dict[str, float | int | None]:
    value = None if math.isnan(score.value) else score.value
    return {"value": value, "covered": score.covered, "total": score.total}


def _sides(results: Mapping[str, Evaluation], columns: int) -> str:
    width = 9 * columns
    return " " * 30 + "".join(f"{side:>{width}}" for side in results)


def _row(name: str, cells: Sequence[str], covered: str) -> str:
    return f"{name:30}" + "".join(f"{cell:>9}" for cell in cells) + f"  {covered:>16}"


def _shown(score: Score) -> str:
    return "-" if math.isnan(score.value) else f"{score.value:.2f}"


def _coverage(score: Score) -> str:
    return f"{score.covered:,} of {score.total:,}"
