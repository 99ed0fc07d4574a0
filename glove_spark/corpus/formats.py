"""Decide how a file of the corpus is read: its format, its compression, its field of text."""

from __future__ import annotations

import io
import json

import pyarrow as pa

from glove_spark.corpus.content import Content
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.store.compression import open_bytes
from glove_spark.store.location import Location

COMPRESSIONS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}
"""Endings of compressed text, and the names of the codecs in pyarrow."""

LARGEST_WHOLE_FILE = 1 << 30
"""Bytes; with ``document="file"`` a task has a whole file in memory."""

_FORMATS = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
    "orc": "orc",
}

_JSON_SAMPLE = 100
"""Lines that are read to find the fields of a JSON lines corpus."""


def check_size(file: Location, size: int | None = None) -> None:
    """Raise an error for a file that is too large for the memory of a task.

    Raises
    ------
    InputError
        If it is too large.
    """
    if size is None:
        size = file.filesystem().get_file_info(file.path).size
    if size > LARGEST_WHOLE_FILE:
        raise InputError(
            f"input={file.shown} has {size:,} bytes; with document=file a file must have at most "
            f"{LARGEST_WHOLE_FILE:,}, because it is kept in memory; split it, or use document=line "
            "and one JSON object per line"
        )


def codec_by_name(name: str) -> str | None:
    """Return the compression that Spark's readers assume, from the name of a file."""
    return COMPRESSIONS.get(name.lower().rsplit(".", 1)[-1])


def kind_of(file: Location, content: Content, settings: TokenizeSettings) -> str:
    """Return how a file is read: as text, jsonl, json, warc, parquet or orc.

    Raises
    ------
    InputError
        If the content of the file does not match its name or the setting.
    """
    named = file_format(file, settings)
    if content.kind in ("parquet", "orc"):
        if settings.format not in ("auto", content.kind):
            raise InputError(
                f"{file.shown} contains {content.kind}, but format={settings.format} is set; "
                f"give --format auto or {content.kind}, or remove the file from the input"
            )
        return content.kind
    if named in ("parquet", "orc"):
        raise InputError(
            f"{file.shown} is not a valid {named} file: its first bytes are wrong; replace or "
            "remove it"
        )
    if content.kind == "warc":
        return "warc"
    return "json" if named == "jsonl" and content.whole_json else named


def file_format(location: Location, settings: TokenizeSettings) -> str:
    """Return, by name or setting, whether a file is text, jsonl, parquet or orc."""
    if settings.format != "auto":
        return settings.format
    endings = location.name.lower().split(".")[1:]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return _FORMATS.get(endings[-1], "text") if endings else "text"


def check_json_field(file: Location, field: str, codec: str | None, encoding: str | None) -> None:
    """Raise an error for a JSON lines corpus whose first records lack the field.

    Raises
    ------
    ConfigurationError
        If none of the first records has ``field``.
    InputError
        If the file cannot be read.
    """
    fields: dict[str, None] = {}
    try:
        with (
            open_bytes(file, codec) as raw,
            io.TextIOWrapper(raw, encoding or "utf-8-sig", errors="replace") as lines,
        ):
            for _ in range(_JSON_SAMPLE):
                # a record of many megabytes is not read completely just for its fields
                line = lines.readline(1 << 24)
                try:
                    record = json.loads(line) if line.strip() else None
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    fields.update(dict.fromkeys(record))
    except (OSError, EOFError, pa.ArrowException) as error:
        raise InputError(
            f"{file.shown} cannot be read: {error}; replace it, or remove it from the input"
        ) from None
    if fields and field not in fields:
        raise ConfigurationError(
            f"text_column={field!r} is not in {file.shown}; name one of its fields: "
            f"{', '.join(fields)}"
        )
