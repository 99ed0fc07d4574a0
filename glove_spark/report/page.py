"""Write the page as one HTML file that makes no requests, with all words escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from glove_spark.extras import require
from glove_spark.report.sections import Page, Section, Table

SHAPES = {"map": "map"}
"""Figures with another shape than the default, and the name of the shape in page.css."""


def as_html(page: Page) -> str:
    """Write the page.

    Its content security policy allows no connections, and only the two scripts in the page. So even
    a word that was not escaped correctly could not run code.

    Raises
    ------
    SetupError
        If plotly, which draws the figures, is not installed.
    """
    plotly = require("plotly.offline", "plot", "the report").get_plotlyjs().replace("\r\n", "\n")
    script = _resource("theme.js") + _resource("page.js")
    data = {figure.name: figure.data for section in page.sections for figure in section.figures}
    return Template(_resource("page.html")).substitute(
        title=escape(page.title),
        policy=content_policy(plotly, script),
        style=_resource("page.css"),
        facts="".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
            for name, value in page.facts
        ),
        links="".join(
            f'<a href="#{section.name}">{escape(section.title)}</a>' for section in page.sections
        ),
        sections="\n".join(_section(section) for section in page.sections),
        data=as_script_data(data),
        plotly=plotly,
        script=script,
    )


def content_policy(*scripts: str) -> str:
    """Return a content security policy that allows only these scripts and inline styles."""
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in scripts)
    allowed = " ".join(f"'sha256-{found.decode()}'" for found in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def as_script_data(content: Any) -> str:
    r"""Return JSON for a script element: without < and >, so that no text ends the element.

    >>> as_script_data(["</script>"])
    '["\\u003c/script\\u003e"]'
    """
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _section(section: Section) -> str:
    return "\n".join(_parts_of(section))


def _parts_of(section: Section) -> Iterator[str]:
    yield f'<section id="{section.name}" aria-labelledby="{section.name}-title">'
    yield f'<h2 id="{section.name}-title">{escape(section.title)}</h2>'
    if section.missing:
        yield f'<p class="missing">{escape(section.missing)}</p>'
    if section.text:
        yield f"<p>{escape(section.text)}</p>"
    for figure in section.figures:
        if figure.name == "map":
            yield _resource("search.html")
        shape = SHAPES.get(figure.name, "usual")
        yield (
            f'<div class="figure {shape}" id="figure-{figure.name}" role="img" '
            f'aria-label="{escape(figure.label)}"></div>'
        )
        if figure.name == "map":
            yield "</div>"
    for table in section.tables:
        yield as_table(table)
    yield "</section>"


def as_table(table: Table) -> str:
    """Write a table; wide tables scroll separately."""

    def row(cells: Any, element: str) -> str:
        parts = []
        for column, cell in enumerate(cells):
            kind = ' class="number"' if column in table.numbers else ""
            scope = ' scope="col"' if element == "th" else ""
            parts.append(f"<{element}{kind}{scope}>{escape(cell)}</{element}>")
        return f"<tr>{''.join(parts)}</tr>"

    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    body = "\n".join(row(cells, "td") for cells in table.rows)
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{escape(table.header[0])}">'
        f"<table>{caption}<thead>{row(table.header, 'th')}</thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )


def _resource(name: str) -> str:
    return files("glove_spark.report").joinpath(name).read_text("utf-8")
