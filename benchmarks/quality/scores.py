"""The scores that every benchmark gives its vectors: analogies and word similarity."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.records.record import Record
from glove_spark.evaluation import (
    read_analogies,
    read_similarities,
    score_analogies,
    score_similarity,
)
from glove_spark.vectors.word_vectors import WordVectors

SIMILARITY = {"MEN": "EN-MEN-TR-3k", "WS353": "EN-WS-353-ALL", "SimLex": "EN-SIMLEX-999"}


def reference_data() -> Path:
    """Find the folder of the reference data; end the program where it is not named."""
    data = os.environ.get("GLOVE_SPARK_DATA")
    if not data:
        sys.exit("GLOVE_SPARK_DATA is not set: it names the folder of the reference data")
    return Path(data)


def scores_of(vectors: WordVectors, data: Path) -> Record:
    """Score vectors: value in percent, questions covered and asked, by the test's name."""
    analogies = score_analogies(vectors, read_analogies(data / "eval" / "analogy"))
    scores = {name: analogies[name] for name in ("semantic", "syntactic", "total")}
    for name, file in SIMILARITY.items():
        pairs = read_similarities(data / "eval" / "similarity" / f"{file}.txt")
        scores[name] = score_similarity(vectors, pairs)
    return {
        name: {"value": round(score.value, 2), "covered": score.covered, "total": score.total}
        for name, score in scores.items()
    }
