"""Tokenize: every format, every rule, and input as it comes."""

from __future__ import annotations

import bz2
import gzip
import json
import logging
import sys

import numpy as np
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest
from chispa import assert_df_equality
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException

from glove_spark.config import TokenizeSettings
from glove_spark.corpus import glob_to_regex
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.stage import run_stage
from glove_spark.stages import documents as documents_reader
from glove_spark.stages import tokenize as stage
from glove_spark.stages.tokenize import TOKENS
from glove_spark.storage import Location

pytestmark = pytest.mark.spark


@pytest.fixture
def tokenize(spark, tmp_path):
    """Run the stage; return its documents in any order, sorted, and its facts."""

    def run(*inputs, **settings):
        root = Location.of(tmp_path / "output").make_folder()
        settings = TokenizeSettings(input=tuple(map(str, inputs)), **settings)
        dataset = run_stage(TOKENS, spark, settings, root, overwrite=True)
        tables = [pq.read_table(file.path) for file in dataset.files(".parquet")]
        documents = [row for table in tables for row in table.column("tokens").to_pylist()]
        facts = dataset.facts
        assert facts["documents"] == len(documents)
        assert facts["tokens"] == sum(map(len, documents))
        return sorted(documents), facts

    return run


@pytest.fixture
def write(tmp_path):
    """Write a file of the corpus from text or bytes."""

    def file(name, content):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


# formats


@pytest.mark.parametrize(
    ("ending", "compress"),
    [("txt", bytes), ("gz", gzip.compress), ("bz2", bz2.compress), ("txt.zst", zstd)],
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


# which files


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
    with pytest.raises(InputError, match=r"holds no file to read \(1 hidden and 0 empty"):
        tokenize(folder)


def test_a_corpus_of_no_token_is_refused(tokenize, write):
    with pytest.raises(InputError, match=r"holds no token in 2 documents; .*tokenizer='words'"):
        tokenize(write("a.txt", "...\n???\n"))


def test_a_colon_in_a_name_is_refused(tokenize, write):
    with pytest.raises(InputError, match=r"has a ':' in its name"):
        tokenize(write("a:b.txt", "one").parent)


def test_a_whole_file_that_memory_cannot_hold_is_refused(tokenize, write, monkeypatch):
    monkeypatch.setattr("glove_spark.corpus.LARGEST_WHOLE_FILE", 10)
    path = write("a.txt", "one two three")
    with pytest.raises(InputError, match=r"has 13 bytes, and document=file holds .*document=line"):
        tokenize(path, document="file")
    assert tokenize(path)[1]["tokens"] == 3


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
def test_an_unreadable_folder_is_named(tokenize, write, monkeypatch):
    folder = write("a.txt", "one").parent

    def refuse(self, *, recursive=True):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Location, "walk", refuse)
    with pytest.raises(InputError, match=r"input=.* cannot be read: .*Permission denied"):
        tokenize(f"{folder}/*")


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
    with pytest.raises(InputError, match=r"/a\.gz cannot be read: not a gzip file; replace"):
        tokenize(write("a.gz", "plain text"))
    with pytest.raises(InputError, match=r"/b\.parquet cannot be read: "):
        tokenize(write("b.parquet", "plain text"))


def test_json_that_cannot_be_opened_is_named(tokenize, write):
    with pytest.raises(InputError, match=r"/a\.jsonl\.gz cannot be read"):
        tokenize(write("a.jsonl.gz", "plain text"))


def test_zstd_needs_a_spark_that_reads_it(tokenize, write, monkeypatch):
    monkeypatch.setattr(documents_reader, "ZSTD_SINCE", (99, 0))
    with pytest.raises(InputError, match=r"a\.txt\.zst is compressed by zstd, which Spark 4"):
        tokenize(write("a.txt.zst", zstd(b"one")))


def test_a_missing_column_is_refused_and_those_there_are_named(tokenize, tmp_path, write):
    pq.write_table(pa.table({"body": ["a"], "id": [1]}), tmp_path / "a.parquet")
    expected = r"text_column='text' is not in the parquet files; their columns are body, id"
    with pytest.raises(ConfigurationError, match=expected):
        tokenize(tmp_path / "a.parquet")
    with pytest.raises(ConfigurationError, match=r"'text' is not in .*; its fields are body, id"):
        tokenize(write("a.jsonl", '{"body": "a", "id": 1}'))


def test_a_column_of_another_type_is_refused(tokenize, tmp_path):
    pq.write_table(pa.table({"text": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ConfigurationError, match="is of type bigint and must be string"):
        tokenize(tmp_path / "a.parquet")


# text as it comes


def test_repairs_and_counts_bytes_that_are_not_utf8(tokenize, write, caplog):
    path = write("a.txt", b"caf\xe9 one\nfine\n\xff\xfe\n")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        documents, facts = tokenize(path, tokenizer="whitespace")
    assert documents == [["caf\ufffd", "one"], ["fine"], ["\ufffd\ufffd"]]
    assert facts["documents_repaired"] == 2
    assert "2 documents held bytes that are not UTF-8" in caplog.text


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
    assert "1 documents held NUL characters" in caplog.text


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
    assert "1 documents of more than 4,000,000 characters cut" in caplog.text


def test_cuts_keep_characters_and_words_whole(tokenize, write, monkeypatch):
    monkeypatch.setattr(stage, "LONGEST_ROW", 10)
    monkeypatch.setattr(stage, "CUT_SEARCH", 4)
    documents, facts = tokenize(write("a.txt", "äöü ßßß ñññ ççç 語語語\n" + "語" * 25 + "\n"))
    assert ["ñññ", "ççç"] not in documents
    assert sorted("".join(map("".join, documents))) == sorted("äöüßßßñññççç" + "語" * 28)
    assert facts["documents_cut"] == 2
    assert {"äöü", "ßßß", "ñññ", "ççç", "語語語"} <= {word for row in documents for word in row}


# tokenizers


TEXT = "Don’t PANIC, it's 42 o'clock-ish! ‘naïve’ İstanbul e\u0301te\u0301 C3PO 'tis x_y"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {},
            "don’t panic it's 42 o'clock ish naïve i̇stanbul e\u0301te\u0301 c3po tis x y",
        ),
        (
            {"lowercase": False},
            "Don’t PANIC it's 42 o'clock ish naïve İstanbul e\u0301te\u0301 C3PO tis x y",
        ),
        ({"tokenizer": "whitespace", "lowercase": False}, TEXT),
        (
            {"tokenizer": "whitespace", "strip_punctuation": True, "lowercase": False},
            "Don’t PANIC it's 42 o'clock-ish naïve İstanbul e\u0301te\u0301 C3PO tis x_y",
        ),
        ({"tokenizer": "regex:[A-Z]+", "lowercase": False}, "D PANIC C PO"),
        ({"min_token_length": 5}, "don’t panic o'clock naïve i̇stanbul e\u0301te\u0301"),
    ],
)
def test_tokenizers(tokenize, write, settings, expected):
    assert tokenize(write("a.txt", TEXT), **settings)[0] == [expected.split(" ")]


def test_whitespace_is_asciis_only(tokenize, write):
    path = write("a.txt", " a\u00a0b\tc\x0bd\x0ce  f\u3000g \n  blanks\u2003 only \n")
    documents, facts = tokenize(path, tokenizer="whitespace", lowercase=False)
    assert documents == [["a\u00a0b", "c", "d", "e", "f\u3000g"], ["blanks\u2003", "only"]]
    assert facts["dropped_tokens"]["empty"] == 0


def test_dropped_tokens_are_counted_by_rule(tokenize, write):
    path = write("a.txt", "-- a, (bb) ?! ccc\n...\n")
    documents, facts = tokenize(
        path, tokenizer="whitespace", strip_punctuation=True, min_token_length=2
    )
    assert documents == [["bb", "ccc"]]
    assert facts["dropped_tokens"] == {"empty": 0, "strip_punctuation": 3, "min_token_length": 1}
    assert facts["documents_empty"] == 1


def test_empty_matches_of_a_pattern_are_no_tokens(tokenize, write):
    documents, facts = tokenize(write("a.txt", "xay"), tokenizer="regex:a*")
    assert documents == [["a"]]
    assert facts["dropped_tokens"]["empty"] == 3


def test_a_long_run_of_apostrophes_does_not_overflow(tokenize, write):
    assert tokenize(write("a.txt", "a'" * 100_000 + "b"))[1]["tokens"] == 1


def test_a_pattern_that_java_refuses_is_refused(tokenize, write):
    with pytest.raises(ConfigurationError, match=r"'regex:\(a' is not a regular .*: Unclosed gr"):
        tokenize(write("a.txt", "a"), tokenizer="regex:(a")


def test_a_pattern_that_overflows_the_stack_is_named(tokenize, write):
    with pytest.raises(ConfigurationError, match=r"overflows Java's stack .* possessive"):
        tokenize(write("a.txt", "a"), tokenizer="regex:(?:a|b)+")


# a user's own tokenizer


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module that only the driver can import."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return make


def test_a_function_tokenizes(tokenize, write, module):
    name = module("my_tokens", "SEP = '-'\ndef cut(text):\n    return text.split(SEP)\n")
    documents, facts = tokenize(write("a.txt", "A-b--c"), tokenizer=f"{name}:cut")
    assert documents == [["a", "b", "c"]]
    assert facts["dropped_tokens"]["empty"] == 1


def test_an_installed_function_tokenizes(tokenize, write):
    path = write("a.txt", "a 'b c' d")
    assert tokenize(path, tokenizer="shlex:split")[0] == [["a", "b c", "d"]]


def test_a_changed_function_is_noticed(module):
    settings = TokenizeSettings(input=(__file__,), tokenizer="changing:cut")
    source = "def cut(text):\n    return [text]\n"
    module("changing", source)
    first = TOKENS.external_inputs(settings)
    module("changing", source + "# changed\n")
    assert TOKENS.external_inputs(settings)["tokenizer"] != first["tokenizer"]


@pytest.mark.parametrize(
    ("source", "function", "reason"),
    [
        ("", "cut", "cannot be imported: AttributeError"),
        ("import nowhere_at_all", "cut", "cannot be imported: ModuleNotFoundError"),
        ("def cut(text): return 1 / 0", "cut", "fails on .*: ZeroDivisionError"),
        ("cut = 7", "cut", "fails on .*: TypeError"),
        ("def cut(text): return text", "cut", "returns a str and must return a list of str"),
        ("def cut(text): return [1]", "cut", "returns a list with a int and must"),
    ],
)
def test_a_bad_function_is_refused_at_the_door(tokenize, write, module, source, function, reason):
    name = module(f"bad_{abs(hash(source))}", source)
    with pytest.raises(ConfigurationError, match=rf"tokenizer='{name}:cut' {reason}"):
        tokenize(write("a.txt", "a"), tokenizer=f"{name}:{function}")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "def cut(text):\n    assert 'boom' not in text\n    return [text]",
            "fails on the document",
        ),
        ("def cut(text):\n    return None if 'boom' in text else [text]", "returns a NoneType"),
    ],
)
def test_a_function_that_fails_on_a_document_is_named(tokenize, write, module, source, reason):
    name = module(f"fails_{abs(hash(source))}", source)
    with pytest.raises(InputError, match=rf"tokenizer='{name}:cut' {reason}"):
        tokenize(write("a.txt", "fine\nboom\n"), tokenizer=f"{name}:cut")


class Unspeakable(Py4JError):
    """What an exception of Java's is once Java is gone."""

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


# the dataset


def test_the_schema_is_as_documented(spark, tokenize, write, tmp_path):
    tokenize(write("a.txt", "one two"))
    found = spark.read.parquet(str(tmp_path / "output" / "tokens"))
    expected = spark.createDataFrame([(["one", "two"],)], "tokens array<string>")
    assert_df_equality(found, expected, ignore_nullable=True)


def test_a_changed_corpus_is_noticed(write):
    path = write("a.txt", "one")
    settings = TokenizeSettings(input=(str(path.parent),))
    before = TOKENS.external_inputs(settings)
    assert TOKENS.external_inputs(settings) == before
    write("b.txt", "two")
    assert TOKENS.external_inputs(settings) != before


def test_real_messy_text(tokenize, shared_data):
    _, facts = tokenize(shared_data / "data" / "messy" / "badbytes", document="file")
    assert facts["files"] == 60
    assert facts["documents_repaired"] > 30
    assert facts["tokens"] > 5000
    _documents, facts = tokenize(shared_data / "data" / "messy" / "unicode")
    assert facts["documents_repaired"] == 0
    assert facts["tokens"] > 1000
