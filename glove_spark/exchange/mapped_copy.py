"""Keep a memory-mapped copy of vectors whose format cannot be memory-mapped."""

from __future__ import annotations

from pyarrow import fs

from glove_spark.exchange.formats import FORMATS, convert, open_vectors
from glove_spark.exchange.source import VectorSource
from glove_spark.store.location import Location
from glove_spark.store.manifest import fingerprint

COPY_FORMAT = "safetensors"
"""Mapped, and holds any word."""


def open_mapped(
    path: str | Location,
    cache: str | Location,
    format: str | None = None,
    *,
    side: str | None = None,
    vocab: str | Location | None = None,
    center: bool = False,
) -> VectorSource:
    """Open vectors through a copy in the folder ``cache``, unless they can be mapped themselves.

    The copy's name holds the source's files, their sizes and times of change: when one changes,
    another copy is made. Old ones are left; delete the folder as you like.

    Parameters
    ----------
    path, format, side, vocab, center
        As `glove_spark.exchange.formats.open_vectors` takes them.
    """
    source = open_vectors(path, format, side=side, vocab=vocab, center=center)
    if source.matrix() is not None:
        return source
    locations = [Location.of(path), *([] if vocab is None else [Location.of(vocab)])]
    state = [_state(location) for location in locations]
    name = fingerprint([state, format, side, center])
    copy = Location.of(cache) / f"{name}{FORMATS[COPY_FORMAT].suffix}"
    if not copy.exists():
        convert(source, copy, repeated="first")
    return open_vectors(copy)


def _state(location: Location) -> list[list[str | int | None]]:
    """List the files: of an output folder these are its manifests, among others."""
    info = location.filesystem().get_file_info(location.path)
    infos = location.walk(recursive=False) if info.type == fs.FileType.Directory else [info]
    return [[info.path, info.size, info.mtime_ns] for info in infos]
