"""Turn Spark's report of a failed task into the error that the task raised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException

from glove_spark import errors
from glove_spark.errors import GloveSparkError, OutputError, SetupError
from glove_spark.spark.troubles import remedy

_RAISED = re.compile(r"^glove_spark\.errors\.(\w+): (.*)$", re.MULTILINE)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded", re.IGNORECASE)
_NO_ANSWER = re.compile(r"An error occurred while calling \S+|\S+ does not exist in the JVM")


@contextmanager
def task_errors(python: str | None = None) -> Iterator[None]:
    """Raise a task's own `GloveSparkError` instead of Spark's wrapping of it.

    Parameters
    ----------
    python
        The interpreter of the Python workers, for the error.
    """
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        text = text_of(error)
        raised = _RAISED.search(text)
        if raised is not None:
            kind = getattr(errors, raised.group(1), GloveSparkError)
            raise kind(raised.group(2)) from error
        if _DISK_FULL.search(text):
            raise OutputError(
                "a disk is full (that of the output folder, or of Spark's temporary folder); free "
                "some space, or name other folders with --output and --spark-conf spark.local.dir="
                "DIR"
            ) from error
        if java_ended(error):
            raise SetupError(
                "Spark's Java process ended in the middle of a job, perhaps because it ran out of "
                "memory; add --spark-conf spark.driver.memory=4g and run the same command again to "
                "continue"
            ) from error
        helps = remedy(text, python)
        if helps is not None:
            raise SetupError(helps) from error
        raise


def java_ended(error: Exception) -> bool:
    """Return whether an error says that Spark's Java process has ended.

    Py4J raises `Py4JNetworkError` for the call that loses the connection only in some cases. In
    the others it takes the lost connection for an answer without content: its error then names
    no cause, or says that a class of Spark does not exist.
    """
    if isinstance(error, (Py4JNetworkError, ConnectionError)):
        return True
    text = text_of(error)
    return not text or (type(error) is Py4JError and _NO_ANSWER.fullmatch(text) is not None)


def text_of(error: Exception) -> str:
    """Return an exception's text; empty where Java, which holds it, is gone."""
    try:
        return str(error)
    except (Py4JError, ConnectionError):
        return ""
