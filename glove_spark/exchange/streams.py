"""Bytes and lines of files, local or remote, gzip or not."""

from __future__ import annotations

import codecs
import logging
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

from glove_spark.errors import InputError
from glove_spark.exchange.source import CHUNK_ROWS
from glove_spark.store.compression import COMPRESSED, codec_of, open_bytes
from glove_spark.store.location import Location
from glove_spark.store.signatures import markup_of, signed_as

log = logging.getLogger(__name__)

GZIP = ".gz"
_MARK = "\ufeff".encode()
"""Some editors write this at the start of a file; it is not part of the first word."""

_LONGEST_MAGIC = max(map(len, COMPRESSED))

HEAD_BYTES = 4096
"""Bytes of a file from which its format is detected."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

BLOCK_BYTES = 1 << 22
"""Bytes per read."""

LONGEST_LINE = 1 << 24
"""A file with a longer line is probably not text; a line with d = 300 has about 4 kB."""


def read_blocks(source: Location, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Read a file from its start; compression is detected from its content.

    Raises
    ------
    InputError
        If the file does not exist, cannot be read, or is compressed and truncated.
    """
    with reading(source):
        with source.filesystem().open_input_stream(source.path, compression=None) as stream:
            codec = codec_of(stream.read(_LONGEST_MAGIC))
        with open_bytes(source, codec) as plain:
            while block := plain.read(block_bytes):
                yield block


def head_of(location: Location, *, numpy: bool) -> bytes:
    """Return the first bytes, decompressed, of a file of vectors.

    Parameters
    ----------
    numpy
        Whether a numpy array is expected.

    Raises
    ------
    InputError
        If the file has another format; the error names it and the remedy.
    """
    head = next(read_blocks(location, HEAD_BYTES), b"")
    found = signed_as(head)
    if numpy and head.startswith(b"\x93NUMPY"):
        found = None
    if found is None:
        markup = markup_of(head)
        if markup is not None:
            found = f"{markup}, perhaps the answer to a failed download; download the file again"
    every_other = head[1:200:2]
    if head.startswith(_UTF16) or every_other.count(0) > 0.8 * len(every_other) > 4:
        found = "UTF-16 text; write it as UTF-8 (iconv -f utf-16 -t utf-8)"
    if found is not None:
        raise InputError(f"{location.shown} is {found}, or name another file of vectors")
    return head


def read_lines(source: Location, *, blank_end: bool = True) -> Iterator[list[bytes]]:
    """Read lines without their line feeds, at most `CHUNK_ROWS` at a time.

    A last line without a line feed counts, unless it is empty.

    Parameters
    ----------
    blank_end
        Whether blank lines at the end count.
    """
    blanks: list[bytes] = []
    for lines in _read_lines(source):
        if blank_end:
            yield lines
            continue
        lines = blanks + lines
        blanks = []
        while lines and not lines[-1].strip():
            blanks.append(lines.pop())
        if lines:
            yield lines


def _read_lines(source: Location) -> Iterator[list[bytes]]:
    rest, number = b"", 0
    waiting: list[bytes] = []
    first = True
    for block in read_blocks(source):
        if first:
            block, first = block.removeprefix(_MARK), False
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise InputError(
                f"{source.shown}, line {number + len(lines) + 1}: longer than "
                f"{LONGEST_LINE >> 20} MB, so this is not a text file; name its format with "
                "--format"
            )
        number += len(lines)
        waiting += lines
        while len(waiting) >= CHUNK_ROWS:
            yield waiting[:CHUNK_ROWS]
            waiting = waiting[CHUNK_ROWS:]
    if rest:
        waiting.append(rest)
    if waiting:
        yield waiting
    if rest:
        log.warning(
            "%s does not end with a line feed; its last line may be incomplete", source.shown
        )


def count_lines(source: Location, *, blank_end: bool = True) -> int:
    """Count the lines that `read_lines` returns."""
    lines, filled, last = 0, 0, b"\n"
    for block in read_blocks(source):
        text = block.rstrip()
        if text:
            filled = lines + text.count(b"\n") + 1
        lines += block.count(b"\n")
        last = block[-1:]
    return lines + (last != b"\n") if blank_end else filled


def decode_words(
    words: list[bytes], place: Callable[[int], str], errors: str = "strict"
) -> tuple[list[str], list[int]]:
    """Decode words.

    Parameters
    ----------
    place
        Returns the place of the word at a position in the list, for the error.
    errors
        ``"strict"`` raises an error for invalid UTF-8; ``"replace"`` and ``"skip"`` insert U+FFFD.

    Returns
    -------
    tuple
        The words, and with ``"skip"`` the positions of those that are not UTF-8.

    Raises
    ------
    InputError
        If a word is not UTF-8; the error names its place.
    """
    together = b"\n".join(words)
    # damaged binary files have words with line feeds
    if words and together.count(b"\n") == len(words) - 1:
        with suppress(UnicodeDecodeError):
            return together.decode("utf-8").split("\n"), []
    decoded, skipped = [], []
    for position, word in enumerate(words):
        try:
            decoded.append(word.decode("utf-8"))
        except UnicodeDecodeError:
            if errors == "strict":
                raise InputError(
                    f"{place(position)}: the word {word!r} is not UTF-8; give --encoding-errors "
                    "replace or skip to read the others"
                ) from None
            decoded.append(word.decode("utf-8", "replace"))
            skipped.append(position)
    return decoded, skipped if errors == "skip" else []


@contextmanager
def open_text_output(target: Location, *, packed: bool) -> Iterator[pa.NativeFile]:
    """Open for writing, with gzip if requested."""
    with target.open_output() as sink:
        if not packed:
            yield sink
            return
        with pa.CompressedOutputStream(sink, "gzip") as stream:
            yield stream


@contextmanager
def reading(source: Location) -> Iterator[None]:
    """Convert read errors of the operating system and of Arrow to `InputError`."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{source.shown} does not exist; check the path") from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        is_cut = isinstance(error, EOFError) or "Truncated compressed stream" in str(error)
        reason = "it is cut short" if is_cut else str(error)
        raise InputError(f"{source.shown} cannot be read: {reason}; copy it again") from error
