"""The elements of a page, before they become HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table of plain text.

    Attributes
    ----------
    header
        Names of the columns.
    rows
        The rows, with as many cells.
    numbers
        Columns with numbers, which are aligned to the right.
    caption
        A description; may be empty.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure that the page draws.

    Attributes
    ----------
    name
        The function in page.js that draws it.
    label
        A description for readers who cannot see it.
    data
        The data, as JSON types.
    """

    name: str
    label: str
    data: Any


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    name
        Its anchor.
    text
        A sentence or two.
    missing
        Why the section is empty; otherwise an empty string.
    """

    name: str
    title: str
    text: str = ""
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    missing: str = ""


@dataclass(frozen=True)
class Page:
    """A whole page: a title, a line of facts below it, sections."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section] = field(default_factory=list)


def number(value: float) -> str:
    """Write a number with separators between thousands.

    >>> [number(value) for value in (1234567, 1234.5, 0.05, 0.0000123, 3.0)]
    ['1,234,567', '1,234.5', '0.05', '1.23e-05', '3']
    """
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def size(number_of_bytes: int) -> str:
    """Write a size.

    >>> size(512), size(45_678), size(1_234_567_890)
    ('512 B', '45.7 kB', '1.2 GB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number_of_bytes >= unit:
            return f"{number_of_bytes / unit:.1f} {name}"
    return f"{number_of_bytes} B"


def seconds(value: float) -> str:
    """Write a time.

    >>> seconds(0.25), seconds(75.4), seconds(3700)
    ('0.25 s', '1 min 15 s', '1 h 2 min')
    """
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes = round(value / 60)
    if value < 3600:
        return f"{int(value // 60)} min {int(value % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"
