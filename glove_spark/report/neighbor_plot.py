"""Draw a word with its nearest neighbours around it, as HTML and as PNG.

The distance of a word from the centre shows its cosine exactly. The direction shows which words are
similar to it: words that are close together in the plot are similar to each other.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

import numpy as np
from numpy.typing import NDArray

from glove_spark.extras import require
from glove_spark.report.page import as_table, content_policy
from glove_spark.report.sections import Table
from glove_spark.report.word_map import principal_components
from glove_spark.store.location import Location
from glove_spark.vectors.word_vectors import WordVectors

COLOURS = {
    "light": {
        "paper": "#fbfaf7",
        "ink": "#23211d",
        "muted": "#6b665c",
        "line": "#e2ded4",
        "accent": "#9a3412",
        "second": "#1d5f8a",
    },
    "dark": {
        "paper": "#16171a",
        "ink": "#e9e6df",
        "muted": "#a39d92",
        "line": "#34363b",
        "accent": "#f0955f",
        "second": "#7cbbe6",
    },
}
"""The colours of page.css."""

RADIUS = 1.0
"""The distance of the farthest word; the centre is a cosine of 1."""

WIDTH, HEIGHT = 3.4, 2.5
"""The width and height of the plot, in units of `RADIUS`."""

PNG_INCHES, PNG_DOTS = 7.5, 110

PNG_COLOURS = 64
"""Enough colours for smooth edges of five colours; the file has a quarter of the bytes."""

LINE_HEIGHT = 0.085
"""The smallest vertical distance of two labels."""


@dataclass(frozen=True)
class Spot:
    """A neighbour in the plot.

    Attributes
    ----------
    x, y
        The position, from the centre, with y upwards.
    label_y
        The height of the middle of its label.
    """

    word: str
    cosine: float
    x: float
    y: float
    label_y: float

    @property
    def on_the_right(self) -> bool:
        """Whether its label is to the right of its dot."""
        return self.x >= 0


@dataclass(frozen=True)
class NeighborPlot:
    """The positions of all elements.

    Attributes
    ----------
    rings
        Cosines and their distances from the centre.
    """

    word: str
    spots: Sequence[Spot]
    rings: Sequence[tuple[float, float]]


def lay_out(vectors: WordVectors, word: str, count: int) -> NeighborPlot:
    """Place the neighbours of a word.

    Raises
    ------
    UnknownWordError
        If it has no vector; the error names similar words.
    """
    near = vectors.most_similar(word, topn=count)
    cosines = np.array([cosine for _, cosine in near])
    scale = RADIUS / max(1e-6, 1 - cosines.min())
    distances = np.maximum((1 - cosines) * scale, 0.12)
    units = np.stack([vectors.get_vector(other, norm=True) for other, _ in near])
    angles = _angles(units)
    x, y = distances * np.cos(angles), distances * np.sin(angles)
    labels = _spread(x, y)
    spots = [
        Spot(other, cosine, float(x[k]), float(y[k]), float(labels[k]))
        for k, (other, cosine) in enumerate(near)
    ]
    return NeighborPlot(word, spots, _rings(float(cosines.min()), scale))


def _angles(units: NDArray[np.float32]) -> NDArray[np.float64]:
    """Distribute words evenly over n directions, in their order around their own centre."""
    count = len(units)
    places = principal_components(units)
    order = np.argsort(np.arctan2(places[:, 1], places[:, 0]), kind="stable")
    angles = np.empty(count)
    # no word exactly above or below, where a label has no side
    angles[order] = np.pi / 2 - (np.arange(count) + 0.5) * 2 * np.pi / count
    return angles


def _spread(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move overlapping labels of one side apart, from the middle outwards."""
    labels = y.copy()
    for side in (x >= 0, x < 0):
        for upper in (True, False):
            sign = 1 if upper else -1
            some = np.flatnonzero(side & ((y >= 0) == upper))
            last = -np.inf
            for k in some[np.argsort(sign * y[some], kind="stable")]:
                labels[k] = sign * max(sign * y[k], last + LINE_HEIGHT)
                last = sign * labels[k]
    return labels


def _rings(smallest: float, scale: float) -> list[tuple[float, float]]:
    """Choose round cosines for rings within the plot."""
    step = 0.2 if smallest < 0.6 else 0.1 if smallest < 0.8 else 0.05
    cosines = np.arange(1 - step, smallest - step / 2, -step)
    return [(round(float(cosine), 2), float((1 - cosine) * scale)) for cosine in cosines]


def write_plots(
    vectors: WordVectors,
    word: str,
    count: int,
    folder: str | Location,
    *,
    themes: Sequence[str] = ("light", "dark"),
    only: str | None = None,
) -> list[Location]:
    """Write ``neighbors-WORD.html`` and ``neighbors-WORD-THEME.png``.

    Parameters
    ----------
    only
        ``"html"`` or ``"png"`` to write one of the two.

    Raises
    ------
    SetupError
        If a PNG is wanted and matplotlib is not installed.
    """
    plot = lay_out(vectors, word, count)
    if only != "html":
        require("matplotlib", "plot", "a PNG")
    target = Location.of(folder)
    if not target.exists():
        target.make_folder()
    # a word may contain characters that are not allowed in file names
    name = "neighbors-" + (re.sub(r"[^\w.-]+", "_", word).strip(".")[:80] or "word")
    written = []
    if only != "png":
        written.append(target / f"{name}.html")
        written[-1].write_bytes(as_html(plot).encode())
    if only != "html":
        for theme in themes:
            written.append(target / f"{name}-{theme}.png")
            written[-1].write_bytes(as_png(plot, theme))
    return written


def as_html(plot: NeighborPlot) -> str:
    """Write a page with the plot as SVG, which follows the theme of the browser, and a table."""
    resource = files("glove_spark.report").joinpath
    script = resource("theme.js").read_text("utf-8") + "glovePage.themes(() => {});\n"
    rows = [[spot.word, f"{spot.cosine:.3f}"] for spot in plot.spots]
    return Template(resource("neighbors.html").read_text("utf-8")).substitute(
        title=escape(f"Nearest to {plot.word}"),
        policy=content_policy(script),
        style=resource("page.css").read_text("utf-8"),
        script=script,
        plot="\n".join(_svg(plot)),
        table=as_table(Table(["word", "cosine"], rows, frozenset({1}))),
    )


def _svg(plot: NeighborPlot) -> Iterator[str]:
    unit = 260
    left, top = WIDTH / 2 * unit, HEIGHT / 2 * unit
    yield (
        f'<svg class="plot" viewBox="{-left:.0f} {-top:.0f} {2 * left:.0f} {2 * top:.0f}" '
        f'role="img" aria-label="{escape(plot.word)} and its nearest words">'
    )
    for cosine, radius in plot.rings:
        yield f'<circle class="ring" r="{radius * unit:.1f}"/>'
        yield f'<text class="scale" y="{-radius * unit - 4:.1f}">{cosine:g}</text>'
    for spot in plot.spots:
        yield f'<line class="link" x2="{spot.x * unit:.1f}" y2="{-spot.y * unit:.1f}"/>'
    for spot in plot.spots:
        side, anchor = (10, "start") if spot.on_the_right else (-10, "end")
        yield f'<circle class="dot" cx="{spot.x * unit:.1f}" cy="{-spot.y * unit:.1f}" r="5"/>'
        yield (
            f'<text class="name" text-anchor="{anchor}" x="{spot.x * unit + side:.1f}" '
            f'y="{-spot.label_y * unit + 5:.1f}">{escape(spot.word)} '
            f'<tspan class="cosine">{spot.cosine:.2f}</tspan></text>'
        )
    yield '<circle class="middle" r="8"/>'
    yield f'<text class="word" y="-15">{escape(plot.word)}</text></svg>'


def as_png(plot: NeighborPlot, theme: str) -> bytes:
    """Draw the plot with matplotlib.

    Raises
    ------
    SetupError
        If it is not installed.
    """
    figure_of = require("matplotlib.figure", "plot", "a PNG").Figure
    effects = require("matplotlib.patheffects", "plot", "a PNG")
    colour = COLOURS[theme]
    figure = figure_of(figsize=(PNG_INCHES, PNG_INCHES * HEIGHT / WIDTH), facecolor=colour["paper"])
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-WIDTH / 2, WIDTH / 2)
    axes.set_ylim(-HEIGHT / 2, HEIGHT / 2)
    halo = [effects.withStroke(linewidth=3, foreground=colour["paper"])]

    def write(x: float, y: float, text: str, **more: object) -> object:
        # matplotlib would render $...$ as mathematics
        return axes.text(x, y, text, parse_math=False, path_effects=halo, zorder=4, **more)

    circle = np.linspace(0, 2 * np.pi, 200)
    for cosine, radius in plot.rings:
        axes.plot(radius * np.cos(circle), radius * np.sin(circle), color=colour["line"], lw=1)
        write(0, radius, f"{cosine:g}", color=colour["muted"], size=8, ha="center", va="center")
    for spot in plot.spots:
        axes.plot([0, spot.x], [0, spot.y], color=colour["second"], lw=0.9, alpha=0.5)
        axes.plot([spot.x], [spot.y], "o", color=colour["second"], ms=6, zorder=3)
        side, align = (0.045, "left") if spot.on_the_right else (-0.045, "right")
        write(
            spot.x + side,
            spot.label_y,
            f"{spot.word}  {spot.cosine:.2f}",
            color=colour["ink"],
            size=10.5,
            ha=align,
            va="center",
        )
    axes.plot([0], [0], "o", color=colour["accent"], ms=9, zorder=3)
    middle = {"color": colour["accent"], "size": 13, "weight": "bold", "ha": "center"}
    write(0, 0.06, plot.word, va="bottom", **middle)
    drawn, image = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=PNG_DOTS, facecolor=colour["paper"])
    # a dependency of matplotlib, so it is installed
    picture = require("PIL.Image", "plot", "a PNG").open(drawn).convert("RGB")
    picture.quantize(PNG_COLOURS, method=1).save(image, format="png", optimize=True)
    return image.getvalue()
