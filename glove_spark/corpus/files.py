"""The user's corpus: which files it is made of, and what each holds."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import fs

from glove_spark.errors import ConfigurationError, EmptyInputError, InputError
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.store.checksums import Hasher, file_states
from glove_spark.store.location import Location
from glove_spark.store.manifest import fingerprint

log = logging.getLogger(__name__)

COMPRESSIONS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}
"""Endings of compressed text, and pyarrow's names of the codecs."""

LARGEST_WHOLE_FILE = 1 << 30
"""Bytes; with ``document="file"`` a task holds a file in memory."""

_FORMATS = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
    "orc": "orc",
}

_JSON_SAMPLE = 100
"""Lines that are looked at to find out which fields a JSON lines corpus has."""


@dataclass(frozen=True)
class CorpusFile:
    """One file of the corpus: where it is, and what identifies its content."""

    location: Location
    size: int
    modified_ns: int


def find_files(settings: TokenizeSettings, *, announce: bool = True) -> list[CorpusFile]:
    """List the files that ``settings.input`` names, each once, ordered by path.

    Folders are read with all that is below them. Hidden files (``.name`` and ``_name``, as
    Spark has it) and files of zero bytes are skipped, with a warning if ``announce``.

    Raises
    ------
    InputError
        If a path does not exist or cannot be listed, nothing is left, or Hadoop cannot open a
        file for its name.
    """
    found: dict[str, CorpusFile] = {}
    hidden = empty = 0
    for pattern in settings.input:
        root = Location.of(pattern)
        for location, info in _expand(pattern, root):
            if _is_hidden(info.base_name):
                hidden += 1
            elif info.size == 0:
                empty += 1
            else:
                found[location.uri] = CorpusFile(location, info.size, info.mtime_ns or 0)
    if hidden and announce:
        log.warning("tokenize: %d hidden files skipped (names that begin with . or _)", hidden)
    if empty and announce:
        log.warning("tokenize: %d empty files skipped", empty)
    if not found:
        raise EmptyInputError(
            f"input={', '.join(settings.input)} holds no file to read ({hidden} hidden and "
            f"{empty} empty ones skipped); name files, folders or patterns that do"
        )
    for file in found.values():
        _check_file(file, settings)
    return [found[uri] for uri in sorted(found)]


def _expand(pattern: str, root: Location) -> Iterator[tuple[Location, fs.FileInfo]]:
    """List the files of one path or pattern."""
    try:
        kind = root.kind()
        if kind == fs.FileType.File:
            yield root, root.filesystem().get_file_info(root.path)
            return
        if kind == fs.FileType.Directory:
            yield from ((root.found(info), info) for info in root.walk() if info.is_file)
            return
        matches = []
        if re.search(r"[*?\[]", root.path):
            base = Location(re.split(r"[^/]*[*?\[]", root.uri, maxsplit=1)[0].rstrip("/"))
            wanted = glob_to_regex(root.uri)
            files = ((base.found(info), info) for info in base.walk() if info.is_file)
            matches = [(file, info) for file, info in files if wanted.match(file.uri)]
    except OSError as error:
        raise InputError(f"input={pattern} cannot be read: {error}") from None
    if not matches:
        raise InputError(f"input={pattern} does not exist; check the path")
    yield from matches


def glob_to_regex(pattern: str) -> re.Pattern[str]:
    """Translate a shell pattern; a match may be a folder, which stands for all below it.

    ``*`` and ``?`` stay within a path's component, ``**`` does not.

    >>> bool(glob_to_regex("/data/*.txt").match("/data/a.txt"))
    True
    >>> bool(glob_to_regex("/data/part-[0-3]").match("/data/part-2/deep/a.txt"))
    True
    """
    pieces = []
    for piece in re.findall(r"\*\*/?|\*|\?|\[[^\]/]+\]|.", pattern, re.DOTALL):
        if piece.startswith("**"):
            pieces.append("(?:.*/)?" if piece.endswith("/") else ".*")
        elif piece == "*":
            pieces.append("[^/]*")
        elif piece == "?":
            pieces.append("[^/]")
        elif len(piece) > 1:
            pieces.append("[" + re.sub(r"^!", "^", piece[1:-1]).replace("\\", "\\\\") + "]")
        else:
            pieces.append(re.escape(piece))
    return re.compile("".join(pieces) + "(?:/.*)?$", re.DOTALL)


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _check_file(file: CorpusFile, settings: TokenizeSettings) -> None:
    shown, name = file.location.shown, file.location.name
    if ":" in name and not file.location.is_in_object_store:
        raise InputError(
            f"input={shown} has a ':' in its name, which Hadoop cannot open; rename it"
        )
    whole = settings.document == "file" and file_format(file.location, settings) == "text"
    if whole and file.size > LARGEST_WHOLE_FILE:
        raise InputError(
            f"input={shown} has {file.size:,} bytes, and document=file holds a whole file in "
            f"memory, at most {LARGEST_WHOLE_FILE:,}; split it or use document=line"
        )


def file_format(location: Location, settings: TokenizeSettings) -> str:
    """Tell whether a file is text, jsonl, parquet or orc."""
    if settings.format != "auto":
        return settings.format
    endings = location.name.lower().split(".")[1:]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return _FORMATS.get(endings[-1], "text") if endings else "text"


def corpus_fingerprint(files: Sequence[CorpusFile]) -> str:
    """Identify the corpus by its files' paths, sizes and times of change."""
    return fingerprint([[file.location.uri, file.size, file.modified_ns] for file in files])


def corpus_content(settings: TokenizeSettings, hasher: Hasher = file_states) -> str:
    """Identify the corpus by what its files hold, whatever they are called; reads them all."""
    try:
        files = [file.location for file in find_files(settings, announce=False)]
    except EmptyInputError:
        files = []
    return fingerprint(sorted(state.sha256 for state in hasher(files)))


def check_json_field(file: Location, field: str) -> None:
    """Refuse a JSON lines corpus whose first records have other fields only.

    Raises
    ------
    ConfigurationError
        If none of the first records has ``field``.
    InputError
        If the file cannot be read.
    """
    fields: dict[str, None] = {}
    codec = COMPRESSIONS.get(file.name.lower().rsplit(".", 1)[-1])
    try:
        with (
            file.filesystem().open_input_stream(file.path, compression=codec) as raw,
            io.TextIOWrapper(raw, "utf-8-sig", errors="replace") as lines,
        ):
            for _ in range(_JSON_SAMPLE):
                # a record of many megabytes is not read whole only to see its fields
                line = lines.readline(1 << 24)
                try:
                    record = json.loads(line) if line.strip() else None
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    fields.update(dict.fromkeys(record))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file.shown} cannot be read: {error}") from None
    if fields and field not in fields:
        raise ConfigurationError(
            f"text_column={field!r} is not in {file.shown}; its fields are {', '.join(fields)}"
        )
