"""Turn what Spark reports of a failed task into the error that the task raised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from glove_spark import errors
from glove_spark.errors import GloveSparkError, OutputError

_RAISED = re.compile(r"^glove_spark\.errors\.(\w+): (.*)$", re.MULTILINE)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded", re.IGNORECASE)


@contextmanager
def task_errors() -> Iterator[None]:
    """Raise a task's own `GloveSparkError` instead of Spark's wrapping of it."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        text = str(error)
        raised = _RAISED.search(text)
        if raised is not None:
            kind = getattr(errors, raised.group(1), GloveSparkError)
            raise kind(raised.group(2)) from error
        if _DISK_FULL.search(text):
            raise OutputError(
                "a disk is full (the output folder's or Spark's temporary one); free space, or "
                "name others with --output and spark.local.dir"
            ) from error
        raise
