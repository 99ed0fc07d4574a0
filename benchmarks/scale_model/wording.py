"""Format numbers, and replace tables in a document."""

from __future__ import annotations

import re

from benchmarks.scale_model.coefficients import Power
from benchmarks.scale_model.growth import Line

UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1, "B"))


def replace_sections(text: str, sections: dict[str, list[str]]) -> str:
    """Replace the lines between the marks ``<!-- NAME -->`` and ``<!-- end of NAME -->``.

    Raises
    ------
    ValueError
        If the text lacks the marks of a section.
    """
    for name, lines in sections.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        content = "\n".join([begin, "", *lines, "", end])
        text, replaced = pattern.subn(lambda _, content=content: content, text)
        if replaced != 1:
            raise ValueError(f"{begin} and {end} must stand in the document once; add them")
    return text


def line_words(line: Line, scale: float, unit: str) -> str:
    """Format a fixed cost and a unit cost."""
    return f"{line.fixed:.2f} s, {line.each * scale:.2f} {unit}"


def power_words(power: Power) -> str:
    """Format a power of N."""
    return f"{power.factor:.3g} N^{power.exponent:.3f}"


def number_words(value: float) -> str:
    """Format a number with three digits and a letter for thousands, millions, ..."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def byte_words(value: float) -> str:
    """Format bytes."""
    size, unit = next(pair for pair in UNITS if value >= pair[0] or pair[0] == 1)
    return f"{value / size:.3g} {unit}"


def range_words(first: float, last: float) -> str:
    """Format the bytes of the smallest and of the largest cluster."""
    return (
        byte_words(first)
        if abs(last - first) <= 0.05 * last
        else f"{byte_words(first)} to {byte_words(last)}"
    )


def time_words(seconds: float) -> str:
    """Format seconds."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
