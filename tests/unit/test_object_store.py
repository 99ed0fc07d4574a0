"""Division of texts into lines and tables into columns, as in tasks that read object stores."""

import bz2
import gzip
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import orc

from glove_spark.corpus import python_source, values
from glove_spark.corpus.formats import codec_by_name
from glove_spark.corpus.python_source import _parts, _Reader
from glove_spark.corpus.values import Part, read_part
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.store.location import Location


def read(parts):
    """The values of all parts, as bytes."""
    return [
        value
        for part in parts
        for values in read_part(part)
        for value in values.view(pa.binary()).to_pylist()
    ]


@given(
    lines=st.lists(
        st.sampled_from([b"", b"a", b"\xff\xfe", b"caf\xc3\xa9 x", b"y" * 40]), max_size=9
    ),
    ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=9, max_size=9),
    last=st.booleans(),
    size=st.integers(1, 60),
)
def test_lines_are_those_of_the_whole_text_wherever_it_is_cut(
    tmp_path_factory, lines, ends, last, size
):
    text = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    text += b"end" if last else b""
    file = tmp_path_factory.mktemp("text") / "a.txt"
    file.write_bytes(text)
    edges = [*range(0, len(text), size), len(text)]
    parts = [
        Part(Location.of(file), "lines", start, stop)
        for start, stop in pairwise(edges)
        if start < stop
    ]
    assert read(parts) == text.splitlines()


def test_large_texts_are_several_tasks_and_compressed_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(python_source, "BYTES_PER_TASK", 100)
    monkeypatch.setattr(values, "_CHUNK", 64)
    text = b"".join(b"line %d\n" % number for number in range(100))
    (tmp_path / "a.txt").write_bytes(text)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text))
    (tmp_path / "a.txt.bz2").write_bytes(bz2.compress(text))
    with pa.output_stream(str(tmp_path / "a.txt.zst"), compression="zstd") as sink:
        sink.write(text)
    for name, number in (("a.txt", 8), ("a.txt.gz", 1), ("a.txt.bz2", 1), ("a.txt.zst", 1)):
        codec = codec_by_name(name)
        parts = list(_parts(Location.of(tmp_path / name), "lines", "", codec))
        assert len(parts) == number
        assert read(parts) == text.splitlines()
        assert read(_parts(Location.of(tmp_path / name), "whole", "", codec)) == [text]


@pytest.mark.parametrize("kind", ["parquet", "orc"])
def test_tables_are_read_by_row_group_and_stripe(tmp_path, kind):
    texts = ["a b", None, "c", ""] * 2000
    table = pa.table({"id": range(8000), "body": pa.array(texts, pa.string())})
    file = tmp_path / "table"
    if kind == "parquet":
        pq.write_table(table, file, row_group_size=3000)
    else:
        orc.write_table(table, str(file))
    parts = list(_parts(Location.of(file), kind, "body"))
    assert len(parts) == (3 if kind == "parquet" else 1)
    assert read(parts) == [None if text is None else text.encode() for text in texts]


def test_tables_without_the_column_or_of_another_type_are_refused(tmp_path):
    pq.write_table(pa.table({"id": [1], "body": ["a"]}), tmp_path / "t.parquet")
    file = Location.of(tmp_path / "t.parquet")
    with pytest.raises(ConfigurationError, match=r"'text' is not in the parquet file .* id, body"):
        list(_parts(file, "parquet", "text"))
    with pytest.raises(ConfigurationError, match="is of type int64 and must be string; name anot"):
        list(_parts(file, "parquet", "id"))
    (tmp_path / "t.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        list(_parts(file, "parquet", "text"))


def test_a_text_cut_short_is_named(tmp_path):
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(b"some text " * 1000)[:-12])
    with pytest.raises(InputError, match=r"a\.gz cannot be read \(.*\); check that it is complete"):
        list(_Reader([]).read(Part(Location.of(file), "lines", codec="gzip")))
