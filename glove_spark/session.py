"""The Spark session of a run: found where spark-submit made one, made where not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from glove_spark.errors import SetupError

OLDEST_JAVA = 17

BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""A worker per core already uses every core; BLAS threads would only contend."""

_INSTALL_JAVA = (
    "install Java 17 or later (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; "
    "Fedora: dnf install java-17-openjdk-headless; macOS: brew install openjdk@17) "
    "or point JAVA_HOME to one"
)

_LOG_SETTINGS = Path(__file__).parent / "log4j2.properties"


def check_java() -> int:
    """Return the major version of the Java that Spark will start.

    Raises
    ------
    SetupError
        If there is none, or it is older than Spark 4 needs.
    """
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else shutil.which("java")
    if not command or not os.path.exists(command):
        where = f"JAVA_HOME={home}" if home else "PATH"
        raise SetupError(f"no Java found by {where}; {_INSTALL_JAVA}")
    try:
        answer = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{command} does not start ({error}); {_INSTALL_JAVA}") from None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    if answer.returncode != 0 or found is None:
        raise SetupError(f"{command} -version failed; {_INSTALL_JAVA}")
    major = int(found.group(1))
    if major < OLDEST_JAVA:
        raise SetupError(f"{command} is Java {major}, Spark needs {OLDEST_JAVA}; {_INSTALL_JAVA}")
    return major


def open_session(
    master: str | None = None, conf: Iterable[str] = (), app_name: str = "glove_spark"
) -> SparkSession:
    """Return the session to work with.

    Parameters
    ----------
    master
        Spark's master URL; ``None`` leaves it to spark-submit and
        ``spark-defaults.conf``, and to ``local[*]`` where neither says.
    conf
        Settings of Spark as ``KEY=VALUE``; they win over all others.

    Raises
    ------
    SetupError
        If Java or Spark does not start.
    """
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted and SparkContext._gateway is None:
        check_java()
    for name in BLAS_THREADS:
        os.environ.setdefault(name, "1")
    if not submitted:
        # Spark would take PATH's python3, which need not be the one that has the packages
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = (
        SparkSession.builder.appName(app_name)
        .config("spark.ui.showConsoleProgress", "false")
        # a task through a Unix socket costs a third less than through TCP; older Sparks ignore it
        .config("spark.python.unix.domain.socket.enabled", "true")
    )
    for name in BLAS_THREADS:
        builder = builder.config(f"spark.executorEnv.{name}", os.environ[name])
    if not submitted and "spark.driver.memory" not in _spark_defaults():
        # a line of 100 MB, some characters of which are wide, passes; Spark's 1 GB runs out
        builder = builder.config("spark.driver.memory", "1536m")
    if not submitted:
        builder = builder.config(
            "spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}"
        )
    if master is None and not submitted and not _master_is_configured():
        master = "local[*]"
    if master is not None:
        builder = builder.master(master)
    for setting in conf:
        key, _, value = setting.partition("=")
        builder = builder.config(key.strip(), value.strip())
    try:
        return builder.getOrCreate()
    except (Py4JError, PySparkException, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SetupError(f"Spark does not start (master={master}): {reason[0]}") from error


@contextmanager
def spark_session(master: str | None = None, conf: Iterable[str] = ()) -> Iterator[SparkSession]:
    """Open a session for one run, and stop it after unless it was there before."""
    found = SparkContext._active_spark_context is not None
    spark = open_session(master, conf)
    try:
        yield spark
    finally:
        if not found:
            # left to the end of the process, Python workers complain of broken pipes
            with suppress(Py4JError, ConnectionError), warnings.catch_warnings():
                # a JVM that an interrupt cut off from us cannot be asked to stop; it ends with us
                warnings.simplefilter("ignore", RuntimeWarning)
                spark.stop()


def _master_is_configured() -> bool:
    """Tell whether spark-defaults.conf or the environment name a master."""
    if os.environ.get("MASTER") or SparkContext._active_spark_context is not None:
        return True
    return "spark.master" in _spark_defaults()


def _spark_defaults() -> set[str]:
    """Name the settings of spark-defaults.conf, which Spark will read."""
    home = os.environ.get("SPARK_CONF_DIR") or (
        os.path.join(os.environ["SPARK_HOME"], "conf") if "SPARK_HOME" in os.environ else None
    )
    defaults = Path(home, "spark-defaults.conf") if home else None
    if defaults is None or not defaults.is_file():
        return set()
    return set(re.findall(r"(?m)^\s*(spark[\w.]+)[\s=]", defaults.read_text("utf-8")))


def describe(spark: SparkSession, text: str) -> None:
    """Name the coming Spark jobs on the web page."""
    spark.sparkContext.setJobDescription(text)


def cores(spark: SparkSession) -> int:
    """Tell how many tasks run at once."""
    return max(1, spark.sparkContext.defaultParallelism)
