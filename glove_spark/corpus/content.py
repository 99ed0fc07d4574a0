"""Detect the content of a file by its first bytes, because file names may be wrong.

Compressed text and tables may have any name. A file that is not text is an error that names the
format, because otherwise its bytes would be counted as words without an error.
"""

from __future__ import annotations

import codecs
import lzma
from typing import NamedTuple

from glove_spark.errors import InputError
from glove_spark.store.compression import codec_of, open_bytes
from glove_spark.store.location import Location
from glove_spark.store.signatures import markup_of, signed_as

HEAD_BYTES = 4096

TABLES = {b"PAR1": "parquet", b"ORC": "orc"}

# the longer marks first, because the mark of UTF-32 begins with that of UTF-16
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks of encodings other than UTF-8."""

_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x1b")

LONG_WINDOW = (
    "it is compressed by zstd with a window of more than 128 MB, which readers refuse to hold in "
    "memory; recompress it by zstd --long=27 or less"
)

BINARY_SHARE = 0.05
"""The share of control characters in the head of a file above which it is not text."""


WARC = b"WARC/1."

_MARK = "\ufeff".encode()


SMALLEST_HEAD = 200
"""Bytes; a smaller file is not checked for control characters."""


class Content(NamedTuple):
    """The detected content of a file.

    Attributes
    ----------
    kind
        ``"text"``, ``"parquet"``, ``"orc"`` or ``"warc"``.
    codec
        The compression of text, a name of `COMPRESSED`; None if it is not compressed.
    encoding
        The encoding of the byte order mark, unless it is UTF-8; None without a mark.
    whole_json
        Whether the text begins as JSON that is not one object per line: an array, or an object of
        several lines.
    markup
        The kind of markup if the text is mostly tags, which are counted as words; otherwise None.
    """

    kind: str
    codec: str | None
    encoding: str | None
    whole_json: bool = False
    markup: str | None = None


def content_of(file: Location) -> Content:
    """Detect the content of a file by its first bytes.

    Raises
    ------
    InputError
        If it is neither text nor a supported table, or cannot be read.
    """
    head = _head(file, None)
    for magic, table in TABLES.items():
        if head.startswith(magic):
            return Content(table, None, None)
    codec = codec_of(head)
    if codec is not None:
        head = _head(file, codec)
    refuse_binary(head, file.shown)
    encoding = next((name for mark, name in MARKS if head.startswith(mark)), None)
    if head.startswith(WARC):
        return Content("warc", codec, None)
    return Content("text", codec, encoding, _is_whole_json(head), markup_of(head))


def _is_whole_json(head: bytes) -> bool:
    start = head.removeprefix(_MARK).lstrip()
    first = start.partition(b"\n")[0].rstrip()
    # an object that continues on the next line, not a damaged one
    return start.startswith(b"[") or (start.startswith(b"{") and first[-1:] in b"{[,:")


def refuse_binary(head: bytes, shown: str) -> None:
    """Raise an error if a file does not begin like text.

    Raises
    ------
    InputError
        Names the format and the remedy.
    """
    what = signed_as(head)
    if what is None and not any(head.startswith(mark) for mark, _ in MARKS):
        controls = len(head) - len(head.translate(None, _CONTROLS))
        zeros = (head[0::2].count(0), head[1::2].count(0))
        if len(head) >= 8 and max(zeros) > 0.4 * len(head) / 2 and min(zeros) < 0.1 * len(head) / 2:
            what = (
                "UTF-16 without a byte order mark, as it seems; give --encoding utf-16-le or "
                "utf-16-be"
            )
        elif len(head) >= SMALLEST_HEAD and controls > BINARY_SHARE * len(head):
            what = "not text: it is full of control characters; convert it to text"
    if what is not None:
        joint = ", or" if ";" in what else ";"
        raise InputError(f"{shown} is {what}{joint} remove it from the input")


def _head(file: Location, codec: str | None) -> bytes:
    try:
        with open_bytes(file, codec) as source:
            return bytes(source.read(HEAD_BYTES))
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        reason = "it is cut short" if isinstance(error, EOFError) else str(error)
        if "too much memory" in reason:
            reason = LONG_WINDOW
        raise InputError(f"{file.shown} cannot be read: {reason}; replace or remove it") from None
