"""Files of questions: analogies, and pairs of words that people judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from glove_spark.errors import InputError

Analogy: TypeAlias = tuple[str, str, str, str]
"""a is to b as c is to d."""

Pair: TypeAlias = tuple[str, str, float]
"""Two words and how alike people found them."""

SECTION = ":"
"""Begins a line that names the questions below it, in the one file of Mikolov et al."""


def read_analogies(path: str | Path, *, lowercase: bool = True) -> dict[str, list[Analogy]]:
    """Read questions, ``a b c d`` a line, by the name of their file or section.

    Parameters
    ----------
    path
        A folder of .txt files, or a file, which lines such as ``: capital-world`` may divide.

    Raises
    ------
    InputError
        If there are no questions, or a line is not four words; it is named.
    """
    files = _text_files(Path(path), "analogies")
    found: dict[str, list[Analogy]] = {}
    for file in files:
        name = file.stem
        for number, line in _lines(file, lowercase=lowercase):
            if line.startswith(SECTION):
                name = line.removeprefix(SECTION).strip()
                continue
            row = line.split()
            if len(row) != 4:
                raise InputError(f"{file}, line {number}: {line!r} is not four words")
            found.setdefault(name, []).append((row[0], row[1], row[2], row[3]))
    if not found:
        raise InputError(f"analogies={path} holds no questions: lines of four words")
    return found


def read_similarities(path: str | Path, *, lowercase: bool = True) -> list[Pair]:
    """Read ``word word score`` lines.

    Raises
    ------
    InputError
        If the file is missing, or a line is anything else; it is named.
    """
    rows = []
    for number, line in _lines(Path(path), lowercase=lowercase):
        try:
            first, second, score = line.split()
            rows.append((first, second, float(score)))
        except ValueError:
            raise InputError(
                f"{path}, line {number}: {line!r} is not two words and a score"
            ) from None
        if not math.isfinite(rows[-1][2]):
            raise InputError(f"{path}, line {number}: the score {rows[-1][2]} is not finite")
    return rows


def similarity_files(paths: Sequence[str]) -> list[Path]:
    """List files, and the .txt files of folders."""
    return [file for path in paths for file in _text_files(Path(path), "similarity")]


def _text_files(path: Path, setting: str) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise InputError(f"{setting}={path} does not exist")
    files = sorted(path.glob("*.txt"))
    if not files:
        raise InputError(f"{setting}={path} holds no .txt files")
    return files


def _lines(file: Path, *, lowercase: bool) -> Iterator[tuple[int, str]]:
    """Yield the numbers and texts of lines that are not blank."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.strip().lower() if lowercase else line.strip()
