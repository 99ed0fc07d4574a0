"""``NAME.npy``, a matrix in numpy's format, and ``NAME.words.txt``, with one word per line."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import InputError
from glove_spark.exchange.matrix_file import MatrixFile
from glove_spark.exchange.source import Chunk, SliceableSource, VectorSource, checked
from glove_spark.exchange.streams import count_lines, decode_words, read_blocks, read_lines
from glove_spark.store.location import Location


def words_file(matrix: Location) -> Location:
    """Return the file of the words of a matrix."""
    return matrix.parent / f"{matrix.name.removesuffix('.npy')}.words.txt"


class NumpySource(SliceableSource):
    """A matrix in numpy's format, and its words.

    Raises
    ------
    InputError
        If the matrix is not of floats stored by rows, is truncated, or its number of rows is not
        that of the words.
    """

    def __init__(self, location: Location) -> None:
        self.shown = location.shown
        self._words = words_file(location)
        self._matrix = _matrix_of(location)
        self.num_words, self.vector_size = self._matrix.shape
        words = count_lines(self._words)
        if words != self.num_words:
            raise InputError(
                f"{self._words.shown} has {words:,} words but {self.shown} has "
                f"{self.num_words:,} rows; give two files of the same vectors"
            )

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Read slices of the matrix together with their words."""
        for first, words in self._word_chunks():
            begin, end = max(start, first), min(stop, first + len(words))
            if begin < end:
                rows = self._matrix.read(begin, end).astype(np.float32, copy=False)
                yield Chunk(words[begin - first : end - first], rows)

    def words(self) -> Iterator[list[str]]:
        """Read the words alone."""
        for _, words in self._word_chunks():
            yield words

    def matrix(self) -> NDArray[np.float32] | None:
        """Memory-map the file, if its numbers are float32."""
        return self._matrix.mapped() if self._matrix.dtype == np.float32 else None

    def _word_chunks(self) -> Iterator[tuple[int, list[str]]]:
        first = 0
        for lines in read_lines(self._words):
            yield first, _decoded(lines, self._words, first + 1)
            first += len(lines)


def _matrix_of(location: Location) -> MatrixFile:
    head = io.BytesIO(next(read_blocks(location), b""))
    try:
        version = np.lib.format.read_magic(head)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, by_columns, dtype = read_header(head)
    except Exception as error:
        # numpy reads the header as a Python literal, and its parser may raise any error
        raise InputError(
            f"{location.shown} is not a .npy file: {error}; name its format with --format"
        ) from None
    if len(shape) != 2 or 0 in shape or by_columns or dtype.kind != "f" or dtype.itemsize > 8:
        layout = "columns" if by_columns else "rows"
        raise InputError(
            f"{location.shown} contains {dtype} of shape {shape}, stored by {layout}; it must be "
            "float16, float32 or float64 of shape (V, d), stored by rows; save it again like that"
        )
    matrix = MatrixFile(location, head.tell(), (int(shape[0]), int(shape[1])), dtype)
    matrix.check_size()
    return matrix


def write_numpy(source: VectorSource, target: Location, precision: str) -> None:
    """Write both files, the matrix and the words."""
    with (
        words_file(target).written_whole() as words_temporary,
        target.written_whole() as temporary,
        words_temporary.open_output() as words_sink,
        temporary.open_output() as sink,
    ):
        header = io.BytesIO()
        shape = (source.num_words, source.vector_size)
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": shape}
        )
        sink.write(header.getvalue())
        for chunk in checked(source):
            sink.write(np.ascontiguousarray(chunk.rows, "<f4").tobytes())
            words_sink.write("".join(f"{word}\n" for word in chunk.words).encode())


def _decoded(lines: list[bytes], file: Location, first_line: int) -> list[str]:
    return decode_words(lines, lambda k: f"{file.shown}, line {first_line + k:,}")[0]
