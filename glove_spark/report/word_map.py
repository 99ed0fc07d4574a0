"""A map of words: their positions in the plane, and their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import ConfigurationError
from glove_spark.exchange.source import VectorSource, checked
from glove_spark.extras import installed, require
from glove_spark.kernels.analogies import SMALLEST_NORM
from glove_spark.vectors.spelling import unknown_word

METHODS = ("auto", "umap", "pca")
"""The methods to place words; auto is UMAP if it is installed."""

BLOCK = 512
"""Words whose cosines with all others are in memory at once."""


@dataclass(frozen=True)
class ChosenWords:
    """The first words of some vectors, and the named words.

    Attributes
    ----------
    words
        In the order of ids.
    ids
        int64 (n,), their positions among all words.
    units
        float32 (n, d), their vectors at length 1.
    """

    words: list[str]
    ids: NDArray[np.int64]
    units: NDArray[np.float32]

    def positions(self, words: Sequence[str]) -> list[int]:
        """Find words, which must be among these."""
        position_of = {word: position for position, word in enumerate(self.words)}
        return [position_of[word] for word in words]


def choose_words(source: VectorSource, first: int, named: Sequence[str]) -> ChosenWords:
    """Read the ``first`` words and the ``named`` ones, a chunk of vectors at a time.

    Raises
    ------
    UnknownWordError
        If a named word has no vector; the error names similar words.
    """
    wanted = set(named)
    words: list[str] = []
    ids: list[int] = []
    rows: list[NDArray[np.float32]] = []
    position = 0
    for chunk in checked(source):
        kept = [k for k, word in enumerate(chunk.words) if position + k < first or word in wanted]
        words += [chunk.words[k] for k in kept]
        ids += [position + k for k in kept]
        rows.append(_units(chunk.rows[kept]))
        position += len(chunk.words)
    missing = wanted.difference(words)
    for word in named:
        if word in missing:
            known = [known for part in source.words() for known in part]
            raise unknown_word(word, known, "with a vector")
    return ChosenWords(words, np.array(ids, np.int64), np.concatenate(rows))


def nearest_chosen(
    chosen: ChosenWords, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the nearest chosen words of every chosen word, without itself.

    Returns
    -------
    tuple
        Positions and cosines, (n, ``count``) each, or (n, n - 1) if there are fewer; nearest first,
        the more frequent first if equal.
    """
    size = len(chosen.words)
    count = min(count, size - 1)
    positions = np.empty((size, count), np.int64)
    cosines = np.empty((size, count), np.float32)
    for start in range(0, size, BLOCK):
        scores = chosen.units[start : start + BLOCK] @ chosen.units.T
        own = np.arange(len(scores))
        scores[own, start + own] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        positions[start : start + BLOCK] = best
        cosines[start : start + BLOCK] = np.take_along_axis(scores, best, axis=1)
    return positions, cosines


def nearest_words(
    source: VectorSource, units: NDArray[np.float32], own: Sequence[str], count: int
) -> list[list[tuple[str, float]]]:
    """Find the nearest of all words for some words; read the vectors one chunk at a time.

    Parameters
    ----------
    units
        float32 (n, d), the vectors of the words ``own`` at length 1.

    Returns
    -------
    list
        For each word its neighbours and their cosines, nearest first.
    """
    found: list[list[tuple[str, float]]] = [[] for _ in own]
    for chunk in source.chunks():
        scores = units @ _units(chunk.rows).T
        # one more than requested, because a word is its own nearest neighbour
        best = np.argsort(-scores, axis=1, kind="stable")[:, : count + 1]
        for number, order in enumerate(best):
            near = [(chunk.words[k], float(scores[number, k])) for k in order]
            near = [pair for pair in near if pair[0] != own[number]]
            found[number] = sorted(found[number] + near, key=lambda pair: -pair[1])[:count]
    return found


def telling_words(cosines: NDArray[np.float32], count: int, skip: int) -> list[int]:
    """Choose words with near neighbours from all over the range of frequency.

    Words from ``skip`` on are divided into ``count`` parts with equal ratios of rank. From each
    part, the word with the nearest three neighbours is chosen.

    Returns
    -------
    list
        Positions, ascending.
    """
    size = len(cosines)
    skip = min(skip, size // 4)
    edges = np.unique(np.geomspace(skip + 1, size + 1, count + 1).astype(int) - 1)
    warmth = cosines[:, :3].mean(axis=1)
    return [int(start + np.argmax(warmth[start:stop])) for start, stop in pairwise(edges)]


def place_words(
    units: NDArray[np.float32], method: str, seed: int
) -> tuple[NDArray[np.float32], str]:
    """Place words in the plane so that near ones are near.

    Returns
    -------
    tuple
        float32 (n, 2), and the name of the method.

    Raises
    ------
    SetupError
        If UMAP is requested and not installed.
    """
    if method not in METHODS:
        raise ConfigurationError(f"map={method!r} must be one of {', '.join(METHODS)}")
    # UMAP's initialization needs a few more words than dimensions
    if method == "umap" or (method == "auto" and installed("umap") and len(units) > 50):
        umap = require("umap", "umap", "--map umap")
        neighbors = min(15, len(units) - 1)
        model = umap.UMAP(n_neighbors=neighbors, metric="cosine", random_state=seed, n_jobs=1)
        return np.asarray(model.fit_transform(units), np.float32), "UMAP"
    return principal_components(units), "PCA"


def principal_components(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project on the two directions of the largest variance, float32 (n, 2).

    Each direction points to where its largest coordinate is.
    """
    centred = units - units.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    directions = vectors[:, np.argsort(-values)[:2]]
    if directions.shape[1] < 2:
        directions = np.hstack([directions, np.zeros_like(directions)])
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    return np.asarray(centred @ (directions * np.where(largest < 0, -1, 1)), np.float32)


def _units(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, SMALLEST_NORM), np.float32)
