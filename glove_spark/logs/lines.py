"""The log of a command, as text or as JSON lines.

A record may have fields for programs: ``log.info("...", extra=fields(seconds=3.2))``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

from glove_spark.logs.console import CONSOLE

FORMATS = ("text", "json")
"""The values of ``--log-format``."""

_LEVELS = {-1: logging.WARNING, 0: logging.INFO}

# separate in every thread, so that two runs in one process do not mix their records
_stage: ContextVar[str | None] = ContextVar("stage", default=None)


def fields(**values: Any) -> dict[str, Any]:
    """Return fields of a record: JSON types by name."""
    return {"fields": values}


@contextmanager
def stage_of_records(name: str) -> Iterator[None]:
    """Add the dataset that is being made to the records within the block."""
    before = _stage.set(name)
    try:
        yield
    finally:
        _stage.reset(before)


def configure_log(verbosity: int, log_format: str = "text") -> None:
    """Send the log to standard error.

    Parameters
    ----------
    verbosity
        0 shows progress, -1 only warnings, less than -1 only errors, more than 0 everything.
    log_format
        ``"text"``, with bars on a terminal, or ``"json"``, one JSON object per line.
    """
    level = _LEVELS.get(verbosity, logging.DEBUG if verbosity > 0 else logging.ERROR)
    handler = logging.StreamHandler(CONSOLE)
    if log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    CONSOLE.allow_bars(log_format == "text" and level <= logging.INFO)
    log = logging.getLogger("glove_spark")
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False
    # glove_spark reports an interrupted call to the JVM; Py4J must not
    logging.getLogger("py4j").setLevel(logging.CRITICAL + 1)
    # pyspark logs it to the root logger, which prints to standard error if it has no handler
    logging.getLogger().addHandler(logging.NullHandler())


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: ``time``, ``level``, ``stage``, ``message``, its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; times are ISO 8601 in UTC."""
        created = datetime.fromtimestamp(record.created, timezone.utc)
        content = {
            "time": created.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "stage": _stage.get(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False, default=str)
