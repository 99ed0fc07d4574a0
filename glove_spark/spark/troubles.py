"""What Spark's Java says when something around it is wrong, and the one line that helps."""

from __future__ import annotations

import os
import re

_TROUBLES = (
    (
        r"UnknownHostException|UnresolvedAddressException|Name or service not known",
        "this machine's own name does not resolve; set SPARK_LOCAL_IP=127.0.0.1, or add the name "
        "to /etc/hosts",
    ),
    (
        r"invalid null input: name|LoginException|basedir must be absolute: \?",
        "the user id that runs this has no name, which Hadoop asks for; run as a user that "
        "/etc/passwd has (in a container, add it there or run with --user of one that exists)",
    ),
    (
        r"System memory (?P<given>\d+) must be at least (?P<least>\d+)",
        "Java's memory is too small for Spark; give --spark-conf spark.driver.memory=1g or more",
    ),
    (
        r"bigger than spark\.driver\.maxResultSize",
        "the tasks' results are larger than spark.driver.maxResultSize; give --spark-conf "
        "spark.driver.maxResultSize=2g, or 0 for no bound",
    ),
    (
        r"failed to map segment from shared object|UnsatisfiedLinkError",
        "Java cannot load its libraries from the temporary folder, which may be mounted noexec; "
        "name another by --spark-conf spark.driver.extraJavaOptions=-Djava.io.tmpdir=DIR",
    ),
    (
        r"Service '\w+' failed after \d+ retries|BindException",
        "Spark cannot listen on this machine's address; set SPARK_LOCAL_IP=127.0.0.1",
    ),
    (
        r"Permission denied|AccessDeniedException",
        "Spark may not write to a folder that it needs; name others by --spark-conf "
        "spark.local.dir=DIR and by the environment's HOME and TMPDIR",
    ),
    (
        r"OutOfMemoryError",
        "Java ran out of memory; give --spark-conf spark.driver.memory=4g (local masters) or "
        "spark.executor.memory",
    ),
)

_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


def remedy(text: str, python: str | None = None) -> str | None:
    """Say what is wrong and what helps; None where that is not known.

    Parameters
    ----------
    text
        What Java said, stack traces and all.
    python
        The interpreter of the Python workers.
    """
    missing = _MISSING_MODULE.search(text)
    if missing is not None:
        named = f" ({python})" if python else ""
        return (
            f"the Python workers{named} lack the module {missing[1]!r}: install it there, or name "
            "another interpreter by PYSPARK_PYTHON before the session starts, such as "
            "os.environ['PYSPARK_PYTHON'] = sys.executable"
        )
    return next((help for sign, help in _TROUBLES if re.search(sign, text)), None)


def refused_environment() -> str | None:
    """Name a variable of the environment with which no session of ours can start."""
    remote = os.environ.get("SPARK_REMOTE")
    if remote:
        return (
            f"SPARK_REMOTE={remote} asks for Spark Connect, which does not give the jobs that "
            "training is made of; unset it, and name a cluster by --master"
        )
    return None
