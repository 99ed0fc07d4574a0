"""The quality gate: decide whether new vectors are good enough to replace the current ones."""

from __future__ import annotations

from collections.abc import Mapping

from glove_spark.evaluation.report import Questions, evaluate
from glove_spark.evaluation.scores import InMemory
from glove_spark.exchange.source import VectorSource
from glove_spark.store.manifest import fingerprint
from glove_spark.vectors.word_vectors import WordVectors

ANALOGIES, SIMILARITY = "analogies", "similarity"
TOTAL = f"{ANALOGIES}/total"
MEAN = f"{SIMILARITY}/mean"

MISSING = "wrong"
"""Count questions with unknown words as wrong. If they were omitted, a new word would add its
questions and could lower a score although no vector became worse."""

METHOD = "3cosadd"


def gate_scores(source: VectorSource, questions: Questions) -> dict[str, float]:
    """Score vectors: percent by set, `TOTAL` over all analogies and `MEAN` of the similarities."""
    found = evaluate(InMemory(WordVectors.read(source)), questions, MISSING)
    scores: dict[str, float] = {}
    if found.analogies:
        scores |= {f"{ANALOGIES}/{name}": s.value for name, s in found.analogies[METHOD].items()}
    if found.similarity:
        values = {f"{SIMILARITY}/{name}": s.value for name, s in found.similarity.items()}
        scores |= {**values, MEAN: sum(values.values()) / len(values)}
    # NaN if all pairs of a set have the same value: it cannot be compared or written as JSON
    return {name: round(value, 4) for name, value in scores.items() if value == value}


def questions_fingerprint(questions: Questions) -> str:
    """Hash the questions: only scores of the same questions can be compared."""
    return fingerprint([dict(questions.analogies), dict(questions.similarity), MISSING, METHOD])


def falls(before: Mapping[str, float], now: Mapping[str, float], margin: float) -> list[str]:
    """Describe which of `TOTAL` and `MEAN` fall by more than ``margin`` points.

    >>> falls({"analogies/total": 22.0}, {"analogies/total": 20.5}, 1.0)
    ['analogies fall from 22.00 to 20.50']
    >>> falls({"analogies/total": 22.0}, {"analogies/total": 21.5}, 1.0)
    []
    """
    return [
        f"{name.partition('/')[0]} fall from {before[name]:.2f} to {now.get(name, 0.0):.2f}"
        for name in (TOTAL, MEAN)
        if name in before and before[name] - now.get(name, 0.0) > margin
    ]
