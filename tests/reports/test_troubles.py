"""Surroundings in which Spark does not start or breaks: one line with the reason and the remedy."""

import os
import re
import subprocess
import sys

import pytest

from glove_spark.errors import SetupError
from glove_spark.spark.session import open_session
from glove_spark.spark.troubles import remedy

SAYINGS = {
    "java.net.UnknownHostException: box7: box7: Name or service not known": "SPARK_LOCAL_IP",
    "javax.security.auth.login.LoginException: java.lang.NullPointerException: invalid null "
    "input: name": "the current user id has no user name",
    "System memory 298844160 must be at least 471859200. Please increase heap size": (
        "spark.driver.memory=1g"
    ),
    "Total size of serialized results of 2 tasks (3.1 GiB) is bigger than "
    "spark.driver.maxResultSize (1024.0 MiB)": "maxResultSize=2g",
    "java.lang.UnsatisfiedLinkError: /tmp/libzstd.so: failed to map segment from shared object": (
        "noexec"
    ),
    "java.net.BindException: Cannot assign requested address: Service 'sparkDriver' failed after "
    "16 retries": "SPARK_LOCAL_IP",
    "java.io.FileNotFoundException: /root/.ivy2/cache (Permission denied)": "HOME and TMPDIR",
    "java.lang.OutOfMemoryError: Java heap space": "spark.driver.memory=4g",
}


@pytest.mark.parametrize("said", SAYINGS)
def test_what_java_says_has_a_remedy(said):
    found = remedy(f"An error occurred while calling o1.x.\n{said}\n\tat java.base/x")
    assert SAYINGS[said] in found
    assert "\n" not in found


def test_what_is_not_known_has_none():
    assert remedy("java.lang.IllegalStateException: a defect") is None


def test_a_module_that_workers_lack_is_named_with_their_interpreter():
    text = "Traceback ...\nModuleNotFoundError: No module named 'pyarrow'\n\tat org.apache"
    found = remedy(text, "/usr/bin/python3")
    assert "workers (/usr/bin/python3) do not have the module 'pyarrow'" in found
    assert "PYSPARK_PYTHON" in found


def test_spark_connect_in_the_environment_is_refused_at_the_door(monkeypatch):
    monkeypatch.setenv("SPARK_REMOTE", "sc://localhost:15002")
    with pytest.raises(SetupError, match=r"SPARK_REMOTE=sc://localhost:15002 selects Spark Conn"):
        open_session("local[1]")


def run(tmp_path, *options, **environment):
    (tmp_path / "c.txt").write_text("the cat sat near the dog and the mouse\n" * 50)
    command = [sys.executable, "-m", "glove_spark.cli", "run", "--input", "c.txt", "--output", "o"]
    command += ["--vector-size", "5", "--epochs", "1", "--min-count", "2", "--master", "local[1]"]
    return subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | environment,
        timeout=300,
    )


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ("spark.driver.memory=300m", "Java's memory is too small for Spark"),
        ("spark.driver.maxResultSize=1k", "larger than spark.driver.maxResultSize"),
    ],
)
def test_a_broken_setting_is_one_line(tmp_path, conf, message):
    answer = run(tmp_path, "--spark-conf", conf)
    assert answer.returncode == 6
    said = [line for line in answer.stderr.splitlines() if not re.match(r"[\d:]+ \w+: ", line)]
    assert message in answer.stderr
    assert "\tat " not in answer.stderr
    assert len(said) <= 2, answer.stderr


@pytest.mark.cluster
def test_submit_arguments_of_a_notebook_are_no_obstacle(tmp_path):
    answer = run(tmp_path, PYSPARK_SUBMIT_ARGS="--master local[1] pyspark-shell")
    assert answer.returncode == 0, answer.stderr
    assert "vectors.txt" in answer.stderr
