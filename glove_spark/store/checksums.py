"""Checksums: the size and the SHA-256 of a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from glove_spark.store.location import Location

_CHUNK = 1 << 20
"""Bytes read at once: more is not faster, and a thread holds no more."""


class FileState(NamedTuple):
    """A file's size in bytes and the SHA-256 of its content, as ``sha256sum`` prints it."""

    bytes: int
    sha256: str


Hasher = Callable[[Sequence[Location]], list[FileState]]
"""Something that finds the state of many files: threads of this process, or Spark's tasks."""


def file_state(file: Location) -> FileState:
    """Read a file and return its state.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    digest, size = hashlib.sha256(), 0
    with file.filesystem().open_input_stream(file.path, compression=None) as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileState(size, digest.hexdigest())


def file_states(files: Sequence[Location]) -> list[FileState]:
    """Read many files, in threads: hashing does not hold Python's lock."""
    if len(files) < 2:
        return [file_state(file) for file in files]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(file_state, files))
