"""Processes of a running cluster to be killed or frozen, found below the Workers we started."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from benchmarks.standalone import WORKERS, StandaloneCluster

KINDS = ("python worker", "executor", "worker")
"""What can be killed of a node: a process of Python, the JVM of an executor, Spark's Worker."""

BUSY_SECONDS = 0.3
"""Processor time that a Python worker has used once it is at work."""

MIDDLE_SECONDS = 0.5
"""How long a Python worker is held before the kill: by then it has been given a task."""


ALONE_SECONDS = 30
"""How long an executor may go on without its Worker."""


@dataclass(frozen=True)
class Node:
    """The processes of one Worker: itself, its executor, and that one's Python workers."""

    worker: psutil.Process
    executor: psutil.Process
    python_workers: list[psutil.Process]

    def processes_of(self, kind: str) -> list[psutil.Process]:
        """List the processes of one of `KINDS`."""
        return {
            "python worker": self.python_workers,
            "executor": [self.executor],
            "worker": [self.worker],
        }[kind]


def busy_nodes(cluster: StandaloneCluster) -> list[Node]:
    """List the nodes whose executor has Python workers at work."""
    cluster.descendants()
    nodes = []
    for name in WORKERS:
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(cluster.processes[name].pid)
            for executor in worker.children():
                python_workers = [
                    process
                    for process in executor.children(recursive=True)
                    if _is_daemon(process.parent())
                    and sum(process.cpu_times()[:2]) >= BUSY_SECONDS
                ]
                if python_workers:
                    nodes.append(Node(worker, executor, python_workers))
    return nodes


def _is_daemon(process: psutil.Process | None) -> bool:
    """Tell Spark's daemon, from which Python workers are forked."""
    return process is not None and "pyspark.daemon" in process.cmdline()


@contextmanager
def held(processes: list[psutil.Process]) -> Iterator[None]:
    """Freeze processes while the block lasts."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def kill(cluster: StandaloneCluster, kind: str, choose: Callable[[list[Node]], Node]) -> None:
    """Kill a process of one kind on one of the busy nodes, in the middle of a task.

    The node's Python workers are held before, so that none is between two tasks.
    """
    node = choose(busy_nodes(cluster))
    with held(node.python_workers):
        time.sleep(MIDDLE_SECONDS)
        for process in node.processes_of(kind):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if kind == "worker":
            # its executor ends because it is alone, which it notices a moment later
            node.executor.wait(ALONE_SECONDS)
