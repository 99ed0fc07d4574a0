"""The report of an output folder, from its datasets to one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glove_spark.errors import ConfigurationError, GloveSparkError, InputError
from glove_spark.exchange.formats import open_vectors
from glove_spark.report.drift_section import drift
from glove_spark.report.page import as_html
from glove_spark.report.run_sections import (
    Manifests,
    configuration,
    stages,
    summary,
    training,
    vocabulary,
)
from glove_spark.report.sections import Page, Section
from glove_spark.report.word_sections import evaluation, ratios, word_sections
from glove_spark.store.location import Location

LARGEST_MAP = 10_000
"""Words: browsers draw a dot each, and the page takes some 160 bytes a word."""


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows.

    Attributes
    ----------
    title
        Of the page; by default the folder's name.
    reuse
        A folder for datasets that the output folder lacks.
    neighbors
        Words to list neighbours of; by default some are chosen.
    ratio
        Words i, j and k... of the table of ratios; by default the paper's.
    map_words
        How many of the first words are on the map.
    method
        One of `glove_spark.report.word_map.METHODS`.
    analogies, similarity, lowercase
        As `glove_spark.evaluation.report.Questions.read` takes them.
    compare_with
        Vectors of another day, in any format, or their output folder.
    """

    title: str = ""
    reuse: Location | None = None
    neighbors: Sequence[str] = ()
    ratio: Sequence[str] | None = None
    map_words: int = 3000
    method: str = "auto"
    seed: int = 1
    analogies: str | None = None
    similarity: Sequence[Path] = field(default_factory=tuple)
    lowercase: bool = True
    compare_with: str | None = None


def make_page(folder: str | Location, options: ReportOptions) -> Page:
    """Gather what there is to show of an output folder.

    Raises
    ------
    InputError
        If it holds no dataset of ours.
    UnknownWordError
        If a word that was asked for is not there.
    """
    if not 2 <= options.map_words <= LARGEST_MAP:
        raise ConfigurationError(f"map_words={options.map_words} must be from 2 to {LARGEST_MAP:,}")
    root = Location.of(folder)
    manifests = Manifests(root, options.reuse)
    if not manifests.found:
        raise InputError(f"{root.shown} holds no dataset with a manifest; name an output folder")
    sections = [
        *_sections_of_words(root, manifests, options),
        ratios(manifests.holder("cooccurrence"), options.ratio),
        training(manifests),
        vocabulary(manifests),
        stages(manifests),
        configuration(manifests),
    ]
    return Page(options.title or f"Word vectors of {root.name}", summary(manifests), sections)


def write_report(folder: str | Location, target: str | Location, options: ReportOptions) -> int:
    """Write the report of an output folder as one HTML file; return its size in bytes."""
    content = as_html(make_page(folder, options)).encode()
    Location.of(target).write_bytes(content)
    return len(content)


def _sections_of_words(
    root: Location, manifests: Manifests, options: ReportOptions
) -> list[Section]:
    """Make the sections that need vectors; each says so where there are none."""
    try:
        source = open_vectors(root)
    except GloveSparkError as error:
        if options.neighbors or options.analogies or options.similarity or options.compare_with:
            raise
        why = f"No vectors: {error}."
        titles = {"map": "Map of words", "neighbors": "Neighbours", "evaluation": "Evaluation"}
        return [Section(name, title, missing=why) for name, title in titles.items()]
    counts = manifests.holder("vocabulary")
    moved = [drift(source, counts, options.compare_with)] if options.compare_with else []
    return [
        *word_sections(
            source,
            counts,
            options.neighbors,
            options.map_words,
            options.method,
            options.seed,
        ),
        *moved,
        evaluation(source, options.analogies, options.similarity, lowercase=options.lowercase),
    ]
