"""The commands that make things to look at: report and plot-neighbors."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from glove_spark.cli.parser import add_command, add_vectors, positive_number
from glove_spark.logs.lines import fields

log = logging.getLogger("glove_spark")

REPORT_EXAMPLES = """  glove-spark report out/
  glove-spark report out/ --neighbors tyranny war --ratio war peace battle treaty law
  glove-spark report out/ --output page.html --analogies questions/ --similarity ws353.txt
  glove-spark report out/ --map pca --map-words 5000
  glove-spark report today/ --compare-with yesterday/

needs plotly, which installs with: pip install 'glove_spark[plot]'
"""
PLOT_EXAMPLES = """  glove-spark plot-neighbors liberty war --vectors out/ --output plots/
  glove-spark plot-neighbors frog --vectors glove.6B.300d.txt -n 20 --theme dark

PNG needs matplotlib, which installs with: pip install 'glove_spark[plot]'
"""


def add_report(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "report",
        "an output folder as one web page: how it went, a map of the words, scores",
        _report,
        REPORT_EXAMPLES,
    )
    command.add_argument("folder", metavar="DIR", help="an output folder")
    command.add_argument(
        "--output", metavar="FILE", help="the page to write (default: report.html in DIR)"
    )
    command.add_argument(
        "--reuse", metavar="DIR", help="where to find datasets that the folder lacks"
    )
    command.add_argument("--title", default="", help="of the page (default: the folder's name)")
    command.add_argument(
        "--neighbors",
        nargs="+",
        default=[],
        metavar="WORD",
        help="list neighbours of these words (default: some are chosen)",
    )
    command.add_argument(
        "--ratio",
        nargs="+",
        metavar="WORD",
        help="words I J K...: ratios of P(K|I) and P(K|J) (default: ice and steam)",
    )
    command.add_argument(
        "--map",
        choices=("auto", "umap", "pca"),
        default="auto",
        help="how the map places words; auto, the default, is UMAP where it is installed "
        "(pip install 'glove_spark[umap]') and PCA where not",
    )
    command.add_argument(
        "--map-words",
        type=positive_number,
        default=3000,
        metavar="N",
        help="the most frequent words on the map (default: 3000)",
    )
    command.add_argument("--seed", type=int, default=1, metavar="N", help="of UMAP (default: 1)")
    command.add_argument(
        "--compare-with",
        metavar="OLD",
        help="show what moved since, and new words: an output folder, or vectors of any format",
    )
    command.add_argument("--analogies", metavar="PATH", help="score them, as evaluate does")
    command.add_argument(
        "--similarity", metavar="PATH", nargs="+", default=[], help="score them, as evaluate does"
    )
    command.add_argument(
        "--keep-case", action="store_true", help="ask questions in the case they are written in"
    )


def add_plot_neighbors(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "plot-neighbors",
        "a word and its nearest words as a picture: HTML and PNG",
        _plot_neighbors,
        PLOT_EXAMPLES,
    )
    command.add_argument("words", metavar="WORD", nargs="+")
    add_vectors(command)
    command.add_argument(
        "-n", type=positive_number, default=12, metavar="N", help="how many words (default: 12)"
    )
    command.add_argument(
        "--output", default=".", metavar="DIR", help="the folder to write to (default: this one)"
    )
    command.add_argument(
        "--theme",
        choices=("light", "dark", "both"),
        default="both",
        help="of PNG files (default: both); HTML follows the reader's and can be switched",
    )
    command.add_argument(
        "--only", choices=("html", "png"), help="write one of the two (default: both)"
    )


def _report(given: argparse.Namespace) -> None:
    from glove_spark.errors import ConfigurationError
    from glove_spark.evaluation.questions import similarity_files
    from glove_spark.report.build import ReportOptions, write_report
    from glove_spark.store.location import Location

    if given.ratio is not None and len(given.ratio) < 3:
        raise ConfigurationError(
            f"ratio={' '.join(given.ratio)} must be at least three words: I, J and one or more K"
        )
    options = ReportOptions(
        title=given.title,
        reuse=Location.of(given.reuse) if given.reuse else None,
        neighbors=given.neighbors,
        ratio=given.ratio,
        map_words=given.map_words,
        method=given.map,
        seed=given.seed,
        analogies=given.analogies,
        similarity=similarity_files(given.similarity),
        lowercase=not given.keep_case,
        compare_with=given.compare_with,
    )
    target = (
        Location.of(given.output) if given.output else Location.of(given.folder) / "report.html"
    )
    size = write_report(given.folder, target, options)
    log.info("report: %s, %.1f MB", target.shown, size / 1e6, extra=fields(bytes=size))


def _plot_neighbors(given: argparse.Namespace) -> None:
    from glove_spark.report.neighbor_plot import write_plots
    from glove_spark.vectors.word_vectors import WordVectors

    vectors = WordVectors.load(given.vectors, given.format, vocab=given.vocab)
    themes = ("light", "dark") if given.theme == "both" else (given.theme,)
    for word in given.words:
        for file in write_plots(
            vectors, word, given.n, given.output, themes=themes, only=given.only
        ):
            log.info("written: %s", file.shown)
