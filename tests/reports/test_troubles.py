"""Environments in which Spark fails: one line with the reason and the remedy."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from glove_spark.errors import SetupError
from glove_spark.spark.session import open_session, refuse_names_java_cannot_open
from glove_spark.spark.troubles import remedy

SAYINGS = {
    "java.net.UnknownHostException: box7: box7: Name or service not known": "SPARK_LOCAL_IP",
    "javax.security.auth.login.LoginException: java.lang.NullPointerException: invalid null "
    "input: name": "the current user id has no user name",
    "java.lang.IllegalArgumentException: basedir must be absolute: ?/.ivy2.5.2/local": (
        "the current user id has no user name"
    ),
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
    "PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.11 "
    "than that in driver: 3.13": "PYSPARK_PYTHON",
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


def run(tmp_path, *options, before=(), name="c.txt", **environment):
    (tmp_path / name).write_text("the cat sat near the größe and the 日本\n" * 50, "utf-8")
    command = [*before, sys.executable, "-m", "glove_spark.cli", "run", "--input", name]
    command += ["--output", "o"]
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


@pytest.mark.cluster
def test_names_and_words_that_are_not_ascii_in_the_locale_c(tmp_path):
    answer = run(tmp_path, name="größe-日本.txt", LC_ALL="C", LANG="")
    assert answer.returncode == 0, answer.stderr
    words = (tmp_path / "o" / "vectors.txt").read_text("utf-8").split()[::6]
    assert {"größe", "日本"} <= set(words)


class ALocale:
    """A session whose Java was started with a given encoding of file names."""

    def __init__(self, encoding):
        self._jvm = self
        self.System = self
        self.getProperty = {"sun.jnu.encoding": encoding}.get


def test_a_java_of_somebody_elses_that_cannot_open_a_name_is_told_so():
    message = r"größe\.txt: Spark's Java was started in a locale \(ANSI_X3.*LC_ALL=C\.UTF-8"
    with pytest.raises(SetupError, match=message):
        refuse_names_java_cannot_open(ALocale("ANSI_X3.4-1968"), ["a.txt", "größe.txt"])
    refuse_names_java_cannot_open(ALocale("ANSI_X3.4-1968"), ["a.txt"])
    refuse_names_java_cannot_open(ALocale("UTF-8"), ["größe.txt"])


@pytest.mark.cluster
def test_spark_submit_in_a_locale_without_utf8_names_the_file_and_the_remedy(tmp_path):
    (tmp_path / "größe.txt").write_text("the cat\n" * 50, "utf-8")
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    job = Path(__file__).parents[2] / "jobs" / "glove_tokenize.py"
    command = [submit, "--master", "local[1]", job, "--input", ".", "--output", tmp_path / "o"]
    environment = {k: v for k, v in os.environ.items() if k != "LANG"}
    environment |= {"PYSPARK_PYTHON": sys.executable, "LC_ALL": "C"}
    answer = subprocess.run(
        command, capture_output=True, cwd=tmp_path, env=environment, timeout=300, check=False
    )
    # spark-submit writes the messages of the program to its own standard output
    said = (answer.stdout + answer.stderr).decode("utf-8", "replace")
    assert answer.returncode == 6, said
    assert "start it with LC_ALL=C.UTF-8" in said
    assert "Traceback" not in said
    assert not (tmp_path / "o" / "tokens").exists()


def permitted(*command):
    """Skip the test if namespaces are not permitted."""
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{' '.join(command)} is not permitted: {error}")
    return command


@pytest.mark.cluster
def test_a_user_id_without_a_name_really(tmp_path):
    before = permitted("unshare", "-U", "--map-user=54321", "--map-group=54321")
    answer = run(tmp_path, before=before)
    assert answer.returncode == 6, answer.stderr
    assert "the current user id has no user name" in answer.stderr
    assert "\tat " not in answer.stderr


@pytest.mark.cluster
def test_a_host_name_that_does_not_resolve_really(tmp_path):
    before = [*permitted("unshare", "-u"), "sh", "-c", 'hostname nowhere7; exec "$@"', "sh"]
    answer = run(tmp_path, before=before)
    # some resolvers return an address for every name; then the run works
    assert answer.returncode in (0, 6), answer.stderr
    if answer.returncode == 0:
        assert (tmp_path / "o" / "vectors.txt").exists()
    else:
        said = "the host name of this machine cannot be resolved; set SPARK_LOCAL_IP"
        assert said in answer.stderr
    assert "\tat " not in answer.stderr


@pytest.mark.slow
def test_a_temporary_folder_mounted_noexec_really(tmp_path):
    mount = f'mount -t tmpfs -o noexec tmpfs {tmp_path / "t"}; exec "$@"'
    (tmp_path / "t").mkdir()
    before = [*permitted("unshare", "-m"), "sh", "-c", mount, "sh"]
    answer = run(tmp_path, before=before, JAVA_TOOL_OPTIONS=f"-Djava.io.tmpdir={tmp_path / 't'}")
    assert answer.returncode == 6, answer.stderr
    assert "which may be mounted noexec" in answer.stderr
    assert "\tat " not in answer.stderr
