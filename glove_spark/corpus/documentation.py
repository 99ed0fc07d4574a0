"""A real corpus that is available everywhere: the documentation in Python sources.

Sources are parsed, never imported.
"""

from __future__ import annotations

import ast
import os
import sysconfig
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from glove_spark.errors import OutputError

LARGEST_SOURCE = 2_000_000
"""Bytes; larger files are generated tables."""


def source_folders() -> list[Path]:
    """List the folders of the standard library and of the installed packages."""
    paths = sysconfig.get_paths()
    found: list[Path] = []
    for name in ("stdlib", "purelib", "platlib"):
        folder = Path(paths[name]).resolve()
        if folder.is_dir() and folder not in found:
            found.append(folder)
    return found


def write_corpus(
    target: Path, folders: list[Path], documents_per_file: int = 20_000
) -> tuple[int, int]:
    """Write the documentation strings found in ``folders``, one per line.

    A text that several files repeat is written once.

    Returns
    -------
    tuple
        Documents and white-space separated words written.
    """
    target.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    lines: list[str] = []
    files = documents = words = 0

    def flush() -> None:
        nonlocal files, lines
        part = target / f"docs-{files:03d}.txt"
        partial = part.with_suffix(".partial")
        try:
            partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
            partial.replace(part)
        except OSError as error:
            raise OutputError(
                f"cannot write {part}: {error.strerror}; name another folder with --output"
            ) from None
        files, lines = files + 1, []

    for text in documentation(folders):
        line = " ".join(text.split())
        if line not in seen:
            seen.add(line)
            lines.append(line)
            documents += 1
            words += line.count(" ") + 1
        if len(lines) >= documents_per_file:
            flush()
    if lines:
        flush()
    return documents, words


def documentation(folders: list[Path]) -> Iterator[str]:
    """Yield the documentation strings of all Python sources, in the order of their paths."""
    sources = sorted(file for folder in folders for file in _sources_in(folder))
    # parsing takes most of the time to prepare the demo; files are parsed in parallel
    with ProcessPoolExecutor(initializer=warnings.simplefilter, initargs=("ignore",)) as pool:
        for found in pool.map(docstrings_of, sources, chunksize=50):
            yield from found


def docstrings_of(source: Path) -> list[str]:
    """Return the documentation strings of a source; an empty list if it cannot be parsed."""
    try:
        if source.stat().st_size > LARGEST_SOURCE:
            return []
        pending: list[ast.AST] = [ast.parse(source.read_bytes())]
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        # some test sources are broken on purpose
        return []
    found = []
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(ast.get_docstring(node) or "")
        # definitions are only in bodies, so expressions are not visited
        for field in ("body", "orelse", "handlers", "finalbody"):
            inner = getattr(node, field, [])
            pending += reversed(inner) if isinstance(inner, list) else []
    return [text for text in found if text]


def _sources_in(folder: Path) -> Iterator[Path]:
    for parent, inner, files in os.walk(folder):
        if Path(parent) == folder:
            # the folder of the standard library may contain the packages of another environment
            inner[:] = [name for name in inner if name not in ("site-packages", "dist-packages")]
        yield from (Path(parent, name) for name in files if name.endswith(".py"))
