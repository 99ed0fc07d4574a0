"""Tokenize: every format, and which files of a corpus are read."""

from __future__ import annotations

import bz2
import gzip
import json
import logging
import os
import sys
from functools import partial

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pyspark
import pytest

from glove_spark.corpus import documents as documents_reader
from glove_spark.corpus.documents import ZSTD_SINCE
from glove_spark.corpus.files import glob_to_regex
from glove_spark.errors import ConfigurationError, InputError

pytestmark = pytest.mark.spark

zstd = partial(pa.compress, codec="zstd", asbytes=True)

SPARK = tuple(int(part) for part in pyspark.__version__.split(".")[:2])


@pytest.mark.parametrize(
    ("ending", "compress"),
    [
        ("txt", bytes),
        ("gz", gzip.compress),
        ("bz2", bz2.compress),
        pytest.param(
            *("txt.zst", zstd),
            marks=pytest.mark.skipif(SPARK < ZSTD_SINCE, reason="Spark before 4.1 reads no zstd"),
        ),
    ],
)
def test_reads_text_plain_and_compressed(tokenize, write, ending, compress):
    path = write(f"a.{ending}", compress(b"One two.\n\nThree\n"))
    documents, facts = tokenize(path)
    assert documents == [["one", "two"], ["three"]]
    assert facts["documents_empty"] == 1


def test_reads_a_file_as_one_document(tokenize, write):
    write("a.txt", "one\ntwo\n")
    folder = write("b.txt.gz", gzip.compress(b"three\nfour\n")).parent
    assert tokenize(folder, document="file")[0] == [["one", "two"], ["three", "four"]]


def test_reads_json_lines_and_skips_what_is_none(tokenize, write, caplog):
    lines = [
        {"text": "One"},
        {"text": None},
        {"other": 1},
        {"id": 7, "text": "two\nthree"},
    ]
    content = "\ufeff" + "\n".join(json.dumps(line) for line in lines)
    write("a.jsonl", content + "\n{broken\n[1]\n\n   \n")
    folder = write("b.json.gz", gzip.compress(b'{"text": "four"}\r\n')).parent
    with caplog.at_level(logging.WARNING, "glove_spark"):
        documents, facts = tokenize(folder)
    assert documents == [["four"], ["one"], ["two", "three"]]
    assert facts["documents_unparsed"] == 2
    assert facts["documents_without_text"] == 2
    assert facts["documents_empty"] == 0
    assert "2 lines skipped, which are not JSON objects" in caplog.text
    assert "2 records skipped, which have no text" in caplog.text


def test_reads_long_strings_of_json(tokenize, write):
    # the JSON parser's own limit is 20 MB
    path = write("a.jsonl", json.dumps({"text": ("a" * 99 + " ") * 210_000}))
    assert tokenize(path)[1]["tokens"] == 210_000


@pytest.mark.parametrize("write_table", [pq.write_table, orc.write_table])
def test_reads_tables(tokenize, tmp_path, write_table):
    kind = "parquet" if write_table is pq.write_table else "orc"
    table = pa.table({"id": [1, 2, 3], "my text": ["One two", None, ""]})
    write_table(table, str(tmp_path / f"a.{kind}"))
    documents, facts = tokenize(tmp_path / f"a.{kind}", text_column="my text")
    assert documents == [["one", "two"]]
    assert (facts["documents_without_text"], facts["documents_empty"]) == (1, 1)


def test_reads_formats_together(tokenize, write):
    write("a.txt", "one")
    write("deep/b.jsonl", '{"text": "two"}')
    folder = write("deep/year=1851/c.txt", "three").parents[2]
    pq.write_table(pa.table({"text": ["four"]}), folder / "d.parquet")
    assert tokenize(folder)[0] == [["four"], ["one"], ["three"], ["two"]]


def test_the_format_can_be_named(tokenize, write):
    path = write("corpus", '{"text": "one"}\n')
    assert tokenize(path, format="jsonl")[0] == [["one"]]
    assert tokenize(path)[0] == [["text", "one"]]


def test_zstd_needs_a_spark_that_reads_it(tokenize, write, monkeypatch):
    monkeypatch.setattr(documents_reader, "ZSTD_SINCE", (99, 0))
    with pytest.raises(InputError, match=r"a\.txt\.zst is compressed with zstd, which Spark 4"):
        tokenize(write("a.txt.zst", zstd(b"one")))


def test_a_missing_column_is_refused_and_those_there_are_named(tokenize, tmp_path, write):
    pq.write_table(pa.table({"body": ["a"], "id": [1]}), tmp_path / "a.parquet")
    expected = (
        r"text_column='text' is not in the parquet file .*; name one of its columns: body, id"
    )
    with pytest.raises(ConfigurationError, match=expected):
        tokenize(tmp_path / "a.parquet")
    with pytest.raises(
        ConfigurationError, match=r"'text' is not in .*; name one of its fields: body, id"
    ):
        tokenize(write("a.jsonl", '{"body": "a", "id": 1}'))


def test_a_column_of_another_type_is_refused(tokenize, tmp_path):
    pq.write_table(pa.table({"text": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ConfigurationError, match="is of type int64 and must be string"):
        tokenize(tmp_path / "a.parquet")


def test_skips_hidden_and_empty_files_with_a_warning(tokenize, write, caplog):
    for name in (".hidden", "_SUCCESS", "deep/_x.txt"):
        write(name, "hidden")
    write("empty.txt", "")
    folder = write("a.txt", "one").parent
    with caplog.at_level(logging.WARNING, "glove_spark"):
        documents, facts = tokenize(folder)
    assert documents == [["one"]]
    assert facts["files"] == 1
    assert "3 hidden files skipped" in caplog.text
    assert "1 empty files skipped" in caplog.text


@pytest.mark.parametrize(
    "name", ["a b.txt", "100%20.txt", "x[1].txt", "y{1}.txt", "z*.txt", "ü.txt", "b\\c.txt"]
)
def test_names_may_hold_any_character(tokenize, write, name):
    assert tokenize(write(f"fol der/{name}", "one"))[0] == [["one"]]


def test_patterns_match_files_and_folders(tokenize, write):
    for name in ("a-1.txt", "a-2.txt", "b-1.txt"):
        folder = write(name, name[:3].replace("-", "")).parent
    write("deep/a-9/c.txt", "c")
    assert tokenize(f"{folder}/a-?.txt")[0] == [["a1"], ["a2"]]
    assert tokenize(f"{folder}/[!a]-*.txt")[0] == [["b1"]]
    assert tokenize(f"{folder}/**/a-*")[0] == [["a1"], ["a2"], ["c"]]
    # a file that two inputs name is read once
    assert tokenize(f"{folder}/a-*.txt", f"{folder}/a-1.txt")[1]["documents"] == 2


def test_a_pattern_is_literal_but_for_its_special_characters():
    assert glob_to_regex("/a.b/*(1)").match("/a.b/x(1)")
    assert not glob_to_regex("/a.b/*").match("/aXb/c")
    assert not glob_to_regex("/a/*.txt").match("/a/b.txt.gz")


def test_many_small_files_make_few_partitions(tokenize, write, tmp_path):
    for number in range(60):
        folder = write(f"{number}.txt", f"w{number}").parent
    assert tokenize(folder)[1]["documents"] == 60
    assert len(list((tmp_path / "output" / "tokens").glob("*.parquet"))) <= 16


def test_a_missing_path_is_refused(tokenize, tmp_path):
    with pytest.raises(InputError, match=r"input=.*nowhere does not exist; check the path"):
        tokenize(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"input=.*nothing-\* does not exist"):
        tokenize(tmp_path / "nothing-*")


def test_a_corpus_of_no_file_is_refused(tokenize, write):
    folder = write("_hidden", "x").parent
    with pytest.raises(InputError, match=r"contains no file to read \(1 hidden and 0 empty"):
        tokenize(folder)


def test_a_colon_in_a_name_is_refused(tokenize, write):
    with pytest.raises(InputError, match=r"has a ':' in its name"):
        tokenize(write("a:b.txt", "one").parent)


def test_a_whole_file_that_memory_cannot_hold_is_refused(tokenize, write, monkeypatch):
    monkeypatch.setattr("glove_spark.corpus.formats.LARGEST_WHOLE_FILE", 10)
    path = write("a.txt", "one two three")
    with pytest.raises(
        InputError,
        match=r"has 13 bytes; with document=file a file must have at most .*document=line",
    ):
        tokenize(path, document="file")
    assert tokenize(path)[1]["tokens"] == 3


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_an_unreadable_folder_is_named(tokenize, write, monkeypatch):
    folder = write("a.txt", "one").parent
    write("closed/b.txt", "two")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"input=.* cannot be read: .*Permission denied"):
        tokenize(folder)
    with pytest.raises(InputError, match=r"input=.* cannot be read: .*Permission denied"):
        tokenize(f"{folder}/*")
