"""Compressed files: their first bytes, and how to read them."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from glove_spark.store.location import Location

COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
}
"""The first bytes of compressed files, and the names of the codecs."""

ENDINGS = (".gz", ".bz2", ".zst", ".xz")
"""Endings of the names of compressed files."""


def codec_of(head: bytes) -> str | None:
    """Return the codec of a file with these first bytes; None if it is not compressed.

    >>> codec_of(b"BZh91AY")
    'bz2'
    """
    return next((name for magic, name in COMPRESSED.items() if head.startswith(magic)), None)


@contextmanager
def open_bytes(file: Location, codec: str | None, start: int = 0) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed; an uncompressed one at a given position."""
    if codec is None:
        with file.open_input() as raw:
            raw.seek(start)
            yield raw
        return
    if codec != "xz":
        with file.filesystem().open_input_stream(file.path, compression=codec) as raw:
            yield raw
        return
    with (
        file.filesystem().open_input_stream(file.path, compression=None) as raw,
        lzma.open(raw) as plain,
    ):
        yield plain
