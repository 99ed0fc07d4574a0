"""The Spark session of a run: use that of spark-submit, or start one."""

from __future__ import annotations

import importlib
import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from glove_spark.errors import SetupError
from glove_spark.spark.class_archive import archive_options, delete_archive, java_command
from glove_spark.spark.java_messages import JavaMessages, expect_the_end_of_java, stopping
from glove_spark.spark.troubles import refused_environment, remedy

log = logging.getLogger(__name__)

OLDEST_JAVA = 17

BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""There is a worker per core, so threads of BLAS would only compete with each other."""

_INSTALL_JAVA = (
    "install Java 17 or later (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; "
    "Fedora: dnf install java-17-openjdk-headless; macOS: brew install openjdk@17) "
    "or set JAVA_HOME to its folder"
)

_JAVA_OPTIONS = "spark.driver.extraJavaOptions"

_LOG_SETTINGS = Path(__file__).parent / "log4j2.properties"

_JAVA_ENVIRONMENT = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""Variables with flags for every Java; Java does not start if they choose a second collector."""


def check_java() -> int:
    """Return the major version of the Java that Spark will start.

    Raises
    ------
    SetupError
        If there is none, or it is too old for Spark 4.
    """
    command = java_command()
    if command is None:
        home = os.environ.get("JAVA_HOME")
        where = f"JAVA_HOME={home}" if home else "PATH"
        raise SetupError(f"no Java found in {where}; {_INSTALL_JAVA}")
    try:
        answer = subprocess.run([command, "-version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{command} does not start ({error}); {_INSTALL_JAVA}") from None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    if answer.returncode != 0 or found is None:
        raise SetupError(f"{command} -version failed; {_INSTALL_JAVA}")
    major = int(found.group(1))
    if major < OLDEST_JAVA:
        raise SetupError(
            f"{command} is Java {major}, but Spark needs Java {OLDEST_JAVA} or later; "
            f"{_INSTALL_JAVA}"
        )
    return major


def open_session(
    master: str | None = None, conf: Iterable[str] = (), app_name: str = "glove_spark"
) -> SparkSession:
    """Return the active Spark session, or start one.

    Parameters
    ----------
    master
        The Spark master URL. ``None``: use the value from spark-submit or
        ``spark-defaults.conf``, otherwise ``local[*]``.
    conf
        Spark settings as ``KEY=VALUE``; they override all others.

    Raises
    ------
    SetupError
        If Java or Spark does not start.
    """
    conf = tuple(conf)
    refused = refused_environment()
    if refused is not None:
        raise SetupError(refused)
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if not submitted and SparkContext._gateway is None:
        check_java()
        _give_java_utf8()
    for name in BLAS_THREADS:
        os.environ.setdefault(name, "1")
    if not submitted:
        # Spark would use python3 of PATH, which may not have the packages
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.app.name": app_name,
        "spark.ui.showConsoleProgress": "false",
    }
    settings |= {f"spark.executorEnv.{name}": os.environ[name] for name in BLAS_THREADS}
    if not submitted:
        # this first Java only builds the command of the second one
        os.environ.setdefault("SPARK_LAUNCHER_OPTS", "-XX:TieredStopAtLevel=1")
        settings |= _driver_settings(conf)
    if master is None and not submitted and not _master_is_configured():
        master = "local[*]"
    if master is not None:
        settings["spark.master"] = master
    if not submitted and (master or "").startswith("local"):
        # local workers run this Python, which has the package
        settings |= _not_in_defaults({"spark.python.daemon.module": "glove_spark.python_daemon"})
    for setting in conf:
        key, _, value = setting.partition("=")
        settings[key.strip()] = value.strip()
    try:
        if not submitted and SparkContext._gateway is None:
            _start_spark(settings)
        return SparkSession.builder.config(map={**settings}).getOrCreate()
    except (Py4JError, PySparkException, RuntimeError, OSError) as error:
        said = getattr(error, "java_said", "")
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        why = remedy(f"{error}\n{said}") or " ".join([first, *said.splitlines()[-1:]])
        raise SetupError(f"Spark does not start (master={master}): {why}") from error


def _give_java_utf8() -> None:
    """Let Java, which is started next, open files with names that are not ASCII, in any locale.

    Java takes the encoding of names only from its environment at the start.
    """
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    locale = next((os.environ[name] for name in names if os.environ.get(name)), "C")
    if sys.platform == "linux" and not re.search(r"utf-?8", locale, re.IGNORECASE):
        os.environ["LC_ALL"] = "C.UTF-8"


def refuse_names_java_cannot_open(spark: SparkSession, paths: Iterable[str]) -> None:
    """Raise an error for local paths that are not ASCII, if Java was started in an ASCII locale.

    Raises
    ------
    SetupError
        Names the first such path.
    """
    named = next((path for path in paths if not path.isascii()), None)
    if named is None or spark._jvm is None:
        return
    encoding = str(spark._jvm.System.getProperty("sun.jnu.encoding"))
    if not re.search(r"utf-?8", encoding, re.IGNORECASE):
        raise SetupError(
            f"{named}: Spark's Java was started in a locale ({encoding}) in which it cannot open "
            "this name; start it with LC_ALL=C.UTF-8, or give the file an ASCII name"
        )


def _start_spark(settings: dict[str, str]) -> None:
    """Start Java and Spark; if Java cannot use the class-data archive, without it."""

    def start() -> None:
        conf, messages = SparkConf().setAll(list(settings.items())), JavaMessages()
        try:
            SparkContext(conf=conf, gateway=messages.start(conf))
        except BaseException as error:
            error.java_said = messages.held()  # type: ignore[attr-defined]
            raise
        messages.release()

    try:
        start()
    except PySparkException:
        archive, options = archive_options(), settings.get(_JAVA_OPTIONS, "")
        if not archive or archive not in options:
            raise
        settings[_JAVA_OPTIONS] = options.replace(archive, "").strip()
        # if this fails too, the archive is not the cause
        start()
        # a truncated file kills Java when it is mapped
        log.warning(
            "Java did not start with its class-data archive, so the archive was deleted; "
            "glove-spark prepare writes a new one"
        )
        delete_archive()


def _driver_settings(conf: Sequence[str]) -> dict[str, str]:
    """Return the settings of a driver that we start, without those in spark-defaults.conf.

    ``conf``, which overrides them, is only checked for a garbage collector.
    """
    options = " ".join(filter(None, [usual_java_options(conf), archive_options()]))
    settings = {
        # a line of 100 MB with some wide characters fits; with Spark's 1 GB it does not
        "spark.driver.memory": "1536m",
        _JAVA_OPTIONS: options,
        # from 512 MB on, Spark's default, a worker's reduceByKey spills through zlib, which takes a
        # quarter of the time of counting. With the sizes of our tasks, a worker stays below this
        "spark.python.worker.memory": "1g",
    }
    return _not_in_defaults(settings)


def usual_java_options(conf: Sequence[str] = ()) -> str:
    """Return the options for the Java of a driver that we start, without the class-data archive."""
    options = f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}"
    environment = (os.environ.get(name, "") for name in _JAVA_ENVIRONMENT)
    set_elsewhere = [*_spark_defaults().values(), *environment, *conf]
    if not any(re.search(r"-XX:\+Use\w+GC\b", text) for text in set_elsewhere):
        # on few cores, the threads and barriers of G1 take a sixth of the tokenizer's time
        options += " -XX:+UseParallelGC"
    return options


def _not_in_defaults(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that spark-defaults.conf does not have."""
    defaults = _spark_defaults()
    return {key: value for key, value in settings.items() if key not in defaults}


@contextmanager
def spark_session(master: str | None = None, conf: Iterable[str] = ()) -> Iterator[SparkSession]:
    """Open a Spark session, and stop it at the end unless it was active before."""
    found = SparkContext._active_spark_context is not None
    spark = open_session(master, conf)
    if not found:
        expect_the_end_of_java(spark.sparkContext._accumulatorServer)
    try:
        yield spark
    finally:
        if not found:
            # stopped only at the end of the process, Python workers report broken pipes
            with suppress(Py4JError, ConnectionError), stopping(), warnings.catch_warnings():
                # a JVM whose connection was interrupted cannot be stopped; it ends with this
                # process
                warnings.simplefilter("ignore", RuntimeWarning)
                spark.stop()


@contextmanager
def starting_workers(spark: SparkSession, module: str) -> Iterator[None]:
    """Start the Python workers of a local master while the block keeps the JVM busy.

    The first job that needs them would wait for more than a second, mostly for the start of Python
    and the imports of the tasks. The block does not end before they have started, because a session
    that stops earlier breaks their pipes, which they report.

    Parameters
    ----------
    module
        The module that tasks use; workers of our own daemon have already imported it.
    """
    context = spark.sparkContext

    def import_it(_: int) -> None:
        importlib.import_module(module)

    def start() -> None:
        # if workers do not start, the first job that needs them raises the error
        with suppress(Py4JError, PySparkException, ConnectionError):
            describe(spark, "start the Python workers")
            tasks = cores(spark)
            context.parallelize(range(tasks), tasks).foreach(import_it)

    if not str(context.master).startswith("local"):
        yield
        return
    starter = threading.Thread(target=start, name="start-workers", daemon=True)
    starter.start()
    try:
        yield
    finally:
        starter.join()


def _master_is_configured() -> bool:
    """Return whether spark-defaults.conf or the environment sets a master."""
    if os.environ.get("MASTER") or SparkContext._active_spark_context is not None:
        return True
    return "spark.master" in _spark_defaults()


def _spark_defaults() -> dict[str, str]:
    """Read the settings of spark-defaults.conf as Spark does."""
    home = os.environ.get("SPARK_CONF_DIR") or (
        os.path.join(os.environ["SPARK_HOME"], "conf") if "SPARK_HOME" in os.environ else None
    )
    defaults = Path(home, "spark-defaults.conf") if home else None
    if defaults is None or not defaults.is_file():
        return {}
    return dict(re.findall(r"(?m)^\s*(spark[\w.]+)[ \t=:]+(.*)$", defaults.read_text("utf-8")))


def describe(spark: SparkSession, text: str) -> None:
    """Set the name of the following Spark jobs on the web page."""
    spark.sparkContext.setJobDescription(text)


def cores(spark: SparkSession) -> int:
    """Return how many tasks run at the same time.

    This is Spark's default parallelism, unless the user set it, usually to many times the cores.
    """
    context = spark.sparkContext
    if context.getConf().get("spark.default.parallelism") is None:
        return max(1, context.defaultParallelism)
    local = re.fullmatch(r"local(?:\[(\d+|\*)(?:,\d+)?\])?", str(context.master))
    if local is not None:
        jvm: Any = context._jvm
        every = int(jvm.java.lang.Runtime.getRuntime().availableProcessors())
        return every if local[1] == "*" else int(local[1] or 1)
    per_executor = context.getConf().get("spark.executor.cores")
    if per_executor is None:
        return max(1, context.defaultParallelism)
    jsc: Any = context._jsc
    # the list contains the driver
    executors = len(jsc.sc().statusTracker().getExecutorInfos()) - 1
    return max(1, executors) * int(per_executor)


@contextmanager
def sql_settings(spark: SparkSession, **values: str) -> Iterator[None]:
    """Set settings of Spark SQL within the block; ``__`` in a name stands for a dot."""
    names = {name: name.replace("__", ".") for name in values}
    before = {name: spark.conf.get(key, None) for name, key in names.items()}
    try:
        for name, key in names.items():
            spark.conf.set(key, values[name])
        yield
    finally:
        for name, key in names.items():
            old = before[name]
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)
