"""Read the texts of a part of a file: lines, JSON, WARC records, a column of Parquet or ORC."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc
from pyspark.sql.datasource import (
    InputPartition,
)

from glove_spark.errors import ConfigurationError, InputError
from glove_spark.extras import require
from glove_spark.store.compression import open_bytes
from glove_spark.store.location import Location

_CHUNK = 4 << 20
"""Bytes per read, and approximately the bytes of a batch."""

_BLANKS = re.compile(r"[\s,]*")
"""The characters between the values of a JSON file; some files have commas between objects."""


@dataclass(frozen=True)
class Part(InputPartition):
    """The part of a file that one task reads.

    Attributes
    ----------
    kind
        ``"lines"``, ``"whole"``, ``"json"``, ``"warc"``, ``"parquet"`` or ``"orc"``.
    start, stop
        A range of bytes of uncompressed lines: the lines that begin in it. Row groups of Parquet
        and stripes of ORC. Not used otherwise.
    column
        The column, for tables and JSON.
    codec, encoding
        For text, as in `Content`.
    """

    file: Location
    kind: str
    start: int = 0
    stop: int = 0
    column: str = ""
    codec: str | None = None
    encoding: str | None = None


def check_column(schema: pa.Schema, column: str, file: Location, kind: str) -> None:
    """Raise an error if a table lacks the column, or the column is not of strings.

    Raises
    ------
    ConfigurationError
        Names the columns, or the type, of the table.
    """
    if column not in schema.names:
        raise ConfigurationError(
            f"text_column={column!r} is not in the {kind} file {file.shown}; name one of its "
            f"columns: {', '.join(schema.names)}"
        )
    found = schema.field(column).type
    held = found.value_type if pa.types.is_dictionary(found) else found
    strings = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(is_one(held) for is_one in strings):
        raise ConfigurationError(
            f"text_column={column!r} of the {kind} file {file.shown} is of type {found} and must "
            "be string; name another column"
        )


def check_table(file: Location, kind: str, column: str) -> list[str]:
    """Check that a table has the column, and return the names of all columns.

    Raises
    ------
    ConfigurationError
        If the column is missing, or is not of strings.
    InputError
        If it cannot be read.
    """
    schema = arrow_schema(opened_table(file, kind))
    check_column(schema, column, file, kind)
    names: list[str] = schema.names
    return names


def opened_table(file: Location, kind: str) -> pq.ParquetFile | orc.ORCFile:
    """Open a table; a damaged one is an `InputError`."""
    try:
        return _open_table(file, kind)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file.shown} cannot be read as {kind}: {error}; replace or remove it"
        ) from None


def arrow_schema(table: pq.ParquetFile | orc.ORCFile) -> pa.Schema:
    """Return the columns of a table, as Arrow types."""
    return table.schema_arrow if isinstance(table, pq.ParquetFile) else table.schema


def _open_table(file: Location, kind: str) -> pq.ParquetFile | orc.ORCFile:
    return (pq.ParquetFile if kind == "parquet" else orc.ORCFile)(file.open_input())


def read_part(part: Part) -> Iterator[pa.Array]:
    """Read the texts of a part.

    Yields
    ------
    pa.Array
        Strings or their bytes, some megabytes at a time; null where a record has no text.
    """
    if part.kind in ("parquet", "orc"):
        table = _open_table(part.file, part.kind)
        if part.kind == "parquet":
            column = table.read_row_group(part.start, columns=[part.column]).column(0)
        else:
            column = table.read_stripe(part.start, columns=[part.column]).column(0)
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        for chunk in chunks:
            # rows of a large column are sent in pieces, so that no message exceeds Arrow's limit
            for start in range(0, len(chunk), 1 << 12):
                yield _as_utf8(chunk.slice(start, 1 << 12))
    elif part.kind == "json":
        yield from _in_batches(_json_texts(part))
    elif part.kind == "warc":
        yield from _in_batches(_warc_texts(part))
    elif part.kind == "whole":
        with _open_text(part) as source:
            yield _as_strings([source.read()])
    else:
        yield from _lines(part)


def _as_utf8(values: pa.Array) -> pa.Array:
    """Return strings of any of Arrow's types, without checking that they are UTF-8."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    return values.cast(pa.binary()).view(pa.string())


def _json_texts(part: Part) -> Iterator[bytes | None]:
    """Read the column of every object in a file of arrays and objects, in any layout.

    Null if an object lacks the column, or if an array contains something else.
    """
    with _open_text(part) as source:
        text = source.read().decode("utf-8", "surrogateescape").lstrip("\ufeff")
    decoder, place = json.JSONDecoder(), 0
    while (place := _after_blanks(text, place)) < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError as error:
            line = text.count("\n", 0, place) + 1
            raise InputError(
                f"{part.file.shown}, line {line:,}: not valid JSON ({error}); write one object per "
                "line, or one array of objects"
            ) from None
        for record in value if isinstance(value, list) else [value]:
            found = record.get(part.column) if isinstance(record, dict) else None
            yield _encoded(found) if isinstance(found, str) else None


def _after_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return place if found is None else found.end()


def _encoded(text: str) -> bytes:
    # a lone surrogate of a JSON escape is not text: the JVM counts and replaces its bytes
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _warc_texts(part: Part) -> Iterator[bytes | None]:
    """Read the text of every conversion record, as in Common Crawl's WET files."""
    seen = 0
    for text in _records(part):
        seen += 1
        yield text
    if not seen:
        raise InputError(
            f"{part.file.shown} is a WARC file without text records (of type conversion); extract "
            "the text of its pages first, or use the WET files of the same crawl"
        )


def _records(part: Part) -> Iterator[bytes]:
    with _open_text(part) as source:
        whole = source.readline().endswith(b"\r\n")
        if not whole:
            # the line ends of the file were changed, so the lengths in the headers are wrong
            for record in re.split(rb"(?m)^WARC/1\.\d$", source.read()):
                head, _, body = record.partition(b"\n\n")
                if b"WARC-Type: conversion" in head:
                    yield body
            return
    archive = require("warcio.archiveiterator", "warc", f"{part.file.shown}, a WARC file,")
    damaged = require("warcio.exceptions", "warc", f"{part.file.shown}, a WARC file,")
    try:
        with part.file.open_input() as raw:
            for record in archive.ArchiveIterator(raw):
                if record.rec_type == "conversion":
                    yield record.content_stream().read()
    except damaged.ArchiveLoadFailed as error:
        raise InputError(
            f"{part.file.shown} is a damaged WARC file ({error}); replace or remove it"
        ) from None


def _in_batches(texts: Iterable[bytes | None]) -> Iterator[pa.Array]:
    held: list[bytes | None] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text or b"")
        if size >= _CHUNK:
            yield _as_strings(held)
            held, size = [], 0
    if held:
        yield _as_strings(held)


@contextmanager
def _open_text(part: Part, start: int = 0) -> Iterator[io.BufferedReader]:
    """Open a text as UTF-8, decompressed; an uncompressed one at a given position."""
    with open_bytes(part.file, part.codec, start) as raw:
        plain: Any = raw if part.encoding is None else _Recoded(raw, part.encoding)
        with io.BufferedReader(plain, _CHUNK) as source:
            yield source


class _Recoded(io.RawIOBase):
    """A stream of another encoding as UTF-8; bytes that are not valid in it stay unchanged."""

    def __init__(self, source: IO[bytes], encoding: str) -> None:
        self._source = source
        wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
        # bytes that cannot be decoded are passed on, and the JVM counts and replaces them
        errors = "replace" if wide else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            block = self._source.read(_CHUNK)
            text = self._decoder.decode(block, final=not block)
            self._held = text.encode("utf-8", "surrogateescape")
            if not block:
                break
        size = min(len(buffer), len(self._held))
        buffer[:size], self._held = self._held[:size], self._held[size:]
        return size


def _lines(part: Part) -> Iterator[pa.Array]:
    """Read the lines that begin in the range of the part; all lines if it has no range."""
    # the byte before the part shows whether a line begins with the part
    place = max(part.start - 1, 0)
    held: list[bytes] = []
    held_bytes = 0
    with _open_text(part, place) as source:
        if part.start:
            place += len(source.readline())
        while not part.stop or place < part.stop:
            line = source.readline()
            if not line:
                break
            place += len(line)
            # lines end as in Spark's reader: with a line feed, a carriage return, or both
            held += line.splitlines() if b"\r" in line else [line.rstrip(b"\n")]
            held_bytes += len(line)
            if held_bytes >= _CHUNK:
                yield _as_strings(held)
                held, held_bytes = [], 0
    if held:
        yield _as_strings(held)


def _as_strings(values: Sequence[bytes | None]) -> pa.Array:
    """Make a column of strings without checking that they are UTF-8: the JVM repairs them."""
    return pa.array(values, pa.binary()).view(pa.string())
