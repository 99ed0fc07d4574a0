"""Known error messages of Spark's Java about its environment, and the remedy for each."""

from __future__ import annotations

import os
import re

_TROUBLES = (
    (
        r"UnknownHostException|UnresolvedAddressException|Name or service not known",
        "the host name of this machine cannot be resolved; set SPARK_LOCAL_IP=127.0.0.1, or add "
        "the name to /etc/hosts",
    ),
    (
        r"invalid null input: name|LoginException|basedir must be absolute: \?",
        "the current user id has no user name, which Hadoop needs; run as a user that is in "
        "/etc/passwd (in a container, add the user there, or name an existing one with --user)",
    ),
    (
        r"System memory (?P<given>\d+) must be at least (?P<least>\d+)",
        "Java's memory is too small for Spark; give --spark-conf spark.driver.memory=1g or more",
    ),
    (
        r"bigger than spark\.driver\.maxResultSize",
        "the results of the tasks are larger than spark.driver.maxResultSize; give --spark-conf "
        "spark.driver.maxResultSize=2g, or 0 for no limit",
    ),
    (
        r"failed to map segment from shared object|UnsatisfiedLinkError",
        "Java cannot load libraries from the temporary folder, which may be mounted noexec; name "
        "another with --spark-conf spark.driver.extraJavaOptions=-Djava.io.tmpdir=DIR",
    ),
    (
        r"Service '\w+' failed after \d+ retries|BindException",
        "Spark cannot listen on this machine's address; set SPARK_LOCAL_IP=127.0.0.1",
    ),
    (
        r"Permission denied|AccessDeniedException",
        "Spark has no permission to write to a folder that it needs; name other folders with "
        "--spark-conf spark.local.dir=DIR and the environment variables HOME and TMPDIR",
    ),
    (
        r"PYTHON_VERSION_MISMATCH",
        "the Python workers run another version of Python than this program; name this program's "
        "interpreter in PYSPARK_PYTHON before the session starts, such as "
        "os.environ['PYSPARK_PYTHON'] = sys.executable",
    ),
    (
        r"OutOfMemoryError",
        "Java ran out of memory; give --spark-conf spark.driver.memory=4g (with a local master) or "
        "--spark-conf spark.executor.memory=4g (on a cluster)",
    ),
)

_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


def remedy(text: str, python: str | None = None) -> str | None:
    """Describe a known problem and its remedy; return None for any other text.

    Parameters
    ----------
    text
        The messages of Java, with stack traces.
    python
        The interpreter of the Python workers.
    """
    missing = _MISSING_MODULE.search(text)
    if missing is not None:
        named = f" ({python})" if python else ""
        return (
            f"the Python workers{named} do not have the module {missing[1]!r}; install it there, "
            "or name another interpreter in PYSPARK_PYTHON before the session starts, such as "
            "os.environ['PYSPARK_PYTHON'] = sys.executable"
        )
    return next((help for sign, help in _TROUBLES if re.search(sign, text)), None)


def refused_environment() -> str | None:
    """Describe an environment variable that makes it impossible to start our session."""
    remote = os.environ.get("SPARK_REMOTE")
    if remote:
        return (
            f"SPARK_REMOTE={remote} selects Spark Connect, which cannot run the jobs of training; "
            "unset it, and name a cluster with --master"
        )
    return None
