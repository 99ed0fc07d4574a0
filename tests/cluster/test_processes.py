"""Whole processes as users start them: masters, spark-submit, signals, exit codes."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pyspark
import pytest

from benchmarks.records.runs import run_record
from glove_spark.datasets.model import SIDES
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest, file_sizes
from tests.cluster.processes import finish, start, wait_for
from tests.harness.small_run import COMMAND, results, write_corpus

from .complaints import DAEMON_COMPLAINT

pytestmark = pytest.mark.cluster

RUN = [*COMMAND, "run"]
OPTIONS = ["--min-count", "2", "--vector-size", "8", "--num-blocks", "2", "--window-size", "4"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """About 60,000 tokens with the frequencies of a language."""
    return write_corpus(tmp_path_factory.mktemp("a corpus"), tokens=60_000, words=2000, files=4)


@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory):
    """The results of an undisturbed run on two cores."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    code, output = finish(
        start([*RUN, "--input", corpus, "--output", out, *OPTIONS, "--master", "local[2]"])
    )
    assert code == 0, output
    assert "Traceback" not in output
    return results(out)


def test_one_core_gives_the_bytes_of_two(corpus, undisturbed, tmp_path):
    out = tmp_path / "out"
    code, output = finish(
        start([*RUN, "--input", corpus, "--output", out, *OPTIONS, "--master", "local[1]"])
    )
    assert code == 0, output
    assert results(out) == undisturbed


def test_spark_submit_runs_the_job_and_its_master_holds(corpus, undisturbed, tmp_path):
    out = tmp_path / "out"
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable}
    code, output = finish(
        start(
            [
                submit,
                "--master",
                "local[2]",
                "jobs/glove_pipeline.py",
                "--input",
                corpus,
                *OPTIONS,
                "--output",
                out,
            ],
            env=environment,
        )
    )
    assert code == 0, output
    assert results(out) == undisturbed


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130), (signal.SIGINT, 130)]
)
def test_a_stopped_training_resumes_to_the_same_bytes(corpus, undisturbed, tmp_path, number, code):
    out = tmp_path / "out"
    command = [
        *COMMAND,
        "run",
        "--input",
        corpus,
        "--output",
        out,
        *OPTIONS,
        "--master",
        "local[2]",
    ]
    process = start(command)
    wait_for(process, lambda: list(out.glob(".model.*.tmp/epoch-0002.json")))
    started = time.monotonic()
    process.send_signal(number)
    found, output = finish(process)
    assert found == code, output
    if number != signal.SIGKILL:
        assert time.monotonic() - started < 15
        assert "interrupted; run the same command again to continue" in output
        assert "Traceback" not in DAEMON_COMPLAINT.sub("", output)
    assert not (out / "model").exists()
    found, output = finish(start(command))
    assert found == 0, output
    assert "train: resumes after epoch" in output
    assert results(out) == undisturbed
    assert {side.split("-")[0] for side in os.listdir(out / "model" / "epoch-0005")} == set(SIDES)


def test_the_second_of_two_runs_on_one_folder_is_refused(corpus, tmp_path):
    out = tmp_path / "out"
    command = [*RUN, "--input", corpus, "--output", out, *OPTIONS, "--master", "local[1]"]
    # long enough for the second one to start meanwhile
    first = start([*command, "--epochs", "1000"])
    wait_for(first, lambda: list(out.glob(".run-*.lock")))
    code, output = finish(start(command))
    assert code == 4, output
    assert f"is in use by process {first.pid} on " in output
    assert "(glove-spark run); wait until it ends, stop it, or name another folder" in output
    first.send_signal(signal.SIGINT)
    code, output = finish(first)
    assert code == 130, output
    assert not list(out.glob(".run-*"))


def test_missing_java_is_said_in_one_line(corpus, tmp_path):
    empty = tmp_path / "bin"
    empty.mkdir()
    environment = {"PATH": str(empty), "HOME": str(tmp_path)}
    code, output = finish(
        start([*RUN, "--input", corpus, "--output", tmp_path / "out"], env=environment)
    )
    assert code == 6
    assert "no Java found in PATH; install Java 17 or later" in output
    assert "Traceback" not in output
    assert not (tmp_path / "out").exists()


def test_two_runs_side_by_side_do_not_meet(corpus, undisturbed, tmp_path):
    outs = [tmp_path / "one", tmp_path / "two"]
    running = [
        start([*RUN, "--input", corpus, "--output", out, *OPTIONS, "--master", "local[1]"])
        for out in outs
    ]
    for process in running:
        code, output = finish(process, timeout=240)
        assert code == 0, output
    for out in outs:
        assert results(out) == undisturbed
        shutil.rmtree(out)


def test_a_benchmark_records_what_a_run_wrote(corpus, undisturbed, tmp_path):
    options = dict(zip(OPTIONS[::2], OPTIONS[1::2], strict=True)) | {"--master": "local[2]"}
    record = run_record(corpus, tmp_path / "out", options)
    assert results(tmp_path / "out") == undisturbed
    sizes = {
        name: sum(file_sizes(Location.of(tmp_path / "out" / name)).values())
        for name in ("tokens", "cooccurrence", "blocks")
    }
    assert {name: record["bytes"][name] for name in sizes} == sizes
    assert set(record["stages"]) == set(record["bytes"])
    assert record["peak_mib"]["worker"] > 0


@pytest.mark.slow
def test_a_line_of_100_mb_passes_with_the_default_memory(tmp_path):
    corpus = tmp_path / "line.txt"
    words = b"the quick brown fox jumps over the lazy dog again and again "
    corpus.write_bytes(words * (100_000_000 // len(words)) + b"\n")
    command = [*COMMAND, "tokenize", "--master", "local[2]"]
    code, output = finish(start([*command, "--input", corpus, "--output", tmp_path / "out"]))
    assert code == 0, output
    facts = Manifest.read(Location.of(tmp_path / "out" / "tokens")).facts
    assert facts["tokens"] == 12 * (100_000_000 // len(words))
    assert "Traceback" not in output
