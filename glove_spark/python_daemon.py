"""The process that forks Spark's Python workers, without the delays of Spark's own daemon.

Spark starts this module as ``spark.python.daemon.module``; it must be installed on the executors.
With Spark's own daemon, two things cost each task 20 to 40 ms:

- The JVM sends a task to a worker in several small messages. TCP sends the second one only after
  the first was acknowledged, and the worker's system delays this by up to 40 ms. Here, workers
  acknowledge and send at once.
- After a task, the worker collects garbage, and examines all objects of imported modules: about a
  hundred thousand that are never freed. Here, these are excluded.

Modules that tasks need are imported once, before the first worker is forked.
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
"""A function that runs one task, received through the socket from an authenticated JVM."""


def import_ahead() -> None:
    """Import the modules that tasks need, so that forks of this process have them.

    Numpy's global random state is not shared: each fork draws different numbers, as if it had
    imported numpy itself.
    """
    # if a module is not installed here, the task that needs it raises the error
    with suppress(ImportError):
        importlib.import_module("glove_spark.stages.cooccurrence")
        random = importlib.import_module("numpy").random
        os.register_at_fork(after_in_child=random.seed)
    gc.collect()
    gc.freeze()


def without_waiting(worker: Worker) -> Worker:
    """Return a function that runs one task as ``worker`` does, in a separate process."""
    imported = 0

    def run(connection: socket.socket, authenticated: bool) -> int:
        nonlocal imported
        answer_at_once(connection)
        code = worker(connection, authenticated)
        if len(sys.modules) > imported:
            imported = len(sys.modules)
            # existing garbage must be freed first, not excluded with the rest
            gc.collect()
            gc.freeze()
        return code

    return run


def answer_at_once(connection: socket.socket) -> None:
    """Make a connection acknowledge and send without delay."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # only on Linux; the system resets it during a connection, so every task sets it again
    if hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


if __name__ == "__main__":
    import_ahead()
    daemon.worker = without_waiting(daemon.worker)  # type: ignore[assignment]
    daemon.manager()
