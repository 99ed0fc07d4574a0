"""Checksums: the size and the SHA-256 of a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from glove_spark.store.location import Location

_CHUNK = 1 << 20
"""Bytes per read: larger reads are not faster, and this bounds the memory of a thread."""


class FileState(NamedTuple):
    """A file's size in bytes and the SHA-256 of its content, as ``sha256sum`` prints it."""

    bytes: int
    sha256: str


Hasher = Callable[[Sequence[Location]], list[FileState]]
"""A function that finds the state of many files, in threads of this process or in Spark tasks."""


def file_state(file: Location) -> FileState:
    """Read a file and return its state.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    """
    digest, size = hashlib.sha256(), 0
    with file.filesystem().open_input_stream(file.path, compression=None) as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileState(size, digest.hexdigest())


def file_states(files: Sequence[Location]) -> list[FileState]:
    """Read many files in threads: hashing releases Python's global lock."""
    if len(files) < 2:
        return [file_state(file) for file in files]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(file_state, files))
