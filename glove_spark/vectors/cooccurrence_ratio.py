"""Ratios of co-occurrence probabilities: table 1 of Pennington et al. 2014, from our counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.cooccurrence import Nonzeros
from glove_spark.datasets.matrix_parts import iterate_matrix
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import InputError
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.vectors.spelling import unknown_word


@dataclass(frozen=True)
class ProbabilityRatios:
    """P(k|i), P(k|j) and their ratio for some words k.

    P(k|i) is X_ik / X_i, the share of k in the weight of all context of i. If only context on the
    left was counted, it is the context to the left of i.

    Attributes
    ----------
    given
        The words i and j.
    probes
        The words k.
    probabilities
        float64 (2, K); NaN if i or j has no context.
    """

    given: tuple[str, str]
    probes: tuple[str, ...]
    probabilities: NDArray[np.float64]

    @property
    def ratios(self) -> NDArray[np.float64]:
        """P(k|i) / P(k|j), float64 (K,); infinite if only j never occurs with k, NaN if neither."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.probabilities[0] / self.probabilities[1], np.float64)

    def as_table(self) -> str:
        """Return a table as in the paper: one column per word k."""
        from tabulate import tabulate

        i, j = self.given
        rows = [
            [f"P(k|{i})", *map(_shown, self.probabilities[0])],
            [f"P(k|{j})", *map(_shown, self.probabilities[1])],
            [f"P(k|{i})/P(k|{j})", *map(_shown, self.ratios)],
        ]
        align = ("left", *("right" for _ in self.probes))
        heads = ["k", *self.probes]
        plain = tabulate(rows, heads, tablefmt="plain", disable_numparse=True, colalign=align)
        return plain + "\n"


def probability_ratios(
    folder: str | Location, i: str, j: str, probes: Sequence[str]
) -> ProbabilityRatios:
    """Read the co-occurrences of two words, a bounded number of nonzeros at a time.

    Parameters
    ----------
    folder
        An output folder with the datasets ``vocabulary`` and ``cooccurrence``.

    Raises
    ------
    UnknownWordError
        If a word is not in the vocabulary; the error names similar words.
    """
    root = Location.of(folder)
    vocabulary = Vocabulary.read(open_dataset(root / "vocabulary").location)
    matrix = open_dataset(root / "cooccurrence")
    given, columns = _ids(vocabulary, [i, j]), _ids(vocabulary, probes)
    counts, totals = np.zeros((2, len(probes))), np.zeros(2)
    for targets, contexts, values in _by_target(
        iterate_matrix(matrix), symmetric=bool(matrix.manifest.recipe.settings["symmetric"])
    ):
        for row, word in enumerate(given):
            of_word = targets == word
            met, weight = contexts[of_word], values[of_word]
            totals[row] += weight.sum()
            counts[row] += (weight * (met == columns[:, None])).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return ProbabilityRatios((i, j), tuple(probes), counts / totals[:, None])


def _by_target(nonzeros: Iterator[Nonzeros], *, symmetric: bool) -> Iterator[Nonzeros]:
    """Return the word, then its context word; for left context, the column is the word."""
    for batch in nonzeros:
        if symmetric:
            yield batch
        else:
            yield Nonzeros(batch.col_ids, batch.row_ids, batch.counts)


def _ids(vocabulary: Vocabulary, words: Sequence[str]) -> NDArray[np.int32]:
    if not words:
        raise InputError("there are no context words k to compare; name at least one")
    ids = vocabulary.ids_of(words)
    for word in (word for word, id in zip(words, ids, strict=True) if id < 0):
        raise unknown_word(word, vocabulary.words, "of the vocabulary")
    return ids


def _shown(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.1e}" if 0 < value < 0.01 else f"{value:.3g}"
