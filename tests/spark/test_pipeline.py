"""Corpus to vectors through the command line: whole runs, repeats, changes, bad input."""

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from glove_spark.cli import main
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest
from glove_spark.vectors.word_vectors import WordVectors
from tests.spark_fixtures import DATASETS, SMALL, contents

pytestmark = pytest.mark.spark

ARISTOTLE = "we are what we repeatedly do excellence then is not an act but a habit"


@pytest.fixture
def run(spark, capsys):
    """Run the pipeline on the session of the tests; return its exit code and output."""

    def command(*arguments):
        code = main(["run", *map(str, arguments)])
        # a line begins with the time of day
        return code, [line[9:] for line in capsys.readouterr().err.splitlines()]

    return command


def test_run_leaves_every_dataset_with_a_manifest(run, books, tmp_path):
    out = tmp_path / "out put"
    code, _ = run("--input", books, "--output", out, *SMALL)
    assert code == 0
    for name in DATASETS:
        manifest = Manifest.read(Location.of(out / name))
        assert manifest.damaged_files(Location.of(out / name)) == []
        assert manifest.timings["total"] > 0
        assert manifest.software["pyspark"]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [".glove_spark", *DATASETS, *(f"{name}.manifest.json" for name in DATASETS)]
    )
    vectors = WordVectors.load(str(out))
    assert len(vectors) == 30
    np.testing.assert_array_equal(
        vectors.vectors, WordVectors.load(str(out / "vectors.txt")).vectors
    )


def test_second_run_skips_and_a_changed_option_redoes_what_depends_on_it(run, books, tmp_path):
    out = tmp_path / "out"
    run("--input", books, "--output", out, *SMALL)
    before = contents(out)
    code, log = run("--input", books, "--output", out, *SMALL)
    assert code == 0
    assert [text for text in log if text.endswith("already complete, skipped")] == [
        f"{name}: already complete, skipped" for name in DATASETS
    ]
    assert contents(out) == before
    code, log = run("--input", books, "--output", out, *SMALL, "--window-size", "3")
    assert code == 0
    assert "vocabulary: already complete, skipped" in log
    assert "cooccurrence: made again, because window_size was 10 and is now 3" in log
    assert "blocks: made again, because cooccurrence has changed" in log
    assert "model: made again, because blocks has changed" in log
    assert contents(out) != before
    # and back again: the same bytes as before
    run("--input", books, "--output", out, *SMALL)
    assert contents(out) == before


def test_a_run_tells_a_line_and_a_collector_what_it_did(run, books, tmp_path):
    metrics = tmp_path / "run.prom"
    arguments = ["--input", books, "--output", tmp_path / "out", *SMALL, "--metrics", metrics]
    code, log = run(*arguments)
    assert code == 0
    cost = Manifest.read(Location.of(tmp_path / "out" / "model")).facts["cost"]
    made = f"; made {', '.join(DATASETS)}; cost {cost:.6g}"
    assert [line.endswith(made) for line in log if line.startswith("run: done in ")] == [True]
    _, log = run(*arguments)
    skipped = f"; skipped {', '.join(DATASETS)}; cost {cost:.6g}"
    assert [line.endswith(skipped) for line in log if line.startswith("run: done in ")] == [True]
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics.read_text())
        for sample in family.samples
    }
    assert samples["glove_spark_run_success"] == 1
    assert samples["glove_spark_cost"] == cost
    assert samples["glove_spark_tokens"] > samples["glove_spark_vocabulary_words"] == 30
    assert samples["glove_spark_epochs"] == 2
    # the error is printed, and existing files are unchanged
    assert run(*arguments, "--window-size", 0)[0] == 2
    assert "glove_spark_run_exit_code" in metrics.read_text()
    assert '"} 2.0\n' in metrics.read_text()


def test_bytes_do_not_depend_on_how_the_corpus_is_cut(run, books, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "all.txt").write_text("".join(file.read_text() for file in sorted(books.iterdir())))
    run("--input", books, "--output", tmp_path / "one", *SMALL)
    run("--input", whole, "--output", tmp_path / "two", *SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_new_file_in_the_corpus_is_noticed(run, books, tmp_path):
    run("--input", books, "--output", tmp_path / "out", *SMALL)
    (books / "d.txt").write_text("word1 word2 novelty\n")
    code, log = run("--input", books, "--output", tmp_path / "out", *SMALL)
    assert code == 0
    assert any(text.startswith("tokens: made again, because") for text in log)
    assert "novelty" in WordVectors.load(str(tmp_path / "out"))


def test_a_lost_file_is_noticed_and_made_again(run, books, tmp_path):
    out = tmp_path / "out"
    run("--input", books, "--output", out, *SMALL)
    before = contents(out)
    (out / "vectors" / "part-00000.parquet").unlink()
    code, log = run("--input", books, "--output", out, *SMALL)
    assert code == 0
    assert "vectors: made again, because part-00000.parquet missing or changed" in log
    assert contents(out) == before


@pytest.mark.parametrize(("rate", "cost"), [(None, 2e-3), (1.0, 1e-4)])
def test_aristotle_is_learned_by_heart(run, tmp_path, rate, cost):
    corpus = tmp_path / "aristotle.txt"
    corpus.write_text(ARISTOTLE + "\n")
    out = tmp_path / "out"
    code, _ = run(
        "--input", corpus, "--output", out, "--min-count", 1, "--vector-size", 20,
        "--epochs", 100, "--num-blocks", 1, "--unobserved", 0, "--biases", "trained",
        "--x-max", 10, "--learning-rate", rate or 0.3,
    )  # fmt: skip
    assert code == 0
    assert len(WordVectors.load(str(out))) == 14
    facts = json.loads((out / "model.manifest.json").read_text())["facts"]
    assert facts["cost"] < cost
    assert facts["costs"][0] > 20 * facts["cost"]


def test_stages_one_at_a_time_give_what_run_gives(run, books, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    run("--input", books, "--output", one, *SMALL)
    for command, options in (
        ("tokenize", ["--input", books]),
        ("vocabulary", ["--min-count", 1]),
        ("cooccurrence", []),
        ("blocks", ["--num-blocks", 2]),
        ("train", ["--vector-size", 4, "--epochs", 2]),
        ("export", []),
    ):
        assert main([command, "--output", str(two), *map(str, options)]) == 0
    assert contents(one) == contents(two)
    # a second model from the first one's counts
    three = tmp_path / "three"
    reuse = ["--output", str(three), "--reuse", str(one)]
    assert main(["train", *reuse, "--vector-size", "7", "--epochs", "1"]) == 0
    assert main(["export", *reuse]) == 0
    assert WordVectors.load(str(three)).vectors.shape == (30, 7)
    # a dataset made with other settings is an error, and is not overwritten without the option
    assert main(["train", *reuse, "--vector-size", "8", "--epochs", "1"]) == 5
    assert main(["train", *reuse, "--vector-size", "8", "--epochs", "1", "--overwrite"]) == 0


def test_stage_before_its_input_is_refused(run, tmp_path, capsys):
    assert main(["train", "--output", str(tmp_path / "out")]) == 3
    assert "vocabulary does not exist yet" in capsys.readouterr().err


def test_unk_average_is_the_mean_of_the_rarest(run, books, tmp_path):
    out = tmp_path / "out"
    run("--input", books, "--output", out, *SMALL, "--unk", "average", "--min-count", "3")
    vectors = WordVectors.load(str(out))
    assert vectors.words[-1] == "<unk>"
    np.testing.assert_allclose(
        vectors.vectors[-1], vectors.vectors[:-1][-100:].mean(axis=0), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize(
    ("prepare", "options", "code", "message"),
    [
        (None, ["--input", "none"], 3, "none"),
        (("", "empty.txt"), [], 3, "empty"),
        (("one one one\n", "a.txt"), ["--min-count", "1"], 2, "1 of 1 words"),
        (("a b c d\n", "a.txt"), ["--min-count", "50"], 2, "min_count=50 leaves 0 of 4 words"),
        (("a b\n", "a.txt"), ["--tokenizer", "regex:("], 2, "tokenizer"),
        (("a b\n", "a.txt"), ["--tokenizer", "no_such_module:f"], 2, "no_such_module"),
    ],
)
def test_bad_input_has_a_clear_error_and_leaves_nothing(
    run, tmp_path, capsys, prepare, options, code, message
):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    if prepare:
        (corpus / prepare[1]).write_text(prepare[0])
    inputs = [] if "--input" in options else ["--input", str(corpus)]
    options = [str(tmp_path / word) if word == "none" else word for word in options]
    assert main(["run", *inputs, *options, "--output", str(tmp_path / "out")]) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not [path for path in (tmp_path / "out").glob("*") if path.name == "vectors"]


def test_output_that_holds_something_else_is_refused(run, books, tmp_path, capsys):
    out = tmp_path / "precious"
    out.mkdir()
    (out / "thesis.tex").write_text("my life")
    assert main(["run", "--input", str(books), "--output", str(out)]) == 4
    assert (
        "contains files that glove_spark did not write; name a new or empty folder"
        in capsys.readouterr().err
    )
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_output_that_is_a_file_is_refused(run, books, tmp_path, capsys):
    out = tmp_path / "file"
    out.write_text("x")
    assert main(["run", "--input", str(books), "--output", str(out)]) == 4
    assert out.read_text() == "x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system of its own")
def test_full_disk_is_a_clear_error_and_what_was_published_stays(run, books, tmp_path, capsys):
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        out = disk / "out"
        options = ["--input", str(books), "--output", str(out), "--min-count", "1"]
        assert main(["run", *options, "--vector-size", "4000", "--num-blocks", "1"]) == 4
        error = capsys.readouterr().err
        assert "full" in error
        assert "Traceback" not in error
        for name in ("tokens", "vocabulary", "cooccurrence", "blocks"):
            manifest = Manifest.read(Location.of(out / name))
            assert manifest.damaged_files(Location.of(out / name)) == []
        assert not (out / "model").exists()
        # and with enough space it continues
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert main(["run", *options, "--vector-size", "4", "--num-blocks", "1"]) == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_vectors_are_plain_parquet(run, books, tmp_path):
    out = tmp_path / "out"
    run("--input", books, "--output", out, *SMALL)
    table = pq.read_table(out / "vectors")
    assert table.column_names == ["word", "vector"]
    assert table.num_rows == 30
