"""The commands that look into vectors and counts: neighbors, analogy and ratio."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.errors import UnknownWordError
from glove_spark.settings.vectors import AnalogySettings, NeighborsSettings, RatioSettings

if TYPE_CHECKING:
    from glove_spark.vectors.word_vectors import WordVectors

NEIGHBORS_EXAMPLES = """  glove-spark neighbors --vectors out/ tyranny war
  glove-spark neighbors --vectors glove.6B.300d.txt --cache ~/.cache/vectors -n 20 frog
"""
ANALOGY_EXAMPLES = """  glove-spark analogy --vectors out/ man king woman
  glove-spark analogy --vectors out/ --method 3cosmul athens greece oslo
"""
RATIO_EXAMPLES = """  glove-spark ratio --counts out/ ice steam solid gas water fashion
"""


def add_neighbors(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "neighbors",
        "list the nearest neighbours of words, with their cosines",
        NeighborsSettings,
        _neighbors,
        NEIGHBORS_EXAMPLES,
    )


def add_analogy(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "analogy",
        "answer an analogy: A is to B as C is to which word?",
        AnalogySettings,
        _analogy,
        ANALOGY_EXAMPLES,
    )


def add_ratio(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "ratio",
        "show the co-occurrence probabilities P(k|i), P(k|j) and their ratio, as the GloVe paper "
        "does for ice and steam",
        RatioSettings,
        _ratio,
        RATIO_EXAMPLES,
    )


def _load(settings: NeighborsSettings) -> WordVectors:
    from glove_spark.vectors.word_vectors import WordVectors

    return WordVectors.load(
        settings.vectors,
        settings.format,
        vocab=settings.vocab,
        cache=settings.cache,
        repeated_words=settings.repeated_words,
        encoding_errors=settings.encoding_errors,
    )


def _neighbors(settings: NeighborsSettings) -> None:
    vectors = _load(settings)
    unknown = []
    for word in settings.words:
        try:
            found = vectors.most_similar(word, topn=settings.number)
        except UnknownWordError as error:
            unknown.append(str(error))
            continue
        sys.stdout.write(f"{word}: {_listed(found)}\n")
    if unknown:
        # the answers for known words have been printed
        raise UnknownWordError("\n".join(unknown))


def _analogy(settings: AnalogySettings) -> None:
    vectors = _load(settings)
    a, b, c = settings.words
    found = vectors.analogy(a, b, c, settings.number, settings.method)
    sys.stdout.write(f"{a} is to {b} as {c} is to: {_listed(found)}\n")


def _ratio(settings: RatioSettings) -> None:
    from glove_spark.vectors.cooccurrence_ratio import probability_ratios

    found = probability_ratios(settings.counts, settings.i, settings.j, settings.probes)
    sys.stdout.write(found.as_table())


def _listed(found: list[tuple[str, float]]) -> str:
    return ", ".join(f"{word} {score:.2f}" for word, score in found)
