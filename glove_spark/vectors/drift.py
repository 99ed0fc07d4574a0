"""Measure how far vectors moved from one model to the next, after the best rotation.

Two models that are equally good may differ by a rotation, which changes no cosine. So the old unit
vectors are first rotated to fit the new ones best (orthogonal Procrustes, Schönemann 1966;
Hamilton, Leskovec and Jurafsky 2016 for words). The remaining difference is the drift.

>>> rng = np.random.default_rng(0)
>>> vectors = rng.normal(size=(50, 4)).astype(np.float32)
>>> rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
>>> words = [f"w{k}" for k in range(50)]
>>> found = measure_drift(WordVectors(words, vectors), WordVectors(words, vectors @ rotation))
>>> round(abs(found.mean), 6)
0.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, GloveSparkError, InputError
from glove_spark.kernels.analogies import SMALLEST_NORM
from glove_spark.settings.vectors import DriftSettings
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.vectors.word_vectors import WordVectors

Neighbors = list[tuple[str, float]]

CHUNK_ROWS = 1 << 16
"""Words that are copied at once; this bounds the memory in addition to the vectors."""

ALIGNED_WORDS = 50_000
"""The number of most frequent common words for the rotation; rarer ones are mostly noise."""


@dataclass(frozen=True)
class MovedWord:
    """A word, the cosine of its two vectors, and its neighbours in both models."""

    word: str
    cosine: float
    before: Neighbors
    after: Neighbors


@dataclass(frozen=True)
class Drift:
    """What changed from old vectors to new ones.

    Attributes
    ----------
    num_common, num_new, num_gone
        The numbers of words in both, only in the new vectors, only in the old ones.
    mean
        The mean of 1 - cosine over all common words, each counted once: 0 is no drift, 1 is chance.
    weighted_mean
        The same mean, weighted by the counts of words.
    weights
        The weights: ``"counts"``, or ``"1/rank"`` if there are no counts.
    moved
        The words with the smallest cosines among the most frequent ones, smallest first.
    new
        The most frequent new words and their neighbours.
    """

    num_common: int
    num_new: int
    num_gone: int
    mean: float
    weighted_mean: float
    weights: str
    moved: list[MovedWord]
    new: list[tuple[str, Neighbors]]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)

    def as_table(self) -> str:
        """Return it as text."""
        lines = [
            f"{self.num_common:,} words in common, {self.num_new:,} new, {self.num_gone:,} gone",
            f"drift {self.mean:.4f}, weighted by {self.weights} {self.weighted_mean:.4f}",
        ]
        if self.moved:
            lines += ["", "moved most"]
        for moved in self.moved:
            lines.append(f"{moved.word}  {moved.cosine:.2f}")
            lines.append(f"    before: {listed(moved.before)}")
            lines.append(f"    after:  {listed(moved.after)}")
        if self.new:
            lines += ["", "new words"]
        lines += [f"{word}: {listed(neighbors)}" for word, neighbors in self.new]
        return "\n".join(lines) + "\n"


def listed(neighbors: Neighbors) -> str:
    """Return neighbours as one line of text.

    >>> listed([("sea", 0.5), ("ocean", 0.25)])
    'sea 0.50, ocean 0.25'
    """
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in neighbors)


def measure_drift(
    old: WordVectors,
    new: WordVectors,
    counts: NDArray[np.int64] | None = None,
    *,
    shown: int = DriftSettings.number,
    among: int = DriftSettings.among,
    num_neighbors: int = 8,
) -> Drift:
    """Compare two sets of vectors.

    Parameters
    ----------
    counts
        int64, the count of each word of ``new``; by default, words are assumed to be in order of
        frequency, with counts proportional to 1/rank.
    shown
        The largest number of moved words and of new words to list.
    among
        Moved words are searched among this number of most frequent words, because a rare word moves
        with every text in which it occurs.
    num_neighbors
        The number of neighbours to list per word.

    Raises
    ------
    ConfigurationError
        If the vectors have different sizes.
    InputError
        If they do not have more common words than dimensions: then some rotation always fits.
    """
    weight = 1 / np.arange(1, len(new) + 1) if counts is None else counts.astype(np.float64)
    by_frequency = np.argsort(-weight, kind="stable")
    before, after = _in_common(old, new, by_frequency)
    rotation = _rotation(old, new, before[:ALIGNED_WORDS], after[:ALIGNED_WORDS])
    cosines = np.concatenate(
        [
            np.einsum("nd,nd->n", former @ rotation, later)
            for former, later in _unit_pairs(old, new, before, after)
        ]
    )
    cosines = np.clip(cosines, -1, 1)
    total = weight[after].sum()
    far = np.argsort(cosines[:among], kind="stable")[:shown]
    unknown = by_frequency[[new.words[k] not in old for k in by_frequency]]
    return Drift(
        num_common=len(after),
        num_new=len(new) - len(after),
        num_gone=len(old) - len(after),
        mean=float(np.mean(1 - cosines)),
        weighted_mean=float((weight[after] @ (1 - cosines)) / total) if total else float("nan"),
        weights="1/rank" if counts is None else "counts",
        moved=[
            MovedWord(
                word,
                float(cosines[place]),
                old.most_similar(word, topn=num_neighbors),
                new.most_similar(word, topn=num_neighbors),
            )
            for place in far
            for word in [new.words[after[place]]]
        ],
        new=[
            (new.words[k], new.most_similar(new.words[k], topn=num_neighbors))
            for k in unknown[:shown]
        ],
    )


def best_rotation(
    old: WordVectors, new: WordVectors, counts: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return the rotation, (d, d), with which old unit vectors are nearest to the new ones.

    ``old @ rotation`` is near ``new``, and ``new @ rotation.T`` near ``old``. For ``counts`` and
    the errors see `measure_drift`.
    """
    weight = 1 / np.arange(1, len(new) + 1) if counts is None else counts.astype(np.float64)
    before, after = _in_common(old, new, np.argsort(-weight, kind="stable"))
    return _rotation(old, new, before[:ALIGNED_WORDS], after[:ALIGNED_WORDS])


def _in_common(
    old: WordVectors, new: WordVectors, by_frequency: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of common words in the old and in the new set, frequent ones first."""
    if old.vector_size != new.vector_size:
        raise ConfigurationError(
            f"the old vectors have {old.vector_size} dimensions and the new ones "
            f"{new.vector_size}; compare vectors with the same number of dimensions"
        )
    before = np.array([old.key_to_index.get(word, -1) for word in new.words], np.int64)
    after = by_frequency[before[by_frequency] >= 0]
    if len(after) <= new.vector_size:
        raise InputError(
            f"{len(after):,} common words are too few: vectors of {new.vector_size} dimensions "
            "need more common words than dimensions; compare models of the same language and "
            "tokenizer"
        )
    return before[after], after


def counts_beside(path: str | Location, words: Sequence[str]) -> NDArray[np.int64] | None:
    """Look up the counts of words in the vocabulary or model next to the vectors.

    Returns
    -------
    NDArray or None
        int64 (n,), 0 for unknown words; None if neither dataset exists.
    """
    for name in ("vocabulary", "model"):
        try:
            found = Vocabulary.read(open_dataset(Location.of(path) / name, hasher=None).location)
        except GloveSparkError:
            continue
        ids = found.ids_of(words)
        return np.where(ids >= 0, found.counts[ids], 0)
    return None


def _rotation(
    old: WordVectors, new: WordVectors, before: NDArray[np.int64], after: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Solve orthogonal Procrustes from the d x d product of the two, which is summed by chunks."""
    product = np.zeros((new.vector_size, new.vector_size))
    for former, later in _unit_pairs(old, new, before, after):
        product += former.T @ later
    left, _, right = svd(product)
    return np.asarray(left @ right)


def _unit_pairs(
    old: WordVectors, new: WordVectors, before: NDArray[np.int64], after: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    for start in range(0, len(after), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        yield _unit_rows(old, before[part]), _unit_rows(new, after[part])


def _unit_rows(vectors: WordVectors, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    norms = np.maximum(vectors.norms[rows], SMALLEST_NORM)
    return np.asarray(vectors.vectors[rows] / norms[:, None], np.float64)
