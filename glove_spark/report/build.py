"""Build the report page of an output folder from its datasets."""

from __future__ import annotations

from glove_spark.errors import GloveSparkError, InputError
from glove_spark.evaluation.questions import similarity_files
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
from glove_spark.settings.vectors import PageSettings
from glove_spark.store.location import Location


def make_page(folder: str | Location, options: PageSettings) -> Page:
    """Collect the sections of the report of an output folder.

    Raises
    ------
    InputError
        If it contains no dataset.
    UnknownWordError
        If a given word has no vector.
    """
    root = Location.of(folder)
    manifests = Manifests(root, Location.of(options.reuse) if options.reuse else None)
    if not manifests.found:
        raise InputError(f"{root.shown} contains no dataset; name the output folder of a run")
    sections = [
        *_sections_of_words(root, manifests, options),
        ratios(manifests.holder("cooccurrence"), options.ratio or None),
        training(manifests),
        vocabulary(manifests),
        stages(manifests),
        configuration(manifests),
    ]
    return Page(options.title or f"Word vectors of {root.name}", summary(manifests), sections)


def write_report(folder: str | Location, target: str | Location, options: PageSettings) -> int:
    """Write the report of an output folder as one HTML file; return its size in bytes."""
    content = as_html(make_page(folder, options)).encode()
    Location.of(target).write_bytes(content)
    return len(content)


def _sections_of_words(
    root: Location, manifests: Manifests, options: PageSettings
) -> list[Section]:
    """Make the sections that need vectors; without vectors, each says so."""
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
            options.map,
            options.seed,
        ),
        *moved,
        evaluation(
            source,
            options.analogies,
            similarity_files(options.similarity),
            lowercase=not options.keep_case,
        ),
    ]
