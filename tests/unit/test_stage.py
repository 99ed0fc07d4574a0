"""Stages without Spark: publishing, strays, unfinished work, crashes."""

from dataclasses import dataclass

import pytest

from glove_spark.errors import DatasetError, InputError, OutputError
from glove_spark.settings.option import Settings, option
from glove_spark.stages.stage import Stage, run_stage
from glove_spark.store.checksums import file_state
from glove_spark.store.dataset import MARKER, claim_folder
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest


@dataclass(frozen=True)
class Sample(Settings):
    """For these tests."""

    text: str = option("a", "what is written")


def write(job):
    folder = job.output.make_folder()
    (folder / "data").write_bytes(job.settings.text.encode())
    return {"letters": len(job.settings.text)}


def stage(build=write, **fields):
    return Stage("thing", "sample", 1, fields.pop("inputs", ()), build, **fields)


@pytest.fixture
def root(tmp_path):
    return Location.of(tmp_path / "out").make_folder()


def names(root):
    return sorted(info.base_name for info in root.walk(recursive=False))


def test_a_finished_stage_leaves_the_dataset_and_its_manifest(root):
    dataset = run_stage(stage(), None, Sample(), root)
    assert names(root) == ["thing", "thing.manifest.json"]
    assert dataset.manifest.recipe == Manifest.read(root / "thing").recipe
    assert dataset.facts == {"letters": 1}
    assert dataset.manifest.files == {"data": file_state(root / "thing" / "data")}


def test_strays_of_killed_tasks_are_not_published(root):
    def build(job):
        (job.output / "deep").make_folder()
        (job.output / "deep" / ".part.123.tmp").write_bytes(b"half")
        return write(job)

    assert run_stage(stage(build), None, Sample(), root).manifest.files.keys() == {"data"}


def test_a_failed_stage_publishes_nothing_and_keeps_what_was(root):
    before = run_stage(stage(), None, Sample(), root)

    def fail(job):
        write(job)
        raise InputError("no good")

    with pytest.raises(InputError):
        run_stage(stage(fail), None, Sample("b"), root, overwrite=True)
    assert Manifest.read(root / "thing").recipe == before.manifest.recipe
    assert (root / "thing" / "data").read_bytes() == b"a"


def test_a_crash_before_the_manifest_is_a_dataset_that_was_never_made(root):
    run_stage(stage(), None, Sample(), root)
    Manifest.location(root / "thing").delete()
    assert run_stage(stage(), None, Sample("b"), root).facts == {"letters": 1}
    assert (root / "thing" / "data").read_bytes() == b"b"


def test_unfinished_work_is_handed_on_to_the_same_recipe_only(root):
    found = []

    def build(job):
        found.append(names(job.output) if job.output.exists() else [])
        job.output.make_folder()
        (job.output / job.settings.text).write_bytes(b"x")
        if len(found) < 4:
            raise KeyboardInterrupt
        return {}

    for text, resumable in (("a", True), ("a", True), ("b", True), ("a", True)):
        try:
            run_stage(stage(build, resumable=resumable), None, Sample(text), root)
        except KeyboardInterrupt:
            continue
    # the run of "b" deleted the work of "a"
    assert found == [[], ["a"], [], []]
    assert names(root) == ["thing", "thing.manifest.json"]


def test_a_stage_that_cannot_resume_starts_anew(root):
    found = []

    def build(job):
        found.append(job.output.exists())
        write(job)
        if len(found) == 1:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        run_stage(stage(build), None, Sample(), root)
    run_stage(stage(build), None, Sample(), root)
    assert found == [False, False]


def test_an_external_input_that_changed_is_named(root):
    with_input = stage(external_inputs=lambda settings: {"corpus": "1"})
    run_stage(with_input, None, Sample(), root)
    changed = stage(external_inputs=lambda settings: {"corpus": "2"})
    with pytest.raises(DatasetError, match=r"is not up to date: corpus has changed\. Give --overw"):
        run_stage(changed, None, Sample(), root)


def test_input_is_looked_for_in_the_other_folder_too(root, tmp_path):
    run_stage(stage(), None, Sample(), root)
    second = Stage("next", "sample", 1, ("thing",), write)
    other = Location.of(tmp_path / "other").make_folder()
    with pytest.raises(InputError, match="thing does not exist yet"):
        run_stage(second, None, Sample(), other)
    made = run_stage(second, None, Sample(), other, inputs_root=root)
    assert set(made.manifest.recipe.inputs) == {"thing"}


def test_folder_is_claimed_once_and_foreign_ones_are_refused(tmp_path):
    empty = Location.of(tmp_path / "empty")
    claim_folder(empty)
    (empty / "anything").write_bytes(b"x")
    claim_folder(empty)
    assert (empty / MARKER).exists()
    foreign = Location.of(tmp_path / "foreign")
    (foreign / "inner").make_folder()
    with pytest.raises(
        OutputError,
        match="contains files that glove_spark did not write; name a new or empty folder",
    ):
        claim_folder(foreign)


def test_a_damaged_dataset_is_refused_or_redone(root, log_lines):
    run_stage(stage(), None, Sample(), root)
    (root / "thing" / "data").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"is not up to date: data missing or changed\. G"):
        run_stage(stage(), None, Sample(), root)
    # the size is the same, and checksums are not verified
    assert run_stage(stage(), None, Sample(), root, verify=False).name == "thing"
    run_stage(stage(), None, Sample(), root, overwrite=True)
    assert (root / "thing" / "data").read_bytes() == b"a"
    assert "thing: made again, because data missing or changed" in log_lines


def test_a_damaged_input_is_refused(root):
    run_stage(stage(), None, Sample(), root)
    (root / "thing" / "data").write_bytes(b"x")
    second = Stage("next", "sample", 1, ("thing",), write)
    with pytest.raises(DatasetError, match=r"thing is damaged: data missing or changed"):
        run_stage(second, None, Sample(), root)


def test_what_a_run_made_itself_is_not_read_again(root, monkeypatch):
    known = {}
    run_stage(stage(), None, Sample(), root, known=known)
    (root / "thing" / "data").write_bytes(b"x")
    second = Stage("next", "sample", 1, ("thing",), write)
    assert run_stage(second, None, Sample(), root, known=known).manifest.lineage == {
        "thing": known["thing"].manifest.fingerprint
    }
    assert set(known) == {"thing", "next"}


def test_what_a_newer_version_made_is_not_overwritten(root):
    newer = Stage("vocabulary", "sample", 99, (), write)
    run_stage(newer, None, Sample(), root)
    older = Stage("vocabulary", "sample", 1, (), write)
    with pytest.raises(
        DatasetError, match="has format version 99, but this glove_spark reads at most 2"
    ):
        run_stage(older, None, Sample("b"), root, overwrite=True)
