"""The check of Java, with fake Javas; the settings of a driver that we start."""

import os
import pickle
import socket
import struct
from types import SimpleNamespace

import pytest
from pyspark.accumulators import _start_update_server

from glove_spark.errors import SetupError
from glove_spark.spark.java_messages import expect_the_end_of_java
from glove_spark.spark.session import (
    _driver_settings,
    _master_is_configured,
    check_java,
    cores,
    open_session,
)


@pytest.fixture
def java(tmp_path, monkeypatch):
    """Put a Java on the PATH that prints the given text."""

    def make(text, code=0):
        script = tmp_path / "java"
        script.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{text}\nEND\nexit {code}\n")
        script.chmod(0o755)

    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    return make


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "21" 2023-09-19 LTS', 21),
        ('Picked up _JAVA_OPTIONS: -Xmx1g\nopenjdk version "25-ea"', 25),
    ],
)
def test_new_enough_java_is_taken(java, text, major):
    java(text)
    assert check_java() == major


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            'java version "1.8.0_392"',
            0,
            r"java is Java 8, but Spark needs Java 17 or later; install Java 17",
        ),
        (
            'openjdk version "11.0.2"',
            0,
            r"java is Java 11, but Spark needs Java 17 or later; install Java 17",
        ),
        ("Error: could not open libjvm", 1, r"java -version failed; install Java 17"),
        ("what?", 0, r"java -version failed; install Java 17"),
    ],
)
def test_old_or_broken_java_is_refused(java, text, code, message):
    java(text, code)
    with pytest.raises(SetupError, match=message):
        check_java()


def test_missing_java_is_refused_with_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"no Java found in PATH; install Java 17 or later \(Deb"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SetupError, match=r"no Java found in JAVA_HOME=.*; install Java 17"):
        check_java()


def test_java_that_cannot_be_run_is_refused(java, tmp_path):
    (tmp_path / "java").write_text("not a program")
    (tmp_path / "java").chmod(0o755)
    with pytest.raises(SetupError, match=r"(does not start|-version failed).*install Java 17"):
        check_java()


def test_session_needs_java(tmp_path, monkeypatch):
    from pyspark import SparkContext

    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="no Java found"):
        open_session("local[1]")


def test_master_of_spark_defaults_is_respected(tmp_path, monkeypatch):
    from pyspark import SparkContext

    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    monkeypatch.delenv("MASTER", raising=False)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert not _master_is_configured()
    defaults = tmp_path / "spark-defaults.conf"
    defaults.write_text("# spark.master local\nspark.masterly yes\n")
    assert not _master_is_configured()
    defaults.write_text("spark.executor.memory 1g\n  spark.master   spark://host:7077\n")
    assert _master_is_configured()


@pytest.fixture
def defaults(tmp_path, monkeypatch):
    """Write spark-defaults.conf."""
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"):
        monkeypatch.delenv(name, raising=False)
    return (tmp_path / "spark-defaults.conf").write_text


def test_settings_of_spark_defaults_are_respected(defaults):
    ours = _driver_settings(())
    assert ours["spark.driver.memory"] == "1536m"
    assert "-XX:+UseParallelGC" in ours["spark.driver.extraJavaOptions"]
    defaults(
        "spark.driver.memory 4g\nspark.driver.extraJavaOptions = -Dmine=1\n"
        "spark.python.worker.memory 2g\n"
    )
    assert _driver_settings(()) == {}


def test_java_is_never_given_two_collectors(defaults, monkeypatch):
    defaults("spark.driver.defaultJavaOptions -XX:+UseZGC -Xss4m\n")
    assert "UseParallelGC" not in _driver_settings(())["spark.driver.extraJavaOptions"]
    defaults("")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:+UseSerialGC")
    assert "UseParallelGC" not in _driver_settings(())["spark.driver.extraJavaOptions"]
    monkeypatch.delenv("JAVA_TOOL_OPTIONS")
    given = ["spark.driver.defaultJavaOptions=-XX:+UseG1GC"]
    assert "UseParallelGC" not in _driver_settings(given)["spark.driver.extraJavaOptions"]


class FakeContext:
    """A SparkContext for `cores`, with a parallelism of 200 set by the user."""

    defaultParallelism = 200

    def __init__(self, master, executors=0, **settings):
        self.master = master
        self._settings = {"spark.default.parallelism": "200", **settings}
        runtime = SimpleNamespace(availableProcessors=lambda: 6)
        getter = SimpleNamespace(getRuntime=lambda: runtime)
        self._jvm = SimpleNamespace(java=SimpleNamespace(lang=SimpleNamespace(Runtime=getter)))
        tracker = SimpleNamespace(getExecutorInfos=lambda: [None] * (executors + 1))
        context = SimpleNamespace(statusTracker=lambda: tracker)
        self._jsc = SimpleNamespace(sc=lambda: context)

    def getConf(self):
        return self._settings


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (FakeContext("local[2]"), 2),
        (FakeContext("local[3,4]"), 3),
        (FakeContext("local[*]"), 6),
        (FakeContext("local"), 1),
        (FakeContext("spark://host:7077", 3, **{"spark.executor.cores": "4"}), 12),
        (FakeContext("spark://host:7077", 3), 200),
    ],
)
def test_cores_are_those_there_are_whatever_parallelism_somebody_set(context, expected):
    assert cores(SimpleNamespace(sparkContext=context)) == expected


UPDATE_OF_UNKNOWN_ACCUMULATOR = pickle.dumps((0, 1))


@pytest.mark.parametrize(
    ("last_words", "complaint"),
    [
        (b"", None),
        (struct.pack("!i", 1), None),
        (struct.pack("!ii", 1, 3) + b"???", "UnpicklingError"),
    ],
)
def test_server_of_accumulators_does_not_complain_that_java_has_ended(capfd, last_words, complaint):
    server = _start_update_server("token", False, None)
    expect_the_end_of_java(server)
    try:
        with socket.create_connection(server.server_address) as java:
            update = UPDATE_OF_UNKNOWN_ACCUMULATOR
            java.sendall(b"token" + struct.pack("!ii", 1, len(update)) + update)
            assert java.recv(1) == b"\x01"
            java.sendall(last_words)
            java.shutdown(socket.SHUT_WR)
            # the server closes its side when it has dealt with the end
            assert java.recv(1) == b""
    finally:
        server.shutdown()
    output = capfd.readouterr().err
    assert (complaint in output and "Traceback" in output) if complaint else output == ""
