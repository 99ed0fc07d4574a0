"""The vocabulary dataset: round trip, look-up, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glove_spark.datasets.vocabulary import FILE, Vocabulary
from glove_spark.errors import DatasetError
from glove_spark.store.location import Location


def test_reads_what_it_wrote(tmp_path):
    words = ["the", "ünï", "\U0001f40b", "' %"]
    location = Location.of(tmp_path / "vocabulary")
    Vocabulary(words, np.array([9, 5, 5, 1])).write(location)
    again = Vocabulary.read(location)
    assert again.words == words
    assert again.counts.tolist() == [9, 5, 5, 1]
    assert [info.base_name for info in location.walk()] == [FILE]


def test_columns_are_as_documented(tmp_path):
    location = Location.of(tmp_path / "vocabulary")
    Vocabulary(["a", "b"], np.array([2, 1])).write(location)
    schema = pq.read_schema(tmp_path / "vocabulary" / FILE)
    assert [(field.name, str(field.type)) for field in schema] == [
        ("id", "int32"),
        ("word", "string"),
        ("count", "int64"),
    ]


def test_looks_up_ids():
    vocabulary = Vocabulary(["a", "b"], np.array([2, 1]))
    assert vocabulary.ids_of(["b", "x", "a"]).tolist() == [1, -1, 0]
    assert vocabulary.ids_of([]).dtype == np.int32
    assert "b" in vocabulary
    assert "x" not in vocabulary
    assert len(vocabulary) == 2


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"words\.parquet cannot be read .*--overwrite"):
        Vocabulary.read(Location.of(tmp_path))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / FILE).write_bytes(b"PAR1 but no more")
    with pytest.raises(DatasetError, match=r"words\.parquet cannot be read"):
        Vocabulary.read(Location.of(tmp_path))


def test_other_columns_are_refused(tmp_path):
    pq.write_table(pa.table({"word": ["a"]}), tmp_path / FILE)
    with pytest.raises(DatasetError, match="has the columns word but must have id int32"):
        Vocabulary.read(Location.of(tmp_path))


@pytest.mark.parametrize(("ids", "counts"), [([1, 0], [2, 1]), ([0, 1], [1, -2])])
def test_rows_out_of_order_are_refused(tmp_path, ids, counts):
    schema = pq.read_schema(_written(tmp_path))
    table = pa.table([pa.array(ids, pa.int32()), ["a", "b"], counts], schema=schema)
    pq.write_table(table, tmp_path / FILE)
    with pytest.raises(DatasetError, match="is damaged: ids must be 0, 1, 2"):
        Vocabulary.read(Location.of(tmp_path))


def _written(folder):
    Vocabulary(["a", "b"], np.array([2, 1])).write(Location.of(folder))
    return folder / FILE
