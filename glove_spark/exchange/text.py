"""GloVe text, one line ``word x1 ... xd`` per word; word2vec text adds a first line ``V d``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from glove_spark.errors import InputError
from glove_spark.exchange.source import Chunk, VectorSource, checked
from glove_spark.exchange.streams import (
    GZIP,
    count_lines,
    decode_words,
    head_of,
    open_text_output,
    read_lines,
)
from glove_spark.store.location import Location

FULL = "full"
"""The precision with the fewest digits that give the same float32."""

_HEADER = re.compile(rb"\s*(\d+)\s+(\d+)\s*")
_ODD_LINES = {
    rb"^(<{7}|={7}|>{7})( |\r?$)": "it is a mark of an unresolved merge of Git; resolve it",
    rb"\r[^\n]": "lines end in carriage returns alone; write line feeds (tr '\\r' '\\n')",
    rb"[ \t]\d+:[-+.\d]": "it is a sparse vector, index:value; write all d numbers of each word",
    rb"[ \t]\[": "vectors stand in brackets; write bare numbers separated by blanks",
    rb"[ \t][-+]?\d+,\d+([ \t]|$)": "numbers have decimal commas; write decimal points",
    rb"[,;][-+]?\d*\.?\d+(e[-+]?\d+)?[,;]?.*$": (
        "numbers are separated by commas or semicolons; write blanks"
    ),
    rb"^#": "it is a comment; delete it",
}
"""Wrong lines that occur in files of vectors, and the remedy for each."""

_OTHER_BLANKS = (b"\t", b"\v", b"\f", b"\r", b"  ")


class TextSource(VectorSource):
    """A text file of vectors, with or without word2vec's header, gzip or not.

    A word may contain spaces if its last field is not a number: Stanford's vectors of 840 billion
    tokens contain such words.

    Raises
    ------
    InputError
        If there are no vectors, or the header does not match the line after it.
    """

    def __init__(self, location: Location, encoding_errors: str = "strict") -> None:
        self.shown = location.shown
        self._location, self._errors = location, encoding_errors
        self.undecodable: list[int] = []
        head_of(location, numpy=False)
        first = list(itertools.islice(itertools.chain.from_iterable(self._lines()), 2))
        if not first or not first[0].strip():
            raise InputError(
                f"{self.shown} contains no vectors; name another file, or make it again"
            )
        columns = [len(line.split()) for line in first]
        header = _HEADER.fullmatch(first[0])
        self._header_lines = 0
        if header is not None:
            words, size = int(header[1]), int(header[2])
            if len(first) == 1 or words == 0 or size == 0:
                raise InputError(
                    f"{self.shown} contains no vectors; name another file, or make it again"
                )
            # "5 3" may be the word "5" with one number; then the lines below also have two columns
            if columns[1] != 2 or (size == 1 and self._count() == words + 1):
                self._header_lines, self.num_words, self.vector_size = 1, words, size
                if columns[1] <= size:
                    raise InputError(
                        f"{self.shown}: the header (line 1) says {size} numbers per word, but "
                        f"line 2 has {columns[1] - 1}{_remedy(first[1])}"
                    )
                return
        self.num_words, self.vector_size = self._count(), columns[0] - 1
        if self.vector_size == 0:
            raise InputError(
                f"{self.shown}, line 1: a line must be a word and its numbers{_remedy(first[0])}"
            )

    def chunks(self) -> Iterator[Chunk]:
        """Parse the lines."""
        done = 0
        self.undecodable.clear()
        for lines in self._lines():
            if done == 0 and self._header_lines:
                lines = lines[1:]
                done = 1
            if lines:
                yield self._parse(lines, done + 1)
            done += len(lines)

    def _lines(self) -> Iterator[list[bytes]]:
        return read_lines(self._location, blank_end=False)

    def _count(self) -> int:
        return count_lines(self._location, blank_end=False)

    def place(self, position: int) -> str:
        """Return the line, for messages."""
        return f"line {position + 1 + self._header_lines:,}"

    def _parse(self, lines: list[bytes], first_line: int) -> Chunk:
        lines = [line.rstrip(b"\r ") for line in lines]
        parts = [line.partition(b" ") for line in lines]
        rests = [rest for _, _, rest in parts]
        rows = None
        if all(rest.count(b" ") == self.vector_size - 1 for rest in rests):
            rows = _numbers(rests, self.vector_size)
        if rows is None:
            pairs = [self._parse_line(line, k) for k, line in enumerate(lines, first_line)]
            words, rows = [word for word, _ in pairs], np.stack([row for _, row in pairs])
        else:
            words = [word for word, _, _ in parts]
        start = first_line - 1 - self._header_lines
        decoded, skipped = decode_words(
            words, lambda k: f"{self.shown}, line {first_line + k:,}", self._errors
        )
        self.undecodable += [start + position for position in skipped]
        return Chunk(decoded, rows.reshape(-1, self.vector_size))

    def _parse_line(self, line: bytes, number: int) -> tuple[bytes, NDArray[np.float32]]:
        """Parse a line that may be wrong; raise an error that says what is wrong."""
        place = f"{self.shown}, line {number:,}"
        fields = line.split()
        if not fields:
            raise InputError(f"{place}: the line is blank; delete it")
        word, values = fields[: -self.vector_size], fields[-self.vector_size :]
        if self._header_lines and not word and len(fields) == self.vector_size and line[:1] == b" ":
            # a word that is a space: published files have it, such as GoogleNews converted to text
            word = [b" "]
        # without a header that gives d, a word that ends in a number may be a line that is too long
        too_long = len(word) > 1 and _is_number(word[-1]) and not self._header_lines
        if not word or too_long:
            short = not word and number == self.num_words + self._header_lines
            raise InputError(
                f"{place}: {len(fields) - 1} numbers, but the vectors of the file have "
                f"{self.vector_size}"
                + ("; the file is cut short; copy it again" if short else _remedy(line))
            )
        wrong = next((value for value in values if not _is_number(value)), None)
        if wrong is not None:
            shown = wrong.decode("utf-8", "replace")
            raise InputError(f"{place}: {shown!r} is not a number{_remedy(line)}")
        whole = line.rsplit(None, self.vector_size)[0] if len(fields) > self.vector_size else b" "
        return whole, np.array(values, dtype=np.float32)


def _numbers(lines: list[bytes], size: int) -> NDArray[np.float32] | None:
    """Parse ``size`` numbers on each line, one space between them; None if a line has another form.

    Arrow's reader of CSV takes a third of the time of `numpy.fromstring`, for the same values.
    """
    text = b"\n".join(lines) + b"\n"
    if any(blank in text for blank in _OTHER_BLANKS):
        return None
    names = [str(number) for number in range(size)]
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(block_size=len(text) + 1, column_names=names),
            csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.float32()),
                null_values=[],
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if len(table) != len(lines):
        return None
    rows = np.empty((len(lines), size), np.float32)
    for number, column in enumerate(table.columns):
        rows[:, number] = column.to_numpy()
    return rows


def _remedy(line: bytes) -> str:
    """Return the remedy for a line that is not a word and its numbers."""
    for pattern, remedy in _ODD_LINES.items():
        if re.search(pattern, line):
            return f"; {remedy}"
    return "; correct the line"


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field


def write_text(source: VectorSource, target: Location, precision: str, *, header: bool) -> None:
    """Write GloVe text, or with ``header`` word2vec text; with gzip if the name ends in .gz."""
    with (
        target.written_whole() as temporary,
        open_text_output(temporary, packed=target.name.endswith(GZIP)) as sink,
    ):
        if header:
            sink.write(f"{source.num_words} {source.vector_size}\n".encode())
        for chunk in checked(source):
            sink.write(text_lines(chunk, precision))


def text_lines(chunk: Chunk, precision: str, separator: str = " ", *, words: bool = True) -> bytes:
    """Format one line per word: the word and its numbers.

    Parameters
    ----------
    precision
        `FULL`, or the number of decimals, such as ``"6"`` as in the C program.
    words
        Whether lines begin with the word.
    """
    if precision != FULL:
        form = separator.join([f"%.{int(precision)}f"] * chunk.rows.shape[1]) + "\n"
        lines = [form % tuple(row) for row in chunk.rows.tolist()]
        if words:
            lines = [word + separator + line for word, line in zip(chunk.words, lines, strict=True)]
        return "".join(lines).encode()
    numbers = pc.cast(pa.array(np.ascontiguousarray(chunk.rows).ravel()), pa.string())
    offsets = np.arange(0, chunk.rows.size + 1, chunk.rows.shape[1], dtype=np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), numbers), separator)
    if words:
        joined = pc.binary_join_element_wise(pa.array(chunk.words), joined, separator)
    ended = pc.binary_join_element_wise(joined, "", "\n")
    _, ends, text = ended.buffers()
    size = int(np.frombuffer(ends, np.int32)[len(ended)])
    return bytes(memoryview(text)[:size])
