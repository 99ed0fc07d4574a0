"""The commands that draw: report and plot-neighbors."""

from __future__ import annotations

import logging
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.logs.lines import fields
from glove_spark.settings.vectors import PlotNeighborsSettings, ReportSettings

log = logging.getLogger("glove_spark")

REPORT_EXAMPLES = """  glove-spark report out/
  glove-spark report out/ --neighbors tyranny war --ratio war peace battle treaty law
  glove-spark report out/ --output page.html --analogies questions/ --similarity ws353.txt
  glove-spark report out/ --map pca --map-words 5000
  glove-spark report today/ --compare-with yesterday/

This command needs plotly: pip install 'glove_spark[plot]'
"""
PLOT_EXAMPLES = """  glove-spark plot-neighbors liberty war --vectors out/ --output plots/
  glove-spark plot-neighbors frog --vectors glove.6B.300d.txt -n 20 --theme dark

PNG files need matplotlib: pip install 'glove_spark[plot]'
"""


def add_report(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "report",
        "write a web page about an output folder: the run, a map of the words, neighbours, scores",
        ReportSettings,
        _report,
        REPORT_EXAMPLES,
    )


def add_plot_neighbors(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "plot-neighbors",
        "draw a word and its nearest neighbours, as HTML and PNG",
        PlotNeighborsSettings,
        _plot_neighbors,
        PLOT_EXAMPLES,
    )


def _report(settings: ReportSettings) -> None:
    from glove_spark.report.build import write_report
    from glove_spark.store.location import Location

    folder = Location.of(settings.folder)
    target = Location.of(settings.output) if settings.output else folder / "report.html"
    size = write_report(settings.folder, target, settings)
    log.info("report: %s, %.1f MB", target.shown, size / 1e6, extra=fields(bytes=size))


def _plot_neighbors(settings: PlotNeighborsSettings) -> None:
    from glove_spark.report.neighbor_plot import write_plots
    from glove_spark.vectors.word_vectors import WordVectors

    vectors = WordVectors.load(
        settings.vectors,
        settings.format,
        vocab=settings.vocab,
        repeated_words=settings.repeated_words,
        encoding_errors=settings.encoding_errors,
    )
    themes = ("light", "dark") if settings.theme == "both" else (settings.theme,)
    for word in settings.words:
        for file in write_plots(
            vectors, word, settings.number, settings.output, themes=themes, only=settings.only
        ):
            log.info("written: %s", file.shown)
