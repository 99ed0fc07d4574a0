"""`verify` reads every dataset, names every damaged one, and reports the others as correct."""

import pytest

from glove_spark.cli import main
from glove_spark.errors import DatasetError, InputError
from glove_spark.store.location import Location
from glove_spark.store.verification import verify_folder


def test_a_whole_folder(trained_folder, log_lines):
    # the fixture overwrote the files that the manifest of the matrix describes
    names = {"vocabulary", "model", "vectors", "cooccurrence"}
    assert set(verify_folder(trained_folder)) == names
    assert sum(", checksums correct (" in line for line in log_lines) == len(names)
    assert main(["verify", trained_folder.path]) == 0


def test_every_damaged_dataset_is_named(trained_folder, log_lines):
    for file in ("vocabulary/words.parquet", "vectors/part-00000.parquet"):
        content = bytearray((trained_folder / file).read_bytes())
        content[len(content) // 2] ^= 1
        (trained_folder / file).write_bytes(bytes(content))
    with pytest.raises(DatasetError, match=r"has 2 damaged datasets: vectors, vocabulary; run th"):
        verify_folder(trained_folder)
    assert any("words.parquet missing or changed" in line for line in log_lines)
    assert main(["verify", trained_folder.path]) == 5


def test_a_folder_without_datasets(tmp_path):
    with pytest.raises(InputError, match="contains no dataset; name the output folder of a run"):
        verify_folder(Location.of(tmp_path))
