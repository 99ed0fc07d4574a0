"""Manifests: what was written is what is read, and changes are noticed."""

import json

import pytest

from glove_spark.errors import DatasetError, InputError
from glove_spark.manifest import Manifest, Recipe, file_sizes
from glove_spark.publication import open_dataset
from glove_spark.storage import Location

RECIPE = Recipe("cooccurrence", 1, {"window_size": 5}, {"tokens": "aa"})


@pytest.fixture
def dataset(tmp_path):
    location = Location.of(tmp_path / "data set")
    location.make_folder()
    (location / "part").write_bytes(b"12345")
    Manifest(RECIPE, file_sizes(location), {"rows": 3}, {"total": 1.23456}).write(location)
    return location


def test_round_trip(dataset):
    manifest = Manifest.read(dataset)
    assert manifest.recipe == RECIPE
    assert manifest.files == {"part": 5}
    assert manifest.facts == {"rows": 3}
    assert manifest.timings == {"total": 1.235}
    assert open_dataset(dataset).files("part") == [dataset / "part"]


def test_none_where_there_is_none(tmp_path):
    assert Manifest.read(Location.of(tmp_path / "none")) is None
    with pytest.raises(InputError, match="has not been made yet"):
        open_dataset(Location.of(tmp_path / "none"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"stage": 1}', "\x00"])
def test_what_is_no_manifest_is_refused(dataset, content):
    Manifest.location(dataset).write_bytes(content.encode())
    with pytest.raises(DatasetError, match=r"is not a manifest \(.*\); delete it"):
        Manifest.read(dataset)


def test_change_by_hand_is_noticed(dataset):
    location = Manifest.location(dataset)
    content = json.loads(location.read_bytes())
    content["settings"]["window_size"] = 6
    location.write_json(content)
    with pytest.raises(DatasetError, match="was changed by hand"):
        Manifest.read(dataset)


@pytest.mark.parametrize("content", [b"1234", None])
def test_a_cut_or_missing_file_is_noticed(dataset, content):
    (dataset / "part").delete()
    if content is not None:
        (dataset / "part").write_bytes(content)
    with pytest.raises(DatasetError, match="is not whole: part missing or of another size"):
        open_dataset(dataset)


def test_differences_are_named():
    wanted = Recipe("cooccurrence", 2, {"window_size": 9}, {"tokens": "bb"})
    assert RECIPE.differences(wanted) == [
        "format version 1 is now 2",
        "window_size was 5 and is now 9",
        "tokens has changed",
    ]
    assert RECIPE.differences(RECIPE) == []


def test_equal_recipes_have_equal_fingerprints():
    assert (
        RECIPE.fingerprint
        == Recipe("cooccurrence", 1, {"window_size": 5}, {"tokens": "aa"}).fingerprint
    )
    assert (
        RECIPE.fingerprint
        != Recipe("cooccurrence", 1, {"window_size": 5}, {"tokens": "ab"}).fingerprint
    )
