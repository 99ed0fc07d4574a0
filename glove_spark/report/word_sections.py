"""The sections about words: map, neighbours, ratios, scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import GloveSparkError, UnknownWordError
from glove_spark.evaluation.report import TITLES, Evaluation, Questions, evaluate
from glove_spark.evaluation.scores import InMemory, Score
from glove_spark.exchange.source import VectorSource
from glove_spark.report.sections import Figure, Section, Table
from glove_spark.report.word_map import (
    ChosenWords,
    choose_words,
    nearest_chosen,
    nearest_words,
    place_words,
    telling_words,
)
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.vectors.cooccurrence_ratio import ProbabilityRatios, probability_ratios
from glove_spark.vectors.word_vectors import WordVectors

MARKED_NEIGHBORS = 12
"""The number of neighbours that the map marks."""

LISTED_NEIGHBORS, LISTED_WORDS = 10, 12
"""Neighbours per word, and words, in the table of neighbours."""

COMMONEST = 100
"""The number of most frequent words, mostly function words, that are not in the table."""

PAPERS_WORDS = ("ice", "steam", "solid", "gas", "water", "fashion")
"""The words of table 1 of Pennington et al. 2014."""


def word_sections(
    source: VectorSource,
    vocabulary: Location,
    named: Sequence[str],
    map_words: int,
    method: str,
    seed: int,
) -> list[Section]:
    """Make the map of the first ``map_words`` words and the table of neighbours.

    Parameters
    ----------
    vocabulary
        The folder that may have counts of words.
    named
        Words whose neighbours are listed and which are on the map; by default some are chosen.
    """
    chosen = choose_words(source, map_words, named)
    positions, cosines = nearest_chosen(chosen, MARKED_NEIGHBORS)
    places, used = place_words(chosen.units, method, seed)
    listed = chosen.positions(named) or telling_words(cosines, LISTED_WORDS, COMMONEST)
    return [
        _map(chosen, places, positions, cosines, used, source.num_words, vocabulary),
        _neighbors(source, chosen, listed),
    ]


def _map(
    chosen: ChosenWords,
    places: np.ndarray,
    positions: np.ndarray,
    cosines: np.ndarray,
    method: str,
    of_all: int,
    vocabulary: Location,
) -> Section:
    low, high = places.min(axis=0), places.max(axis=0)
    scaled = (places - low) / np.maximum(high - low, 1e-9)
    data = {
        "words": chosen.words,
        "ranks": (chosen.ids + 1).tolist(),
        "counts": _counts(chosen, vocabulary),
        "x": np.round(scaled[:, 0], 4).tolist(),
        "y": np.round(scaled[:, 1], 4).tolist(),
        "near": positions.tolist(),
        "percent": np.round(100 * cosines).astype(int).tolist(),
    }
    size = len(chosen.words)
    which = f"all {size:,} words" if size == of_all else f"{size:,} of {of_all:,} words"
    text = (
        f"{which[0].upper()}{which[1:]}, placed by {method}. Search for a word, or choose a dot, "
        f"to mark its {positions.shape[1]} nearest by cosine among those on the map; drag to move, "
        "scroll to zoom, double-click for the whole. More names appear as you zoom in."
    )
    label = f"a map of {size:,} words; the search next to it lists the neighbours of a word"
    return Section("map", "Map of words", text, figures=[Figure("map", label, data)])


def _counts(chosen: ChosenWords, vocabulary: Location) -> list[int]:
    """Return the count of each word; empty if there are no counts."""
    try:
        counted = Vocabulary.read(open_dataset(vocabulary / "vocabulary").location)
    except GloveSparkError:
        return []
    ids = counted.ids_of(chosen.words)
    return [int(counted.counts[id]) if id >= 0 else 0 for id in ids]


def _neighbors(source: VectorSource, chosen: ChosenWords, listed: Sequence[int]) -> Section:
    words = [chosen.words[k] for k in listed]
    found = nearest_words(source, chosen.units[list(listed)], words, LISTED_NEIGHBORS)
    rows = [
        [word, ", ".join(f"{other} {_hundredths(cosine)}" for other, cosine in near)]
        for word, near in zip(words, found, strict=True)
    ]
    text = f"The nearest of all {source.num_words:,} words, with their cosines."
    return Section("neighbors", "Neighbours", text, [Table(["word", "nearest"], rows)])


def ratios(counts: Location, asked: Sequence[str] | None) -> Section:
    """Show ratios of co-occurrence probabilities.

    Parameters
    ----------
    counts
        A folder with the datasets vocabulary and cooccurrence.
    asked
        The words i, j and k...; by default those of the paper.
    """
    name, title = "ratios", "Probability ratios"
    i, j, *probes = asked or PAPERS_WORDS
    try:
        found = probability_ratios(counts, i, j, probes)
    except GloveSparkError as error:
        if asked and isinstance(error, UnknownWordError):
            raise
        why = str(error)
        if not asked:
            words = ", ".join(PAPERS_WORDS)
            why = f"{words} are not all here, or nothing was counted; name others by --ratio I J K"
        return Section(name, title, missing=f"No ratios: {why}.")
    text = (
        f"P(k|i) is the share of k in all that was counted around i. Large ratios tell {i} from "
        f"{j}, small ones {j} from {i}; those near 1 tell nothing."
    )
    return Section(name, title, text, [_ratio_table(found)])


def _ratio_table(found: ProbabilityRatios) -> Table:
    i, j = found.given
    rows = [
        [word, _probability(first), _probability(second), _probability(ratio)]
        for word, first, second, ratio in zip(
            found.probes, *found.probabilities, found.ratios, strict=True
        )
    ]
    header = ["k", f"P(k | {i})", f"P(k | {j})", "ratio"]
    return Table(header, rows, frozenset({1, 2, 3}))


def evaluation(
    source: VectorSource, analogies: str | None, similarity: Sequence[Path], *, lowercase: bool
) -> Section:
    """Show scores of the vectors; without questions, the section says which option to give."""
    name, title = "evaluation", "Evaluation"
    if not analogies and not similarity:
        return Section(
            name,
            title,
            missing="Not scored: give --analogies PATH or --similarity PATH.",
        )
    questions = Questions.read(analogies, similarity, lowercase=lowercase)
    result = evaluate(InMemory(WordVectors.read(source)), questions)
    return Section(
        name,
        title,
        "What has a word without a vector is left out; coverage says how much is left.",
        _score_tables(result),
    )


def _score_tables(result: Evaluation) -> list[Table]:
    tables = []
    if result.analogies:
        methods = list(result.analogies)
        rows = [
            [
                group,
                *(_score(result.analogies[method][group]) for method in methods),
                _coverage(result.analogies[methods[0]][group]),
            ]
            for group in result.analogies[methods[0]]
        ]
        header = ["analogies, % right", *(TITLES[method] for method in methods), "covered"]
        tables.append(Table(header, rows, frozenset(range(1, len(header)))))
    if result.similarity:
        rows = [
            [file, _score(score), _coverage(score)] for file, score in result.similarity.items()
        ]
        tables.append(Table(["similarity", "100 ρ", "covered"], rows, frozenset({1, 2})))
    return tables


def _score(score: Score) -> str:
    return "–" if math.isnan(score.value) else f"{score.value:.1f}"


def _coverage(score: Score) -> str:
    return f"{score.covered:,} of {score.total:,}"


def _probability(value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3g}"


def _hundredths(cosine: float) -> str:
    return f"{cosine:.2f}".replace("0.", ".", 1)
