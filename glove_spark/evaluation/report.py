"""Compute all scores of some vectors, as a table or as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glove_spark.evaluation.questions import (
    Analogy,
    Pair,
    names_of,
    read_analogies,
    read_similarities,
)
from glove_spark.evaluation.scores import (
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
    """The questions, by the names of their files."""

    analogies: Mapping[str, Sequence[Analogy]]
    similarity: Mapping[str, Sequence[Pair]]

    @classmethod
    def read(
        cls, analogies: str | None, similarity: Sequence[Path], *, lowercase: bool
    ) -> Questions:
        """Read the files."""
        return cls(
            read_analogies(analogies, lowercase=lowercase) if analogies else {},
            {
                name: read_similarities(file, lowercase=lowercase)
                for name, file in names_of(similarity).items()
            },
        )


@dataclass(frozen=True)
class Evaluation:
    """The scores of one set of vectors: analogies by method and file, similarity by file."""

    analogies: Mapping[str, Mapping[str, Score]]
    similarity: Mapping[str, Score]


def evaluate(store: VectorStore, questions: Questions, missing: str = "skip") -> Evaluation:
    """Compute all scores of one set of vectors."""
    return Evaluation(
        analogy_scores(store, questions.analogies, METHODS, missing) if questions.analogies else {},
        {
            name: similarity_score(store, pairs, missing)
            for name, pairs in questions.similarity.items()
        },
    )


def as_table(results: Mapping[str, Evaluation], missing: str) -> str:
    """Return a table of the scores of one or several sets of vectors, by their names."""
    parts = [f"missing words: {missing}, that is, {MISSING_RULES[missing]}"]
    first = next(iter(results.values()))
    sides = [f"{side} " if len(results) > 1 else "" for side in results]
    if first.analogies:
        heads = [side + TITLES[method] for side in sides for method in METHODS]
        rows: list[Sequence[str]] = []
        for name in next(iter(first.analogies.values())):
            scores = [result.analogies[m][name] for result in results.values() for m in METHODS]
            rows.append([name, *map(_shown, scores), _coverage(scores[0])])
        parts.append(_table(["analogies, % right", *heads, "covered"], rows))
    if first.similarity:
        rows = []
        for name in first.similarity:
            scores = [result.similarity[name] for result in results.values()]
            rows.append([name, *map(_shown, scores), _coverage(scores[0])])
        heads = [f"{side}rho" for side in sides]
        parts.append(_table(["similarity, 100 x Spearman", *heads, "pairs covered"], rows))
    return "\n\n".join(parts) + "\n"


def as_json(results: Mapping[str, Evaluation], missing: str) -> dict[str, Any]:
    """Return the scores as JSON types; a score without questions is null."""
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


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from tabulate import tabulate

    align = ("left", *("right" for _ in heads[1:]))
    return tabulate(rows, heads, tablefmt="simple", disable_numparse=True, colalign=align)


def _shown(score: Score) -> str:
    return "-" if math.isnan(score.value) else f"{score.value:.2f}"


def _coverage(score: Score) -> str:
    return f"{score.covered:,} of {score.total:,}"
