"""The progress of a run: on a terminal, through a pipe, as JSON."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest
from pyspark import SparkConf

pytestmark = pytest.mark.spark

USUAL = "incubator"
OPTIONS = "spark.driver.extraJavaOptions"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Enough text for a few seconds of training."""
    rng = np.random.default_rng(1)
    words = np.array([f"word{k}" for k in range(3000)])
    file = tmp_path_factory.mktemp("corpus") / "text.txt"
    chosen = words[np.minimum(rng.zipf(1.3, (3000, 40)), 3000) - 1]
    file.write_text("\n".join(" ".join(line) for line in chosen) + "\n")
    return file


def command(corpus, out, *more):
    """The command as users start it, with a JVM that starts quickly."""
    return [
        *(sys.executable, "-m", "glove_spark.cli", "run", "--input", str(corpus)),
        *("--output", str(out), "--master", "local[2]", "--spark-conf", "spark.ui.enabled=false"),
        *("--vector-size", "30", "--epochs", "8", *more),
    ]


def environment():
    return {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "TERM": "xterm"}


def test_on_a_terminal_there_are_bars_with_rates_and_time_left(corpus, tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    running = subprocess.Popen(
        command(corpus, tmp_path / "out"), stderr=theirs, env=environment(), close_fds=True
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        # Linux reports a closed other end like this
        pass
    os.close(ours)
    assert running.wait(60) == 0
    text = shown.decode()
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", text)]
    assert any(
        re.fullmatch(r"model  [█▏▎▍▌▋▊▉ ]+ \d+ %, epoch \d/8.* nonzeros/s  \d:\d\d left", line)
        for line in lines
    ), lines
    assert any(re.search(r" %, .* tasks", line) for line in lines)
    assert all(len(line) <= 100 for line in lines if not re.match(r"[\d:]{8} ", line))
    assert any(re.fullmatch(r"[\d:]{8} model: finished in .* s", line) for line in lines)
    # the last bar has been cleared
    assert lines[-1].endswith("vectors.txt") or (
        not lines[-1] and lines[-2].endswith("vectors.txt")
    )
    assert USUAL not in text


def test_through_a_pipe_there_are_whole_lines_only(corpus, tmp_path):
    found = subprocess.run(
        command(corpus, tmp_path / "out"), capture_output=True, text=True, env=environment()
    )
    assert found.returncode == 0
    assert found.stdout == ""
    assert not re.search(r"[\r\x1b█░]", found.stderr)
    assert [line for line in found.stderr.splitlines() if not re.match(r"[\d:]{8} \S", line)] == []


def test_quiet_says_nothing(corpus, tmp_path):
    found = subprocess.run(
        command(corpus, tmp_path / "out", "-q"), capture_output=True, text=True, env=environment()
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_json_lines_and_metrics_tell_of_every_epoch(corpus, tmp_path):
    found = subprocess.run(
        command(corpus, tmp_path / "out", "--log-format", "json"),
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert found.returncode == 0
    records = [json.loads(line) for line in found.stderr.splitlines()]
    assert all({"time", "level", "stage", "message"} <= set(record) for record in records)
    finished = {r["stage"]: r["facts"] for r in records if "finished" in r["message"]}
    assert list(finished)[:2] == ["tokens", "vocabulary"]
    assert finished["tokens"]["tokens"] == 120_000
    epochs = [record for record in records if "cost" in record]
    metrics = [
        json.loads(line)
        for line in (tmp_path / "out" / "model" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [line["epoch"] for line in metrics] == list(range(1, 9))
    assert list(metrics[0]) == [
        *("epoch", "cost", "unobserved_cost", "held_out_cost", "held_out_unobserved_cost", "nnz"),
        *("seconds", "nonzeros_per_second", "learning_rate", "time"),
    ]
    for record, line in zip(epochs, metrics, strict=True):
        assert record["stage"] == "model"
        # the member `time` of the record is that of the message
        assert {**record, "time": line["time"]}.items() >= line.items()
    # an epoch may raise this part of the cost: the other part pulls words in other directions
    assert 0 < metrics[-1]["cost"] < metrics[0]["cost"]
    rates = [line["learning_rate"] for line in metrics]
    np.testing.assert_allclose(rates, np.linspace(0.5, 0.05, 8))


def test_what_java_says_of_its_own_failure_is_passed_on(corpus, tmp_path):
    found = subprocess.run(
        command(corpus, tmp_path / "out", "--spark-conf", f"{OPTIONS}=--add-modules=nosuch.module"),
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert found.returncode == 6
    # Java prints it to standard output
    assert "Module nosuch.module not found" in found.stdout + found.stderr
    assert "Spark does not start" in found.stderr


def test_what_java_says_is_held_until_it_runs_and_only_the_usual_is_kept_back(monkeypatch, capfd):
    import glove_spark.spark.java_messages as module

    def launch(conf, options):
        with module.stopping():
            os.write(options["stderr"], b"a worker's last words\n")
        for line in (*module.USUAL, "WARNING: something else\n", "no end of line"):
            os.write(options["stderr"], line.encode())
        raise RuntimeError("no Java here")

    monkeypatch.setattr(module, "launch_gateway", launch)
    messages = module.JavaMessages()
    with pytest.raises(RuntimeError, match="no Java here"):
        messages.start(SparkConf(loadDefaults=False))
    assert capfd.readouterr().err == ""
    assert messages.held() == "WARNING: something else\nno end of line"
    messages.release()
    assert capfd.readouterr().err == "WARNING: something else\nno end of line"
