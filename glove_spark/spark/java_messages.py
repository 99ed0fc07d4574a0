"""Filter the standard error of Java: drop the messages that it prints at every start."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.java_gateway import JavaGateway
from pyspark import SparkConf
from pyspark.java_gateway import launch_gateway

from glove_spark.logs.console import CONSOLE

USUAL = frozenset({"WARNING: Using incubator modules: jdk.incubator.vector\n"})
"""Lines that tell nobody anything: Spark's launcher always adds this module, no option takes it
away, and Java prints the line before it reads any setting of a log."""

LAST_WORDS_SECONDS = 0.1

_stopping = threading.Event()


@contextmanager
def stopping() -> Iterator[None]:
    """Keep back what is said while a session stops, which comes after all work.

    Spark and its Python workers race to take down what both hold, and the one that is late prints
    a traceback.
    """
    _stopping.set()
    try:
        yield
    finally:
        # the workers' last words are on their way when the call to stop returns
        time.sleep(LAST_WORDS_SECONDS)
        _stopping.clear()


class JavaMessages:
    """What the Java that we start says on standard error.

    It is held until Spark runs in it, and then passed on, less the usual: what a Java or Spark
    says that does not start belongs into one error, and its stack traces nowhere.
    """

    def __init__(self) -> None:
        self._held: list[str] = []
        self._started = threading.Event()

    def start(self, conf: SparkConf) -> JavaGateway:
        """Start Java."""
        ours, theirs = os.pipe()
        listener = threading.Thread(
            target=self._pass_on, args=(ours,), name="java-messages", daemon=True
        )
        listener.start()
        gateway: JavaGateway | None = None
        try:
            gateway = launch_gateway(conf, {"stderr": theirs})  # type: ignore[no-untyped-call]
        finally:
            os.close(theirs)
            if gateway is None:
                # its last words are on their way
                listener.join(timeout=2)
        return gateway

    def held(self) -> str:
        """Return what was said until now and not passed on."""
        return "".join(self._held).strip()

    def release(self) -> None:
        """Pass on what was held, and from now on all."""
        self._started.set()
        for line in self._held:
            CONSOLE.write(line)

    def _pass_on(self, source: int) -> None:
        with open(source, encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:
                if line in USUAL or _stopping.is_set() or sys.stderr.closed:
                    continue
                if self._started.is_set():
                    CONSOLE.write(line)
                else:
                    self._held.append(line)
