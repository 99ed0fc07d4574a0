"""safetensors with three tensors: ``word_offsets``, ``vectors`` and ``words``.

``vectors`` is F32 (V, d); ``words`` is U8, the concatenated words in UTF-8; ``word_offsets`` is I64
(V + 1), the position where each word begins. The library safetensors writes only from memory. The
format is a length, a header in JSON and the bytes, so it can be streamed here.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import InputError
from glove_spark.exchange.matrix_file import MatrixFile
from glove_spark.exchange.source import CHUNK_ROWS, Chunk, SliceableSource, VectorSource, checked
from glove_spark.exchange.streams import reading
from glove_spark.store.location import Location

LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the library."""

_TYPES = {"vectors": "F32", "word_offsets": "I64", "words": "U8"}


class SafetensorsSource(SliceableSource):
    """A safetensors file with these three tensors.

    Raises
    ------
    InputError
        If it is not such a file, lacks one of the tensors, or is truncated.
    """

    def __init__(self, location: Location) -> None:
        self.shown = location.shown
        self._location = location
        tensors, data = self._header()
        try:
            problem = _problem_of(tensors)
        except (KeyError, TypeError, ValueError):
            problem = "has a header that does not describe tensors"
        if problem:
            raise InputError(
                f"{self.shown} {problem}; it must have the tensors word_offsets I64 (V + 1), "
                "vectors F32 (V, d) and words U8, as glove-spark convert writes them"
            )
        self.num_words, self.vector_size = tensors["vectors"]["shape"]
        self._matrix, self._offsets, self._bytes = (
            MatrixFile(location, data + tensors[name]["data_offsets"][0], shape, np.dtype(kind))
            for name, shape, kind in (
                ("vectors", (self.num_words, self.vector_size), "<f4"),
                ("word_offsets", (self.num_words + 1, 1), "<i8"),
                ("words", (tensors["words"]["shape"][0], 1), "u1"),
            )
        )
        for tensor in (self._matrix, self._offsets, self._bytes):
            tensor.check_size()

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Read slices of the matrix and their words."""
        for first in range(start, stop, CHUNK_ROWS):
            last = min(first + CHUNK_ROWS, stop)
            rows = self._matrix.read(first, last).astype(np.float32, copy=False)
            yield Chunk(self._read_words(first, last), rows)

    def words(self) -> Iterator[list[str]]:
        """Read the words alone."""
        for first in range(0, self.num_words, CHUNK_ROWS):
            yield self._read_words(first, min(first + CHUNK_ROWS, self.num_words))

    def matrix(self) -> NDArray[np.float32] | None:
        """Map the tensor."""
        return self._matrix.mapped()

    def _header(self) -> tuple[dict[str, Any], int]:
        with reading(self._location), self._location.open_input() as file:
            size = file.size()
            length = struct.unpack("<Q", file.read_at(8, 0))[0] if size >= 8 else size
            if length > min(size - 8, LONGEST_HEADER):
                raise InputError(
                    f"{self.shown} is not a safetensors file, or is cut short; name its format "
                    "with --format, or copy it again"
                )
            text = file.read_at(length, 8)
        try:
            tensors = json.loads(text)
            tensors.pop("__metadata__", None)
        except (ValueError, AttributeError):
            raise InputError(
                f"{self.shown} is not a safetensors file: its header is not JSON; name its format "
                "with --format"
            ) from None
        return tensors, 8 + length

    def _read_words(self, start: int, stop: int) -> list[str]:
        offsets = self._offsets.read(start, stop + 1).ravel()
        if (np.diff(offsets) < 0).any() or offsets[0] < 0 or offsets[-1] > self._bytes.shape[0]:
            raise InputError(
                f"{self.shown} is damaged: the offsets of its words are out of order; copy it again"
            )
        text = self._bytes.read(int(offsets[0]), int(offsets[-1])).tobytes()
        bounds = (offsets - offsets[0]).tolist()
        words = [text[first:last] for first, last in itertools.pairwise(bounds)]
        try:
            return [word.decode("utf-8") for word in words]
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.shown}: the word {error.object!r} is not UTF-8; make the file again"
            ) from None


def _problem_of(tensors: dict[str, Any]) -> str | None:
    """Return what is wrong with the types and shapes of the tensors."""
    for name, kind in _TYPES.items():
        if name not in tensors:
            return f"has no tensor {name}"
        if tensors[name]["dtype"] != kind:
            return f"has a tensor {name} of type {tensors[name]['dtype']}"
        numbers = [*tensors[name]["shape"], *tensors[name]["data_offsets"]]
        if not all(type(number) is int and number >= 0 for number in numbers):
            return f"has a tensor {name} with invalid shape or offsets"
    shape = tensors["vectors"]["shape"]
    if not tensors["words"]["shape"] or not all(tensors[name]["data_offsets"] for name in _TYPES):
        return "has tensors without shape or offsets"
    if len(shape) != 2 or 0 in shape or tensors["word_offsets"]["shape"] != [shape[0] + 1]:
        return f"has vectors of shape {shape} and {tensors['word_offsets']['shape']} word_offsets"
    return None


def write_safetensors(source: VectorSource, target: Location, precision: str) -> None:
    """Write the file. The words are kept in memory as one string; they are read once before."""
    lengths, text = [np.zeros(1, np.int64)], bytearray()
    for words in source.words():
        coded = [word.encode("utf-8", "surrogatepass") for word in words]
        lengths.append(np.fromiter(map(len, coded), np.int64, len(coded)))
        text += b"".join(coded)
    offsets = np.cumsum(np.concatenate(lengths))
    parts = {
        # 8 bytes, 4 bytes, 1 byte per number, in this order, so that every tensor is aligned
        "word_offsets": ("I64", [len(offsets)], offsets.nbytes),
        "vectors": (
            "F32",
            [source.num_words, source.vector_size],
            4 * source.num_words * source.vector_size,
        ),
        "words": ("U8", [len(text)], len(text)),
    }
    header: dict[str, Any] = {"__metadata__": {"format": "glove_spark vectors"}}
    begin = 0
    for name, (kind, shape, size) in parts.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, begin + size]}
        begin += size
    coded_header = json.dumps(header, separators=(",", ":")).encode()
    coded_header += b" " * (-len(coded_header) % 8)
    with target.written_whole() as temporary, temporary.open_output() as sink:
        sink.write(struct.pack("<Q", len(coded_header)) + coded_header)
        sink.write(offsets.astype("<i8").tobytes())
        for chunk in checked(source):
            sink.write(np.ascontiguousarray(chunk.rows, "<f4").tobytes())
        sink.write(bytes(text))
