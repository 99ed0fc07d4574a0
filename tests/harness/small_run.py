"""A small corpus and a small pipeline, whose results are compared byte by byte."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from glove_spark.store.location import Location
from glove_spark.store.manifest import file_sizes

COMPARED = ("vocabulary", "cooccurrence", "blocks", "model", "vectors", "vectors.txt")
"""Datasets with guaranteed bytes. Tokens have the same content, but any division into files."""

COMMAND = [sys.executable, "-m", "glove_spark.cli"]

OPTIONS = {
    "vocabulary": ["--min-count", "2"],
    "cooccurrence": ["--window-size", "60"],
    "blocks": ["--num-blocks", "2"],
    "train": ["--vector-size", "32", "--epochs", "12"],
}
"""Options of each stage, so that it takes seconds on the corpus of `write_corpus`."""

RUN_OPTIONS = [word for words in OPTIONS.values() for word in words]


def write_corpus(folder: Path, *, tokens: int = 600_000, words: int = 8000, files: int = 6) -> Path:
    """Write lines of 30 tokens with the frequencies of a language, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    names = np.array([f"word{k}" for k in range(words)])
    for number in range(files):
        drawn = rng.zipf(1.15, (tokens // files // 30, 30))
        lines = names[np.minimum(drawn, words) - 1]
        text = "\n".join(" ".join(line) for line in lines)
        (folder / f"part-{number}.txt").write_text(text, encoding="utf-8")
    return folder


def results(out: Path, datasets: Iterable[str] = COMPARED) -> dict[str, str]:
    """Return the SHA-256 of every published file, except those with times."""
    return {
        f"{name}/{file}": hashlib.sha256((out / name / file).read_bytes()).hexdigest()
        for name in datasets
        for file in file_sizes(Location.of(out / name))
        if not file.endswith((".json", ".jsonl"))
    }
