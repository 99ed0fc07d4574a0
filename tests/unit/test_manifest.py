"""Manifests are read as they were written, and changes are detected."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from glove_spark.errors import DatasetError, InputError
from glove_spark.store.checksums import FileState
from glove_spark.store.dataset import (
    FOLLOWED,
    lineage_of,
    name_some,
    open_dataset,
    refuse_followed,
)
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe, fingerprint, list_files

RECIPE = Recipe("cooccurrence", 1, {"window_size": 5}, {"tokens": "aa"})


@pytest.fixture
def dataset(tmp_path):
    location = Location.of(tmp_path / "data set")
    location.make_folder()
    (location / "part").write_bytes(b"12345")
    Manifest(RECIPE, list_files(location), {"rows": 3}, {"total": 1.23456}).write(location)
    return location


def test_round_trip(dataset):
    manifest = Manifest.read(dataset)
    assert manifest.recipe == RECIPE
    assert manifest.files == {"part": FileState(5, hashlib.sha256(b"12345").hexdigest())}
    assert manifest.facts == {"rows": 3}
    assert manifest.timings == {"total": 1.235}
    assert open_dataset(dataset).files("part") == [dataset / "part"]


def test_none_where_there_is_none(tmp_path):
    assert Manifest.read(Location.of(tmp_path / "none")) is None
    with pytest.raises(InputError, match="does not exist yet"):
        open_dataset(Location.of(tmp_path / "none"))


@pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, "3", "\x00"])
def test_what_is_no_manifest_is_refused(dataset, content):
    Manifest.location(dataset).write_bytes(content.encode())
    with pytest.raises(DatasetError, match=r"is not a valid manifest \(.*\); delete it"):
        Manifest.read(dataset)


def rewritten(dataset, **changes):
    """Change the manifest, with a valid checksum."""
    location = Manifest.location(dataset)
    content = json.loads(location.read_bytes()) | changes
    del content["checksum"]
    location.write_json(content | {"checksum": fingerprint(content)})


@pytest.mark.parametrize("member", ["settings", "facts", "files", "created"])
def test_change_by_hand_is_noticed(dataset, member):
    location = Manifest.location(dataset)
    content = json.loads(location.read_bytes())
    content[member] = {"window_size": 6}
    location.write_json(content)
    with pytest.raises(DatasetError, match="is damaged or was edited"):
        Manifest.read(dataset)


@pytest.mark.parametrize("content", ["{}", '{"stage": 1}', '{"manifest_version": 3}'])
def test_what_has_no_version_that_we_read_is_refused(dataset, content):
    Manifest.location(dataset).write_bytes(content.encode())
    with pytest.raises(DatasetError, match="a manifest of version"):
        Manifest.read(dataset)


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_another_version_of_manifests_is_refused(dataset, version):
    rewritten(dataset, manifest_version=version)
    with pytest.raises(DatasetError, match=r"a manifest of version .* glove_spark reads 2"):
        Manifest.read(dataset)


STATE = {"bytes": 5, "sha256": "00"}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("stage", 1),
        ("format_version", "1"),
        ("format_version", True),
        ("settings", []),
        ("inputs", {"tokens": 1}),
        ("files", {"part": 5}),
        ("files", {"part": STATE | {"bytes": -1}}),
        ("timings", {"total": "long"}),
        ("lineage", None),
        ("created", 0),
        *(("files", {name: STATE}) for name in ("../part", "/etc/passwd", "a/../b", "a//b", ".")),
        *(("files", {name: STATE}) for name in ("a\\b", "a\0b", "part/")),
    ],
)
def test_members_of_other_types_and_paths_outside_are_refused(dataset, member, value):
    rewritten(dataset, **{member: value})
    with pytest.raises(DatasetError, match=r"is not a valid manifest \(.*\); delete it"):
        Manifest.read(dataset)


def test_a_missing_fact_is_an_error_of_the_dataset(dataset):
    assert Manifest.read(dataset).facts["rows"] == 3
    with pytest.raises(
        DatasetError, match="has no fact 'columns'; delete it and run the stage again"
    ):
        Manifest.read(dataset).facts["columns"]


@pytest.mark.parametrize("content", [b"1234", b"12340", None])
def test_a_cut_changed_or_missing_file_is_noticed(dataset, content):
    (dataset / "part").delete()
    if content is not None:
        (dataset / "part").write_bytes(content)
    with pytest.raises(DatasetError, match="is damaged: part missing or changed"):
        open_dataset(dataset)


def test_without_a_hasher_only_sizes_are_compared(dataset):
    (dataset / "part").write_bytes(b"12340")
    assert open_dataset(dataset, hasher=None).name == "data set"
    (dataset / "part").write_bytes(b"1234")
    with pytest.raises(DatasetError, match="is damaged"):
        open_dataset(dataset, hasher=None)


def test_of_many_damaged_files_some_are_named(tmp_path):
    assert name_some(["a", "b", "c", "d", "e"], Location.of(tmp_path)) == "a, b, c and 2 more"
    assert name_some([""], Location.of(tmp_path / "vectors.txt")) == "vectors.txt"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (1, "reads 2; run its stage again with --overwrite"),
        (3, "reads at most 2; upgrade glove_spark, or name"),
    ],
)
def test_other_layouts_are_refused(tmp_path, version, message):
    location = Location.of(tmp_path / "vocabulary").make_folder()
    Manifest(Recipe("vocabulary", version, {}, {}), {}, {}).write(location)
    with pytest.raises(DatasetError, match=f"has format version {version}, .*{message}"):
        open_dataset(location)


def made(tmp_path, name, inputs, lineage, settings=None):
    location = Location.of(tmp_path / name)
    return Dataset(location, Manifest(Recipe(name, 1, settings or {}, inputs), {}, {}, {}, lineage))


def test_datasets_of_different_origin_do_not_go_together(tmp_path):
    words, others = (made(tmp_path, "vocabulary", {}, {}, {"min_count": k}) for k in (1, 2))
    first, second = words.manifest.fingerprint, others.manifest.fingerprint
    blocks = made(tmp_path, "blocks", {"cooccurrence": "c"}, {"cooccurrence": "c"})
    model = made(tmp_path, "model", {"blocks": "b"}, {"vocabulary": first})
    assert lineage_of({"vocabulary": words, "model": model, "blocks": blocks}) == {
        "vocabulary": first,
        "model": model.manifest.fingerprint,
        "blocks": blocks.manifest.fingerprint,
        "cooccurrence": "c",
    }
    assert second != first
    with pytest.raises(DatasetError, match=r"vocabulary and .*model do not belong together"):
        lineage_of({"vocabulary": others, "model": model})


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


def test_what_follows_a_corpus_is_not_made_at_once(tmp_path):
    followed = made(tmp_path, "vocabulary", {}, {}).manifest
    followed = replace(followed, recipe=replace(followed.recipe, stage=FOLLOWED))
    refuse_followed(followed, Location.of(tmp_path), FOLLOWED)
    with pytest.raises(
        DatasetError,
        match="belongs to incremental updates and is not replaced; add text with glove-spark",
    ):
        refuse_followed(followed, Location.of(tmp_path), "import-c")


def test_a_fingerprint_that_is_not_the_recipes_is_refused(dataset):
    rewritten(dataset, settings={"window_size": 6})
    with pytest.raises(DatasetError, match="its fingerprint does not match its content"):
        Manifest.read(dataset)


def test_the_documents_list_every_dataset_with_its_version():
    formats = (Path(__file__).parents[2] / "docs" / "FORMATS.md").read_text("utf-8")
    rows = re.findall(r"^\| \[`([\w.]+)`\]\(#\w+\) \| .* \| (\d+) \|$", formats, re.MULTILINE)
    assert {name: int(version) for name, version in rows} == FORMAT_VERSIONS
    for name in FORMAT_VERSIONS:
        assert f"\n## {name}\n" in formats
