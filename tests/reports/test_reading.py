"""Files with any name and in any form are read by their content, or give an error."""

import datetime
import decimal
import gzip
import io
import json
import logging
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glove_spark.corpus import segmenters
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.settings.stages import TokenizeSettings

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(("pack", "name"), [(gzip.compress, "dump"), (lzma.compress, "dump.xz")])
def test_packed_text_is_read_whatever_its_name(tokenize, write, pack, name):
    write("plain.txt", "three four\n")
    folder = write(name, pack(b"one two\n")).parent
    assert tokenize(folder)[0] == [["one", "two"], ["three", "four"]]


def test_parquet_under_another_name_is_read(tokenize, write):
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["one two"]}), sink)
    file = write("part-00000.snappy", sink.getvalue())
    assert tokenize(file)[0] == [["one", "two"]]
    with pytest.raises(InputError, match="contains parquet, but format=text is set; give --format"):
        tokenize(file, format="text")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("document", ["line", "file"])
def test_a_byte_order_mark_tells_the_encoding(tokenize, write, encoding, document):
    file = write("a.txt", "été one\nзима\n".encode(encoding))
    documents, facts = tokenize(file, document=document)
    assert [word for words in documents for word in words] == ["été", "one", "зима"]
    assert facts["documents_repaired"] == 0


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("latin-1", "café"), ("cp1252", "“smart” €"), ("gb18030", "北京 市"), ("koi8-r", "зима лето")],
)
def test_other_encodings_are_named(tokenize, write, encoding, text):
    file = write("a.txt", text.encode(encoding))
    documents, facts = tokenize(file, tokenizer="whitespace", encoding=encoding)
    assert documents == [text.split()]
    assert facts["documents_repaired"] == 0


def test_what_is_no_encoding_is_refused():
    with pytest.raises(ConfigurationError, match="encoding='base64' must be a text encoding"):
        TokenizeSettings(input=("a",), encoding="base64")
    with pytest.raises(ConfigurationError, match="encoding='klingon' must be"):
        TokenizeSettings(input=("a",), encoding="klingon")


def test_a_page_is_read_with_a_warning_that_names_it(tokenize, write, caplog):
    folder = write("page.txt", "<!DOCTYPE html>\n<html><body>one</body></html>\n").parent
    with caplog.at_level(logging.WARNING, "glove_spark"):
        tokenize(folder)
    assert "1 files are not plain text: their tags are counted as words" in caplog.text
    assert "/page.txt (" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "glove_spark"):
        tokenize(folder, tokenizer="regex:[a-z]+")
    assert "not plain text" not in caplog.text


def test_the_files_with_most_bytes_that_are_not_utf8_are_named(tokenize, write, caplog):
    write("a.txt", b"caf\xe9\n" * 3)
    write("b c.txt", b"caf\xe9\n" * 5)
    folder = write("fine.txt", "fine").parent
    with caplog.at_level(logging.WARNING, "glove_spark"):
        tokenize(folder)
    assert "8 documents contained bytes that are not UTF-8" in caplog.text
    assert caplog.text.index("/b c.txt (5)") < caplog.text.index("/a.txt (3)")
    assert "name the encoding with --encoding" in caplog.text


RECORDS = [{"id": 1, "text": "one two"}, {"id": 2, "text": None}, {"id": 3, "text": "three ü"}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        "\ufeff" + json.dumps(RECORDS, indent=2, ensure_ascii=False),
        "\n".join(json.dumps(record, indent=1) for record in RECORDS),
    ],
)
def test_json_arrays_and_objects_of_several_lines_are_read(tokenize, write, content):
    documents, facts = tokenize(write("docs.json", content))
    assert documents == [["one", "two"], ["three", "ü"]]
    assert facts["documents_without_text"] == 1
    assert facts["documents_unparsed"] == 0


def test_json_that_ends_early_is_named_by_its_line(tokenize, write):
    file = write("docs.json", json.dumps(RECORDS, indent=2)[:-30])
    with pytest.raises(InputError, match=r"docs\.json, line 1.*: not valid JSON"):
        tokenize(file)


def a_wet_file(texts):
    warcio = pytest.importorskip("warcio.warcwriter", reason="warcio is not installed")
    sink = io.BytesIO()
    writer = warcio.WARCWriter(sink, gzip=True)
    info = {"software": "a test"}
    writer.write_record(writer.create_warcinfo_record("a.warc.wet.gz", info))
    for number, text in enumerate(texts):
        record = writer.create_warc_record(
            f"http://a.example/{number}", "conversion", payload=io.BytesIO(text.encode())
        )
        writer.write_record(record)
    return sink.getvalue()


def test_wet_files_give_the_text_of_pages_alone(tokenize, write):
    file = write("CC-0.warc.wet.gz", a_wet_file(["one two\nthree", "vier ü\n"]))
    assert tokenize(file)[0] == [["one", "two"], ["three"], ["vier", "ü"]]
    assert tokenize(file, document="file")[0] == [["one", "two", "three"], ["vier", "ü"]]


def beside(**columns):
    return pa.table({"text": pa.array(["one two", "three"]), **columns})


TABLES = {
    "nanoseconds": beside(at=pa.array([1, 2], pa.timestamp("ns"))),
    "float16": beside(half=pa.array(np.array([1, 2], np.float16))),
    "wide decimals": beside(d=pa.array([decimal.Decimal(1)] * 2, pa.decimal256(60, 2))),
    "times": beside(t=pa.array([datetime.time(1)] * 2)),
    "names that differ by case": beside(TEXT=pa.array(["no", "no"])),
    "a dictionary": pa.table({"text": pa.array(["one two", "three"]).dictionary_encode()}),
    "large strings": pa.table({"text": pa.array(["one two", "three"], pa.large_string())}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_column_of_text_is_read_whatever_is_beside_it(tokenize, tmp_path, name):
    pq.write_table(TABLES[name], tmp_path / "a.parquet")
    assert tokenize(tmp_path / "a.parquet")[0] == [["one", "two"], ["three"]]


WORDS = {
    "zero-width non-joiner inside a word stays": ("می\u200cخواهم کتاب", ["می\u200cخواهم", "کتاب"]),
    "zero-width joiner at an end goes": ("क\u094d\u200d ष", ["क\u094d", "ष"]),
    "soft hyphens vanish": ("co\u00adoperation coop\u00ad", ["cooperation", "coop"]),
    "word joiners vanish": ("foo\u2060bar \ufeffbaz", ["foobar", "baz"]),
    "marks of direction vanish": ("\u200eabc\u200f \u202bשלום\u202c", ["abc", "שלום"]),
    "the middle dot of Catalan": ("col·lecció · paral·lel", ["col·lecció", "paral·lel"]),
    "Hebrew gershayim": ("צה״ל אמר", ["צה״ל", "אמר"]),
    "Hebrew with a double quote": ('צה"ל "אמר"', ['צה"ל', "אמר"]),
    "a quote between other letters separates": ('ü"b', ["ü", "b"]),
    "zero-width spaces separate": ("ka\u200bfe", ["ka", "fe"]),
    "no-break spaces separate": ("ka\u00a0fe\u202fgo", ["ka", "fe", "go"]),
    "apostrophes inside": ("l’été d'or ’tis", ["l’été", "d'or", "tis"]),
}
"""The result for each character; docs/INPUT.md has the same as a table."""


@pytest.mark.parametrize("rule", WORDS)
def test_words_end_where_unicode_says(tokenize, write, rule):
    text, words = WORDS[rule]
    assert tokenize(write("a.txt", text))[0] == [words]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("none", ["cafe\u0301", "ﬁne", "ＡＢＣ"]),
        ("nfc", ["café", "ﬁne", "ＡＢＣ"]),
        ("nfkc", ["café", "fine", "ABC"]),
    ],
)
@pytest.mark.parametrize("tokenizer", ["words", "whitespace"])
def test_normal_forms(tokenize, write, form, words, tokenizer):
    file = write("a.txt", "cafe\u0301 ﬁne ＡＢＣ")
    settings = {"normalize": form, "tokenizer": tokenizer, "lowercase": False}
    assert tokenize(file, **settings)[0] == [words]


def test_text_without_blanks_is_warned_of_and_segmented_by_the_extra(tokenize, write, caplog):
    chinese = "我们今天去北京大学参观了图书馆和实验室然后回家吃饭\n" * 50
    with caplog.at_level(logging.WARNING, "glove_spark"):
        tokenize(write("zh.txt", chinese))
    assert "--tokenizer glove_spark.corpus.segmenters:chinese" in caplog.text
    caplog.clear()
    pytest.importorskip("jieba", reason="jieba is not installed")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        documents, _ = tokenize(
            write("zh.txt", chinese), tokenizer="glove_spark.corpus.segmenters:chinese"
        )
    assert {"北京大学", "图书馆"} <= set(documents[0])
    assert "segment" not in caplog.text


@pytest.mark.parametrize(
    "text",
    ["한국어 문장은 띄어쓰기가 있습니다 그래서 괜찮습니다\n" * 50, "ordinary words here\n" * 50],
)
def test_text_with_blanks_is_not_warned_of(tokenize, write, caplog, text):
    with caplog.at_level(logging.WARNING, "glove_spark"):
        tokenize(write("a.txt", text))
    assert "segment" not in caplog.text


def test_japanese_is_segmented():
    pytest.importorskip("janome", reason="janome is not installed")
    assert segmenters.japanese("すもももももももものうち。") == [
        "すもも",
        "も",
        "もも",
        "も",
        "もも",
        "の",
        "うち",
    ]
