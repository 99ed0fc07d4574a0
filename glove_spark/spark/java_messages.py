"""Filter the standard error of Java: drop the messages that it prints at every start."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import Any

from py4j.java_gateway import JavaGateway
from pyspark import SparkConf
from pyspark.java_gateway import launch_gateway

from glove_spark.logs.console import CONSOLE

USUAL = frozenset({"WARNING: Using incubator modules: jdk.incubator.vector\n"})
"""Useless lines: Spark's launcher always adds this module, no option removes it, and Java prints
the line before it reads any log setting."""

LAST_WORDS_SECONDS = 0.1

_stopping = threading.Event()


@contextmanager
def stopping() -> Iterator[None]:
    """Suppress the messages while a session stops, after all work is done.

    Spark and its Python workers close their connections at the same time, and the slower one prints
    a traceback.
    """
    _stopping.set()
    try:
        yield
    finally:
        # the last messages of the workers arrive after the call to stop returns
        time.sleep(LAST_WORDS_SECONDS)
        _stopping.clear()


def expect_the_end_of_java(server: BaseServer) -> None:
    """Let the server that receives the accumulators of Spark's tasks end without a traceback.

    When Java ends before the server, which happens after an interrupt, the server finds the end of
    its connection and would print a traceback. That Java has ended is reported by the call that
    waits for it. All other errors are printed as before.
    """
    report = server.handle_error

    def handle_error(request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (EOFError, ConnectionError)):
            report(request, client_address)

    server.handle_error = handle_error  # type: ignore[method-assign]


class JavaMessages:
    """The standard error of the Java that we start.

    It is held back until Spark runs, and then passed on without the usual messages. If Java or
    Spark does not start, the messages become part of one error, without stack traces.
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
                # its last messages are still arriving
                listener.join(timeout=2)
        return gateway

    def held(self) -> str:
        """Return the messages so far that were not passed on."""
        return "".join(self._held).strip()

    def release(self) -> None:
        """Pass on the messages held back, and from now on all."""
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
