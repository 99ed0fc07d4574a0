"""Recognise binary files by their first bytes."""

from __future__ import annotations

PICKLE = "a Python pickle (gensim's .model, PyTorch); export its content with the program it is of"

MARKUP = {
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"<mediawiki": "a MediaWiki dump",
    b"<?xml": "an XML file",
}
"""The first characters of text that is mostly tags, in lower case."""

OTHERS = {
    b"PK\x03\x04": "a zip archive; unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x04\x22\x4d\x18": "compressed by lz4; recompress it by gzip or zstd",
    b"LZIP": "compressed by lzip; recompress it by gzip or zstd",
    b"ARROW1": "an Arrow file; write the column as Parquet",
    b"Obj\x01": "an Avro file; write the column as Parquet",
    b"%PDF": "a PDF document; extract its text",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a sound, film or picture",
    b"OggS": "a sound or film",
    b"ID3": "a sound",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"SQLite format 3": "an SQLite database; export the column",
    b"\xd0\xcf\x11\xe0": "an office document; extract its text",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a numpy array",
    b"\x5d\x00\x00": "compressed by lzma; recompress it by xz, gzip or zstd",
    b"\x1f\x9d": "compressed by compress; recompress it by gzip or zstd",
    b"\xff\x06\x00\x00sNaPpY": "compressed by snappy; recompress it by gzip or zstd",
    b"\x78\x01": "compressed by zlib; recompress it by gzip or zstd",
    b"\x78\x9c": "compressed by zlib; recompress it by gzip or zstd",
    b"\x78\xda": "compressed by zlib; recompress it by gzip or zstd",
    b"\xba\x16\x4f\x2f": "a model of fastText; use its vectors, the file that ends in .vec",
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), PICKLE),
    b"{\\rtf": "an RTF document; extract its text",
    b"version https://git-lfs.github.com/spec/": (
        "a pointer that Git LFS left instead of the file; fetch it with git lfs pull"
    ),
}
"""The first bytes of other files, their format, and the remedy."""


def signed_as(head: bytes) -> str | None:
    """Return the format of a file with these first bytes, and the remedy; None if it may be text.

    >>> signed_as(b"%PDF-1.7")
    'a PDF document; extract its text'
    """
    found = next((name for magic, name in OTHERS.items() if head.startswith(magic)), None)
    return "a tar archive; unpack it" if found is None and head[257:262] == b"ustar" else found


def markup_of(head: bytes) -> str | None:
    """Return the kind of markup of text with these first bytes; None if it is not markup.

    >>> markup_of(b"<!DOCTYPE html>")
    'an HTML page'
    """
    start = head.removeprefix("\ufeff".encode()).lstrip().lower()
    return next((name for mark, name in MARKUP.items() if start.startswith(mark)), None)
