"""Keep a memory-mapped copy of vectors whose format cannot be memory-mapped."""

from __future__ import annotations

from pyarrow import fs

from glove_spark.exchange.formats import FORMATS, convert, open_vectors
from glove_spark.exchange.source import VectorSource
from glove_spark.store.location import Location
from glove_spark.store.manifest import fingerprint

COPY_FORMAT = "safetensors"
"""A format that can be memory-mapped and can represent every word."""


def open_mapped(
    path: str | Location,
    cache: str | Location,
    format: str | None = None,
    *,
    side: str | None = None,
    vocab: str | Location | None = None,
    center: bool = False,
) -> VectorSource:
    """Open vectors through a copy in the folder ``cache``, unless they can be memory-mapped.

    The name of the copy depends on the files of the source, their sizes and modification times. If
    a file changes, a new copy is made. Old copies remain; you can delete the folder at any time.

    Parameters
    ----------
    path, format, side, vocab, center
        As in `glove_spark.exchange.formats.open_vectors`.
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
    """List the files; for an output folder, they include its manifests."""
    info = location.filesystem().get_file_info(location.path)
    infos = location.walk(recursive=False) if info.type == fs.FileType.Directory else [info]
    return [[info.path, info.size, info.mtime_ns] for info in infos]
