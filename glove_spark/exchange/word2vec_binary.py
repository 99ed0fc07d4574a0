"""word2vec's binary format: ``V d``, then each word, a space and d float32, little endian."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import numpy as np

from glove_spark.errors import InputError
from glove_spark.exchange.source import CHUNK_ROWS, Chunk, VectorSource, checked
from glove_spark.exchange.streams import GZIP, decode_words, open_text_output, read_blocks
from glove_spark.store.location import Location

HEADER = re.compile(rb"(\d+) (\d+)[ \r]*\n")
LONGEST_WORD = 1 << 16
"""Bytes; a file without a space within this length is not word2vec binary."""

_FLOAT = np.dtype("<f4")


_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def is_binary(head: bytes) -> bool | None:
    r"""Return whether a file is word2vec binary, from its first bytes; None if that is not clear.

    >>> is_binary(b"2 2\nthe 0.5 1\n")
    False
    >>> is_binary(b"2 2\nthe \x00\x00\x00\x3f\x00\x00\x80\x3f")
    True
    """
    header = HEADER.match(head)
    if header is None:
        return None
    content = head[header.end() :]
    line, end, _ = content.partition(b"\n")
    fields = line.rsplit(None, int(header[2]))[1:]
    if end and fields and all(map(_is_number, fields)):
        return False
    numbers = content.partition(b" ")[2][: min(64, int(header[2]) * _FLOAT.itemsize)]
    return True if _CONTROLS.search(numbers) or not _is_utf8(numbers) else None


def _is_utf8(text: bytes) -> bool:
    """Return whether text is UTF-8; it may end within a character."""
    return not codecs.getincrementaldecoder("utf-8")("replace").decode(text).count("\ufffd")


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


class BinarySource(VectorSource):
    """A word2vec binary file, with or without line feeds between records, gzip or not.

    Raises
    ------
    InputError
        If it does not begin with ``V d``.
    """

    def __init__(self, location: Location, encoding_errors: str = "strict") -> None:
        self.shown = location.shown
        self._location, self._errors = location, encoding_errors
        self.undecodable: list[int] = []
        header = HEADER.match(next(read_blocks(location, 256), b""))
        if header is None or not int(header[1]) or not int(header[2]):
            raise InputError(
                f"{self.shown} does not begin with the line 'V d' of a word2vec binary file; "
                "name its format with --format; for parameters of the C program, give --vocab"
            )
        self.num_words, self.vector_size = int(header[1]), int(header[2])
        self._data_begins = header.end()

    def chunks(self) -> Iterator[Chunk]:
        """Divide the stream into records."""
        row_bytes = self.vector_size * _FLOAT.itemsize
        self.undecodable.clear()
        data, begin, found = b"", 0, 0
        header = self._data_begins
        words: list[bytes] = []
        rows: list[bytes] = []
        for block in read_blocks(self._location):
            data, begin, header = data[begin:] + block, header, 0
            while found < self.num_words:
                space = data.find(b" ", begin, begin + LONGEST_WORD)
                if space < 0 or space + 1 + row_bytes > len(data):
                    if space < 0 and len(data) - begin >= LONGEST_WORD:
                        raise InputError(
                            f"{self.shown}, word {found + 1:,}: no space within "
                            f"{LONGEST_WORD:,} bytes; the file is damaged; copy it again"
                        )
                    break
                # word2vec ends a record with a line feed, gensim does not
                words.append(data[begin:space].lstrip(b"\n"))
                begin = space + 1 + row_bytes
                rows.append(data[space + 1 : begin])
                found += 1
                if len(words) == CHUNK_ROWS:
                    yield self._chunk(words, rows, found)
                    words, rows = [], []
            if found == self.num_words and data[begin:].strip(b"\n"):
                raise InputError(
                    f"{self.shown} contains more words than the {self.num_words:,} of its header; "
                    "copy or make it again"
                )
        if words:
            yield self._chunk(words, rows, found)
        if found < self.num_words:
            raise InputError(
                f"{self.shown} is cut short: its header says {self.num_words:,} words, but it "
                f"contains {found:,}; copy it again"
            )

    def _chunk(self, words: list[bytes], rows: list[bytes], found: int) -> Chunk:
        start = found - len(words)
        decoded, skipped = decode_words(
            words, lambda k: f"{self.shown}, word {start + k + 1:,}", self._errors
        )
        self.undecodable += [start + position for position in skipped]
        values = np.frombuffer(b"".join(rows), _FLOAT).astype(np.float32, copy=False)
        return Chunk(decoded, values.reshape(-1, self.vector_size))


def write_binary(source: VectorSource, target: Location, precision: str) -> None:
    """Write records without line feeds between them, as gensim does."""
    with (
        target.written_whole() as temporary,
        open_text_output(temporary, packed=target.name.endswith(GZIP)) as sink,
    ):
        sink.write(f"{source.num_words} {source.vector_size}\n".encode())
        for chunk in checked(source):
            longest = max(chunk.words, key=len, default="")
            if len(longest.encode()) >= LONGEST_WORD:
                raise InputError(
                    f"word {longest[:20]!r}... has {len(longest.encode()):,} bytes, but in the "
                    f"format word2vec-binary it must have fewer than {LONGEST_WORD:,}; write "
                    "another format, or drop such words with a tokenizer"
                )
            rows = np.ascontiguousarray(chunk.rows, _FLOAT)
            sink.write(
                b"".join(
                    word.encode() + b" " + row.tobytes()
                    for word, row in zip(chunk.words, rows, strict=True)
                )
            )
