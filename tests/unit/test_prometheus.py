"""Metrics are read by Prometheus's own parser, after successful and failed runs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from glove_spark.cli import entry as cli
from glove_spark.cli import main
from glove_spark.release.run_metrics import HELP, as_text, write_run_metrics
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest, Recipe
from glove_spark.store.versions import Judgement


def samples_of(text):
    """Return values by name without prefix, and by labels other than command and output."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            labels = {k: v for k, v in sample.labels.items() if k not in ("command", "output")}
            found[(sample.name.removeprefix("glove_spark_"), *labels.values())] = sample.value
    return found


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    value=st.one_of(st.integers(-(2**53), 2**53), st.floats()),
)
def test_whatever_a_label_holds_is_read_back(text, value):
    # the parser splits lines only at newlines, as Prometheus does
    (family,) = text_string_to_metric_families(as_text([("cost", {"set": text}, value)]).decode())
    (sample,) = family.samples
    assert sample.labels == {"set": text}
    assert sample.value == value or (math.isnan(sample.value) and math.isnan(value))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics" / "run.prom"


def written(file, root, **options):
    file.parent.mkdir(exist_ok=True)
    values = {"command": "run", "exit_code": 0, "started": 1000.5, **options}
    write_run_metrics(str(file), root=root, **values)
    return samples_of(file.read_text())


def test_what_manifests_say(trained_folder, file):
    Judgement("v", scores={"analogies/total": 22.5, "similarity/men": 50.25}).write(trained_folder)
    found = written(file, trained_folder)
    expected = {
        ("run_success",): 1,
        ("run_exit_code",): 0,
        ("run_start_timestamp_seconds",): 1000.5,
        ("vocabulary_words",): 60,
        ("dropped_tokens", "vocabulary", "min_count"): 1000,
        ("dropped_tokens", "vocabulary", "stop_words"): 0,
        ("epochs",): 3,
        ("cost",): 0.02,
        ("dataset_seconds", "model"): 12.5,
        ("analogies_percent", "total"): 22.5,
        ("spearman_percent", "men"): 50.25,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found[("run_end_timestamp_seconds",)] > 1000.5
    assert ("held_out_cost",) not in found
    assert {name for name, *_ in found} <= set(HELP)
    assert [entry.name for entry in file.parent.iterdir()] == ["run.prom"]


def test_a_matrix_that_follows_its_text_knows_documents_and_batches(tmp_path, file):
    root = Location.of(tmp_path / "out").make_folder()
    facts = {"tokens": 70, "documents": 7, "nnz": 30, "batches": {"batches": {"a": {}, "b": {}}}}
    Manifest(Recipe("update", 1, {}, {}), {}, facts).write(root / "cooccurrence")
    facts = {"dropped_tokens": {"waiting": 4}, "vocabulary_size": 9}
    Manifest(Recipe("update", 1, {}, {}), {}, facts).write(root / "vocabulary")
    found = written(file, root)
    keys = [("batches",), ("documents",), ("tokens",), ("nonzeros",)]
    assert [found[key] for key in keys] == [2, 7, 70, 30]
    assert found[("dropped_tokens", "vocabulary", "waiting")] == 4


def test_a_version_counts_as_its_folder_of_counts_whose_manifests_it_lacks(
    trained_folder, tmp_path, file
):
    version = (trained_folder / "versions" / "a").make_folder()
    found = written(file, version, reuse=trained_folder)
    assert found[("vocabulary_words",)] == 60
    assert f'output="{trained_folder.path}"' in file.read_text()


def test_a_manifest_that_cannot_be_read_says_nothing(trained_folder, file):
    (trained_folder / "model.manifest.json").write_bytes(b"{")
    found = written(file, trained_folder)
    assert ("cost",) not in found
    assert found[("vocabulary_words",)] == 60


def test_a_failed_command_writes_how_it_failed(tmp_path, file):
    file.parent.mkdir()
    arguments = ["publish", "--output", str(tmp_path), "--version", "a", "--metrics", str(file)]
    assert main(arguments) == 3
    found = samples_of(file.read_text())
    assert (found[("run_success",)], found[("run_exit_code",)]) == (0, 3)
    assert 'command="publish"' in file.read_text()


def test_a_defect_is_exit_code_1(tmp_path, file, monkeypatch):
    def defect(given):
        raise RuntimeError("a defect")

    monkeypatch.setattr(cli, "_config", defect)
    file.parent.mkdir()
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[run]\noutput = "{tmp_path}"\nmetrics = "{file}"\n')
    with pytest.raises(RuntimeError):
        main(["train", "--config", str(settings)])
    found = samples_of(file.read_text())
    assert found[("run_exit_code",)] == 1


def test_a_wrong_name_is_a_wrong_setting(tmp_path, capsys):
    publish = ["publish", "--output", str(tmp_path), "--version", "a"]
    for arguments in (["train", "--output", str(tmp_path)], publish):
        assert main([*arguments, "--metrics", str(tmp_path / "metrics.txt")]) == 2
        assert "must end in .prom, because Prometheus" in capsys.readouterr().err
    assert not (tmp_path / "metrics.txt").exists()


def test_metrics_that_cannot_be_written_do_not_change_how_a_run_ended(
    trained_folder, tmp_path, log_lines
):
    write_run_metrics(str(tmp_path / "no" / "x.prom"), "run", 0, 1.0, trained_folder)
    assert any("x.prom cannot be written: " in line for line in log_lines)
