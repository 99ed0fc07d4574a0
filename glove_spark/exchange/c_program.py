"""File layouts of the C program: ``vocab.txt``, ``cooccurrence.bin`` and parameters in float64.

``vocab.txt`` has one ``word count`` per line, with descending counts, and words with the same count
in the order of their bytes. ``cooccurrence.bin`` has records of int32 row, int32 column, both from
1, and float64 count. Parameters (``-binary 1``, and ``-save-gradsq 1`` for the accumulators) are V
rows of word vector and bias, then V rows of context vector and bias. All little endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import InputError
from glove_spark.exchange.matrix_file import MatrixFile
from glove_spark.exchange.source import CHUNK_ROWS, Chunk, SliceableSource
from glove_spark.exchange.streams import decode_words, read_lines, reading
from glove_spark.store.location import Location

RECORD = np.dtype([("row", "<i4"), ("col", "<i4"), ("count", "<f8")])
"""A nonzero in ``cooccurrence.bin``."""


def read_vocab(location: Location) -> Vocabulary:
    """Read ``vocab.txt``.

    Raises
    ------
    InputError
        If a line is not a word and its count, or a word occurs twice. Ids are line numbers, so
        any order is valid; the program orders words of the same count by signed bytes.
    """
    words: list[str] = []
    counts: list[int] = []
    for lines in read_lines(location):
        coded = []
        for number, line in enumerate(lines, len(words) + 1):
            coded_word, _, count = line.rstrip(b"\r").rpartition(b" ")
            if not coded_word or not count.isdigit():
                shown = line.decode("utf-8", "replace")
                raise InputError(
                    f"{location.shown}, line {number:,}: {shown!r} must be a word and its count; "
                    "give the C program's vocab.txt"
                )
            coded.append(coded_word)
            counts.append(int(count))
        words += decode_words(coded, partial(_line, location, len(words) + 1))[0]
    if len(words) < 2:
        raise InputError(
            f"{location.shown} has {len(words)} words; a vocabulary must have at least two; give "
            "the C program's vocab.txt"
        )
    line_of: dict[str, int] = {}
    for number, word in enumerate(words, 1):
        if line_of.setdefault(word, number) != number:
            raise InputError(
                f"{location.shown}, line {number:,}: {word!r} occurs before, in line "
                f"{line_of[word]:,}; every word must occur once; make the file again"
            )
    return Vocabulary(words, np.array(counts, np.int64))


def _line(location: Location, first: int, position: int) -> str:
    return f"{location.shown}, line {first + position:,}"


def write_vocab(vocabulary: Vocabulary, target: Location) -> None:
    """Write ``vocab.txt``.

    Raises
    ------
    InputError
        If a word contains white space, where the program would end the word.
    """
    for word in vocabulary.words:
        if any(blank in word for blank in " \t\n\v\f\r"):
            raise InputError(
                f"word {word!r} contains white space, which vocab.txt cannot represent; use a "
                "tokenizer whose tokens have none"
            )
    counts = vocabulary.counts.tolist()
    lines = [f"{word} {count}\n" for word, count in zip(vocabulary.words, counts, strict=True)]
    target.write_bytes("".join(lines).encode())


def parameters_file(location: Location, vocabulary_size: int) -> MatrixFile:
    """Describe a file of parameters or accumulators: float64 (2 V, d + 1).

    Raises
    ------
    InputError
        If its size does not match this shape.
    """
    with reading(location), location.open_input() as file:
        numbers, rest = divmod(file.size(), 8)
    columns, odd = divmod(numbers, 2 * vocabulary_size)
    if rest or odd or columns < 2:
        raise InputError(
            f"{location.shown} has {8 * numbers + rest:,} bytes, but parameters of "
            f"{vocabulary_size:,} words are 2 V rows of d + 1 float64 numbers; it is cut short, or "
            "belongs to another vocab.txt; give the two files of the same run"
        )
    return MatrixFile(location, 0, (2 * vocabulary_size, columns), np.dtype("<f8"))


class CParametersSource(SliceableSource):
    """The parameters of the C program as vectors, rounded to float32.

    Parameters
    ----------
    side
        ``"sum"``, ``"word"``, ``"context"`` or ``"concat"``.
    """

    def __init__(self, location: Location, vocab: Location, side: str) -> None:
        self.shown = f"{location.shown} ({side})"
        self._words = read_vocab(vocab).words
        self._side = side
        self._file = parameters_file(location, len(self._words))
        size = self._file.shape[1] - 1
        self.num_words, self.vector_size = len(self._words), 2 * size if side == "concat" else size

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Read rows of one or both halves."""
        both = (0, self.num_words)
        offsets = {"word": both[:1], "context": both[1:]}.get(self._side, both)
        for first in range(start, stop, CHUNK_ROWS):
            last = min(first + CHUNK_ROWS, stop)
            parts = [self._file.read(first + half, last + half)[:, :-1] for half in offsets]
            rows = np.hstack(parts) if self._side == "concat" else np.sum(parts, axis=0)
            yield Chunk(self._words[first:last], np.asarray(rows, np.float32))

    def words(self) -> Iterator[list[str]]:
        """Return the words of ``vocab.txt``."""
        yield self._words
