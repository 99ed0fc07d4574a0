"""Vectors in memory, to ask for neighbours and analogies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.vectors import read_parquet, read_text
from glove_spark.errors import InputError
from glove_spark.manifest import Dataset
from glove_spark.stage import open_dataset
from glove_spark.storage import Location


class WordVectors:
    """Words and their vectors.

    Parameters
    ----------
    words
        In the order of ids: most frequent first.
    vectors
        float32 (n, d).
    """

    def __init__(self, words: Sequence[str], vectors: NDArray[np.float32]) -> None:
        if len(words) != len(vectors):
            raise ValueError(f"{len(words)} words do not fit {len(vectors)} vectors")
        self.words = list(words)
        self.vectors = vectors

    @classmethod
    def load(cls, path: str | Location) -> WordVectors:
        """Load an output folder, its ``vectors`` dataset, or GloVe text.

        Raises
        ------
        InputError
            If there is nothing of the kind at ``path``.
        """
        location = Location.of(path)
        if location.name.endswith(".txt"):
            return cls(*read_text(location))
        if (location / "vectors.manifest.json").exists():
            location = location / "vectors"
        dataset: Dataset = open_dataset(location)
        words: list[str] = []
        parts = []
        for file in dataset.files(".parquet"):
            for some_words, rows in read_parquet(file):
                words += some_words.to_pylist()
                parts.append(rows)
        return cls(words, np.concatenate(parts))

    @cached_property
    def id_of(self) -> dict[str, int]:
        """Position of every word."""
        return {word: position for position, word in enumerate(self.words)}

    @cached_property
    def unit_vectors(self) -> NDArray[np.float32]:
        """The vectors at length 1, float32 (n, d); a zero vector stays zero."""
        norms = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return np.asarray(self.vectors / np.maximum(norms, 1e-12), dtype=np.float32)

    def __contains__(self, word: str) -> bool:
        return word in self.id_of

    def __len__(self) -> int:
        return len(self.words)

    def most_similar(self, word: str, topn: int = 10) -> list[tuple[str, float]]:
        """Return the ``topn`` words nearest to ``word`` by cosine, nearest first.

        Raises
        ------
        InputError
            If ``word`` has no vector.
        """
        if word not in self.id_of:
            raise InputError(f"word {word!r} is not among the {len(self):,} words with a vector")
        own = self.id_of[word]
        scores = self.unit_vectors @ self.unit_vectors[own]
        scores[own] = -np.inf
        best = np.argsort(-scores, kind="stable")[: min(topn, len(self) - 1)]
        return [(self.words[k], float(scores[k])) for k in best]
