"""Read files of analogies, and of word pairs with similarity scores."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from glove_spark.errors import InputError

Analogy: TypeAlias = tuple[str, str, str, str]
"""The words a, b, c and d of "a is to b as c is to d"."""

Pair: TypeAlias = tuple[str, str, float]
"""Two words and their similarity according to people."""

SECTION = ":"
"""The beginning of a line with the name of a section, in the file of Mikolov et al."""


def read_analogies(path: str | Path, *, lowercase: bool = True) -> dict[str, list[Analogy]]:
    """Read analogy questions, one ``a b c d`` per line, by the name of their file or section.

    A line of two words is a pair in the format of BATS, ``word answer/other/answers``. Every two
    pairs of a file make a question, and the first answer is the expected one.

    Parameters
    ----------
    path
        A folder of .txt files, or a file; lines such as ``: capital-world`` begin sections.

    Raises
    ------
    InputError
        If there are no questions, or if a line is not four words; the message names the line.
    """
    files = _text_files(Path(path), "analogies")
    found: dict[str, list[Analogy]] = {}
    for file in files:
        name = file.stem
        pairs: list[tuple[str, str]] = []
        for number, line in _lines(file, lowercase=lowercase):
            if line.startswith(SECTION):
                name = line.removeprefix(SECTION).strip()
                continue
            if line.startswith("#"):
                continue
            row = line.split()
            if len(row) == 2:
                pairs.append((row[0], row[1].split("/")[0]))
            elif len(row) == 4:
                found.setdefault(name, []).append((row[0], row[1], row[2], row[3]))
            else:
                raise InputError(
                    f"{file}, line {number}: {line!r} must be four words, or two words in the "
                    "format of BATS; correct or delete the line"
                )
        for a, b in pairs:
            found.setdefault(name, []).extend((a, b, c, d) for c, d in pairs if c != a)
    if not found:
        raise InputError(
            f"analogies={path} contains no questions; name a file with four words per line"
        )
    return found


def read_similarities(path: str | Path, *, lowercase: bool = True) -> list[Pair]:
    """Read word pairs and their similarity scores, in the formats of published files.

    A line has two words and a score, separated by spaces, tabs, commas or semicolons; a file may
    begin with a header (WordSim-353, SimLex-999), have further columns (SimLex-999, RareWords,
    SimVerb), comments after ``#``, and words that end in their part of speech (MEN's ``sun-n``).
    The score is the column with that name in the header, otherwise the first number after the
    words.

    Raises
    ------
    InputError
        If the file is missing, or a line has another form; the error names it.
    """
    lines = [
        (number, line)
        for number, line in _lines(Path(path), lowercase=lowercase)
        if not line.startswith("#")
    ]
    if not lines:
        return []
    separator = next((mark for mark in "\t,;" if mark in lines[0][1]), None)
    rows = [(number, _fields(line, separator)) for number, line in lines]
    score_at = None
    if _is_header(rows[0][1]):
        score_at = _score_column(rows[0][1])
        rows = rows[1:]
    pairs = [_pair(path, number, fields, score_at) for number, fields in rows]
    tagged = pairs and all(_TAG.search(word) for pair in pairs for word in pair[:2])
    return [(_TAG.sub("", a), _TAG.sub("", b), score) for a, b, score in pairs] if tagged else pairs


_TAG = re.compile(r"-[nvjar]$")
"""The part of speech, in files where every word has one."""

_SCORE_NAMES = re.compile(r"simlex|score|mean|rating|human|similarity|relatedness")


def _fields(line: str, separator: str | None) -> list[str]:
    return [field.strip().strip('"') for field in line.split(separator)]


def _is_score(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _is_header(fields: list[str]) -> bool:
    """Return whether a line is a header: it has no number, and contains "word" or "score"."""
    named = any("word" in field or _SCORE_NAMES.search(field) for field in map(str.lower, fields))
    return named and not any(_is_score(field) for field in fields[2:])


def _score_column(header: list[str]) -> int | None:
    named = (k for k, name in enumerate(header) if k > 1 and _SCORE_NAMES.search(name.lower()))
    return next(named, None)


def _pair(path: str | Path, number: int, fields: list[str], score_at: int | None) -> Pair:
    shown = " ".join(fields)
    scores = [k for k in range(2, len(fields)) if _is_score(fields[k])]
    at = score_at if score_at is not None else next(iter(scores), None)
    if at is None or at not in scores or not all(fields[:2]):
        raise InputError(
            f"{path}, line {number}: {shown!r} must be two words and a score; correct or delete "
            "the line"
        )
    score = float(fields[at])
    if not math.isfinite(score):
        raise InputError(
            f"{path}, line {number}: the score {score} must be finite; correct or delete the line"
        )
    return fields[0], fields[1], score


def names_of(files: Sequence[Path]) -> dict[str, Path]:
    """Return unique names of files: their stems, with the folder if stems are the same.

    >>> list(names_of([Path("a/ws353.txt"), Path("b/ws353.txt"), Path("b/men.txt")]))
    ['a/ws353', 'b/ws353', 'men']
    """
    different = list({file.resolve(): file for file in files}.values())
    stems = [file.stem for file in different]
    names: dict[str, Path] = {}
    for file in different:
        name = file.stem
        if stems.count(name) > 1:
            name = f"{file.absolute().parent.name}/{name}"
        if name in names:
            name = str(file.with_suffix(""))
        names[name] = file
    return names


def similarity_files(paths: Sequence[str]) -> list[Path]:
    """List files, and the .txt files of folders."""
    return [file for path in paths for file in _text_files(Path(path), "similarity")]


def _text_files(path: Path, setting: str) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise InputError(f"{setting}={path} does not exist; name a file or a folder of .txt files")
    files = sorted(path.glob("*.txt"))
    if not files:
        raise InputError(
            f"{setting}={path} contains no .txt files; name a file or a folder of .txt files"
        )
    return files


def _lines(file: Path, *, lowercase: bool) -> Iterator[tuple[int, str]]:
    """Yield the numbers and texts of lines that are not blank."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 (byte {error.start}); convert it to UTF-8") from None
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}; check the path and its permissions"
        ) from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.strip().lower() if lowercase else line.strip()
