"""Damaged and foreign files: the stage that reads them names them, fails, or makes them again."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from glove_spark.cli import main
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest
from tests.spark_fixtures import SMALL, contents

pytestmark = pytest.mark.spark

READERS = {
    "tokens": ["vocabulary", "--min-count", "2"],
    "vocabulary": ["cooccurrence", "--window-size", "3"],
    "cooccurrence": ["blocks", "--num-blocks", "3"],
    "blocks": ["train", "--epochs", "3", "--vector-size", "4"],
    "model": ["export", "--vectors", "word"],
}
"""A command that reads each dataset, with an option that the first run did not have."""


@pytest.fixture(scope="module")
def trained(spark, tmp_path_factory):
    """An output folder of two epochs, made once."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text").write_text("a b c d a b c a b a\n" * 20 + "e f g e f e\n" * 10)
    out = folder / "out"
    assert main(["run", "--input", str(folder / "text"), "--output", str(out), *SMALL]) == 0
    return out


@pytest.fixture
def out(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "out")
    return tmp_path / "out"


def a_file_of(out, name):
    """Return the last data file of a dataset; for a model, it is of the last epoch."""
    ending = {"model": ".arrow", "blocks": ".arrow"}.get(name, ".parquet")
    manifest = Manifest.read(Location.of(out / name))
    return out / name / max(file for file in manifest.files if file.endswith(ending))


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-7])


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def take_from_another_run(file):
    """Replace it by a file of the same size, as from another seed."""
    file.write_bytes(bytes(reversed(file.read_bytes())))


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, take_from_another_run])
@pytest.mark.parametrize("name", READERS)
def test_the_reader_of_a_damaged_file_refuses_it(out, name, damage, capsys):
    file = a_file_of(out, name)
    damage(file)
    before = contents(out)
    assert main([*READERS[name], "--output", str(out), "--overwrite"]) == 5
    error = capsys.readouterr().err
    assert f"{name} is damaged: " in error
    assert file.name in error
    assert f"{name} is damaged" in error.splitlines()[-1]
    assert contents(out) == before


@pytest.mark.parametrize("name", READERS)
def test_run_makes_a_damaged_dataset_again(trained, out, name, capsys):
    file = a_file_of(out, name)
    flip_a_bit(file)
    corpus = trained.parent / "text"
    assert main(["run", "--input", str(corpus), "--output", str(out), *SMALL]) == 0
    told = f"{name}: made again, because {file.relative_to(out / name)} missing or changed"
    assert told in capsys.readouterr().err
    assert contents(out) == contents(trained)


@pytest.mark.parametrize("name", READERS)
def test_a_newer_format_is_refused_and_not_overwritten(trained, out, name, capsys):
    location = Manifest.location(Location.of(out / name))
    manifest = Manifest.read(Location.of(out / name))
    # a newer version writes complete datasets with other fingerprints
    replace(manifest, recipe=replace(manifest.recipe, format_version=99)).write(
        Location.of(out / name)
    )
    before = location.read_bytes()
    for command in (
        [*READERS[name], "--output", str(out), "--overwrite"],
        ["run", "--input", str(trained.parent / "text"), "--output", str(out), *SMALL],
    ):
        assert main(command) == 5
        assert (
            "has format version 99, but this glove_spark reads at most" in capsys.readouterr().err
        )
    assert location.read_bytes() == before


def test_a_model_of_another_vocabulary_is_not_exported(trained, out, tmp_path, capsys):
    other = tmp_path / "other"
    corpus = trained.parent / "text"
    options = [*SMALL, "--max-vocabulary", "6"]
    assert main(["run", "--input", str(corpus), "--output", str(other), *options]) == 0
    shutil.rmtree(out / "model")
    shutil.copytree(other / "model", out / "model")
    shutil.copy(other / "model.manifest.json", out)
    assert main(["export", "--output", str(out), "--overwrite"]) == 5
    assert "do not belong together: they come from different datasets" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_not_resumed(trained, out, capsys):
    # the state after a run that ended between its last epoch and its manifest
    manifest = Manifest.read(Location.of(out / "model"))
    (out / "model.manifest.json").unlink()
    unfinished = out / f".model.{manifest.fingerprint[:12]}.tmp"
    (out / "model").rename(unfinished)
    flip_a_bit(unfinished / "epoch-0002" / "W-00000.arrow")
    corpus = trained.parent / "text"
    assert main(["run", "--input", str(corpus), "--output", str(out), *SMALL]) == 0
    error = capsys.readouterr().err
    assert "train: the checkpoint of epoch 2 is damaged and not used" in error
    assert "train: resumes after epoch 1" in error
    assert contents(out) == contents(trained)
