"""Tokenize damaged and mislabelled text, other encodings, and text without line ends."""

from __future__ import annotations

import bz2
import codecs
import gzip
import logging
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from glove_spark.corpus import documents as documents_reader
from glove_spark.errors import DatasetError, InputError
from glove_spark.stages import tokenize as stage

pytestmark = pytest.mark.spark

zstd = partial(pa.compress, codec="zstd", asbytes=True)


@pytest.mark.parametrize("compress", [gzip.compress, zstd, bz2.compress])
def test_a_compressed_file_cut_short_is_named(tokenize, write, compress):
    noise = np.random.default_rng(1).integers(97, 123, 200_000).astype(np.uint8).tobytes()
    ending = {gzip.compress: "gz", zstd: "zst", bz2.compress: "bz2"}[compress]
    content = compress(noise.replace(b"q", b"\n"))
    write("good.txt", "one")
    folder = write(f"cut.{ending}", content[: len(content) // 2]).parent
    with pytest.raises(InputError, match=rf"/cut\.{ending} cannot be read: .*replace or remove"):
        tokenize(folder)


def test_a_file_that_is_not_what_its_name_says_is_named(tokenize, write):
    # text needs no name to be read
    assert tokenize(write("a.gz", "plain text"))[0] == [["plain", "text"]]
    with pytest.raises(
        InputError, match=r"/b\.parquet is not a valid parquet file: its first bytes are wrong"
    ):
        tokenize(write("b.parquet", "plain text"))


def test_json_that_cannot_be_opened_is_named(tokenize, write):
    cut = gzip.compress(b'{"text": "one"}\n' * 1000)[:40]
    with pytest.raises(InputError, match=r"/a\.jsonl\.gz cannot be read"):
        tokenize(write("a.jsonl.gz", cut))


def test_repairs_and_counts_bytes_that_are_not_utf8(tokenize, write, caplog):
    path = write("a.txt", b"caf\xe9 one\nfine\n\xff\xfe\n")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        documents, facts = tokenize(path, tokenizer="whitespace")
    assert documents == [["caf\ufffd", "one"], ["fine"], ["\ufffd\ufffd"]]
    assert facts["documents_repaired"] == 2
    assert "2 documents contained bytes that are not UTF-8" in caplog.text


def test_line_ends_and_byte_order_marks_are_no_text(tokenize, write):
    folder = write("a.txt", b"\xef\xbb\xbfone two\r\nthree\r\n").parent
    write("b.txt", b"\xef\xbb\xbffour\rfive")
    found = [["five"], ["four"], ["one", "two"], ["three"]]
    assert tokenize(folder, tokenizer="whitespace")[0] == found
    assert tokenize(folder, tokenizer="whitespace", document="file")[0] == [
        ["four", "five"],
        ["one", "two", "three"],
    ]


def test_nul_characters_separate_and_are_counted(tokenize, write, caplog):
    path = write("a.txt", "one\0two\nthree\n")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        documents, facts = tokenize(path, tokenizer="whitespace")
    assert documents == [["one", "two"], ["three"]]
    assert facts["documents_with_nul"] == 1
    assert "1 documents contained NUL characters" in caplog.text


def test_a_huge_line_is_cut_at_white_space(tokenize, write, caplog):
    # 24 MB in one line: several pieces, and no word lost or broken
    words = 240_000
    path = write("a.txt", ("x" * 99 + " ") * words + "\nshort line\n")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        documents, facts = tokenize(path)
    assert facts["tokens"] == words + 2
    assert set(map(len, map(set, documents))) == {1, 2}
    assert facts["documents"] == 7
    assert facts["documents_cut"] == 1
    assert "1 documents of more than 4,000,000 characters were split" in caplog.text


def test_cuts_keep_characters_and_words_whole(tokenize, write, monkeypatch):
    monkeypatch.setattr(stage, "LONGEST_ROW", 10)
    monkeypatch.setattr(stage, "CUT_SEARCH", 4)
    documents, facts = tokenize(write("a.txt", "äöü ßßß ñññ ççç 語語語\n" + "語" * 25 + "\n"))
    assert ["ñññ", "ççç"] not in documents
    assert sorted("".join(map("".join, documents))) == sorted("äöüßßßñññççç" + "語" * 28)
    assert facts["documents_cut"] == 2
    assert {"äöü", "ßßß", "ñññ", "ççç", "語語語"} <= {word for row in documents for word in row}


class Unspeakable(Py4JError):
    """An exception of Java after Java has ended."""

    def __str__(self):
        raise Py4JNetworkError("connection refused")


@pytest.mark.parametrize(
    "error",
    [
        Py4JNetworkError("Answer from Java side is empty"),
        ConnectionRefusedError(111, "Connection refused"),
        PySparkException("Job aborted: java.lang.OutOfMemoryError: Java heap space"),
        Unspeakable(),
    ],
)
def test_a_lack_of_memory_is_explained(error):
    with (
        pytest.raises(InputError, match=r"Java ran out of memory or ended .*spark\.driver\.memory"),
        documents_reader.corpus_errors(),
    ):
        raise error


def test_other_errors_of_spark_pass():
    with pytest.raises(PySparkException, match="something else"), documents_reader.corpus_errors():
        raise PySparkException("something else")


def invalid_bytes(content):
    """Count the bytes that are not UTF-8, as Python sees them."""
    found = []

    def note(error):
        found.append(error.end - error.start)
        return "\ufffd", error.end

    codecs.register_error("note", note)
    content.decode("utf-8", errors="note")
    return sum(found)


@settings(max_examples=30)
@given(
    st.lists(
        st.sampled_from([b"a", b"\xc3\xa9", b"\xef\xbf\xbd", b"\xe2\x82", b"\xff", b"\xf0\x9f"]),
        min_size=1,
        max_size=12,
    )
)
def test_every_invalid_byte_is_counted(spark, pieces):
    content = b"".join(pieces)
    frame = spark.createDataFrame([(bytearray(content),)], "value binary")
    text = frame.select(F.col("value").cast("string").alias("value"))
    found = text.select(documents_reader._repaired_bytes(F.col("value"))).collect()[0][0]
    assert found == invalid_bytes(content)


@pytest.mark.parametrize(
    ("name", "document"),
    [("badbytes", "file"), ("badbytes", "line"), ("unicode", "line"), ("webtext", "line")],
)
def test_real_messy_text_is_accounted_for(tokenize, shared_data, name, document):
    folder = shared_data / "data" / "messy" / name
    files = [f for f in folder.rglob("*") if f.stat().st_size and ".wet" not in f.name]
    contents = [file.read_bytes() for file in files]
    _, facts = tokenize(*files, document=document)
    assert facts["files"] == len(files)
    read = len(files) if document == "file" else sum(len(c.splitlines()) for c in contents)
    assert facts["documents_read"] == read
    assert facts["documents"] + facts["documents_empty"] == read + facts["further_pieces"]
    assert facts["bytes_repaired"] == sum(map(invalid_bytes, contents))
    assert (facts["documents_repaired"] > 0) == (facts["bytes_repaired"] > 0)
    assert facts["tokens"] > 1000


def test_real_wet_files_give_no_headers(tokenize, shared_data):
    pytest.importorskip("warcio", reason="warcio is not installed")
    folder = shared_data / "data" / "messy" / "webtext"
    # one of them lost its carriage returns, so the lengths in its headers are wrong
    for file in folder.glob("*.wet*"):
        documents, facts = tokenize(file)
        assert facts["tokens"] > 50
        words = {word for words in documents for word in words}
        assert not words & {"warc", "conversion", "urn", "sha1"}


def test_a_document_that_is_lost_is_noticed():
    facts = {"documents_read": 3, "further_pieces": 1, "documents": 1, "documents_empty": 1}
    facts |= {"documents_unparsed": 1, "documents_without_text": 0}
    with pytest.raises(DatasetError, match="4 documents and parts of documents were read but 3"):
        stage._check(facts)
    stage._check(facts | {"documents_without_text": 1})
