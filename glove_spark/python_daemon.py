"""The process that forks Spark's Python workers, without the delays of Spark's own daemon.

Spark starts this as ``spark.python.daemon.module``; it must be installed where executors run. Two
things cost each task 20 to 40 ms under Spark's own:

- The JVM tells a worker its task in several small messages. TCP sends the second once the first is
  acknowledged, and a worker acknowledges after 40 ms, hoping to send something along. Here workers
  acknowledge at once, and send at once themselves.
- After a task the worker looks for garbage, also among all that was ever imported: some hundred
  thousand objects that stay for good. Here these are set aside.

What tasks of ours need is imported before the first worker is forked, once for all of them.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from pyspark import daemon

Worker = Callable[[socket.socket, bool], int]
"""Runs one task: asked through the socket, by a JVM that may have proved who it is."""


def import_ahead() -> None:
    """Import what tasks need; forks of this process have it.

    They do not have numpy's global random state: each draws numbers of its own, as if it had
    imported numpy itself.
    """
    # what is not installed here, a task that needs it will say
    with suppress(ImportError):
        importlib.import_module("glove_spark.stages.cooccurrence")
        random = importlib.import_module("numpy").random
        os.register_at_fork(after_in_child=random.seed)
    gc.collect()
    gc.freeze()


def without_waiting(worker: Worker) -> Worker:
    """Return a function that runs one task as ``worker`` does, in a process of its own."""
    imported = 0

    def run(connection: socket.socket, authenticated: bool) -> int:
        nonlocal imported
        answer_at_once(connection)
        code = worker(connection, authenticated)
        if len(sys.modules) > imported:
            imported = len(sys.modules)
            # what is garbage already must not be set aside with the rest
            gc.collect()
            gc.freeze()
        return code

    return run


def answer_at_once(connection: socket.socket) -> None:
    """Let a connection acknowledge and send without delay."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Linux has this; it wears off as a connection goes on, so every task has to ask for it
    if hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


if __name__ == "__main__":
    import_ahead()
    daemon.worker = without_waiting(daemon.worker)  # type: ignore[assignment]
    daemon.manager()
