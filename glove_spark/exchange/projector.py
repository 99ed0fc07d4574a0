"""TensorBoard's projector: numbers in ``NAME.tsv``, words in ``NAME.metadata.tsv``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from glove_spark.errors import InputError
from glove_spark.exchange.source import Chunk, VectorSource, checked
from glove_spark.exchange.streams import count_lines, decode_words, read_lines
from glove_spark.exchange.text import text_lines
from glove_spark.store.location import Location


def metadata_file(vectors: Location) -> Location:
    """Return the file of the words; because it has one column, it has no header."""
    return vectors.parent / f"{vectors.name.removesuffix('.tsv')}.metadata.tsv"


class ProjectorSource(VectorSource):
    """The two files of the projector.

    Raises
    ------
    InputError
        If they have different numbers of lines.
    """

    def __init__(self, location: Location) -> None:
        self.shown = location.shown
        self._location, self._metadata = location, metadata_file(location)
        self.num_words = count_lines(location)
        words = count_lines(self._metadata)
        if words != self.num_words or not words:
            raise InputError(
                f"{self.shown} has {self.num_words:,} lines but {self._metadata.shown} has "
                f"{words:,}; both must have one line per word; give two files of the same vectors"
            )
        self.vector_size = len(next(read_lines(location))[0].split(b"\t"))

    def chunks(self) -> Iterator[Chunk]:
        """Read both files in parallel."""
        done = 0
        for lines, words in zip(
            read_lines(self._location), read_lines(self._metadata), strict=True
        ):
            rows = np.empty((len(lines), self.vector_size), np.float32)
            for k, line in enumerate(lines):
                fields = line.split(b"\t")
                try:
                    # reshaped, because a single number would fill the row
                    rows[k] = np.array(fields, dtype=np.float32).reshape(self.vector_size)
                except ValueError:
                    raise InputError(
                        f"{self.shown}, {self.place(done + k)}: the line must be "
                        f"{self.vector_size} numbers separated by tabs; correct it"
                    ) from None
            decoded, _ = decode_words(
                words,
                lambda k, line=done + 1: f"{self._metadata.shown}, line {line + k:,}",  # type: ignore[misc]
            )
            yield Chunk(decoded, rows)
            done += len(lines)

    def place(self, position: int) -> str:
        """Return the line, for messages."""
        return f"line {position + 1:,}"


def write_projector(source: VectorSource, target: Location, precision: str) -> None:
    """Write both files, the numbers and the words."""
    with (
        metadata_file(target).written_whole() as words_temporary,
        target.written_whole() as temporary,
        words_temporary.open_output() as words_sink,
        temporary.open_output() as sink,
    ):
        for chunk in checked(source):
            sink.write(text_lines(chunk, precision, "\t", words=False))
            words_sink.write("".join(f"{word}\n" for word in chunk.words).encode())
