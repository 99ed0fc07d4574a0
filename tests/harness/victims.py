"""Find processes of a running cluster below its Workers, and kill or freeze them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from benchmarks.records.memory import is_worker_command
from tests.harness.standalone import WORKERS, StandaloneCluster

KINDS = ("python worker", "executor", "worker")
"""The kinds of processes of a node: a Python worker, the JVM of an executor, Spark's Worker."""

BUSY_SECONDS = 0.05
"""Processor seconds after which a Python worker is considered to work on a task; it is forked by a
daemon that has imported the modules."""

MIDDLE_SECONDS = 0.5
"""Seconds for which a Python worker is frozen before the kill; meanwhile it receives a task."""


ALONE_SECONDS = 30
"""Seconds for which an executor may continue without its Worker."""


@dataclass(frozen=True)
class Node:
    """The processes of one Worker: itself, its executor, and the executor's Python workers."""

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


def nodes_of(cluster: StandaloneCluster) -> list[Node]:
    """List the nodes that have an executor."""
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
                ]
                if executor.status() != psutil.STATUS_ZOMBIE:
                    nodes.append(Node(worker, executor, python_workers))
    return nodes


def busy_nodes(cluster: StandaloneCluster) -> list[Node]:
    """List the nodes whose executor has Python workers at work."""
    return [node for node in nodes_of(cluster) if any(map(_is_busy, node.python_workers))]


def _is_busy(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return sum(process.cpu_times()[:2]) >= BUSY_SECONDS
    return False


def _is_daemon(process: psutil.Process | None) -> bool:
    """Return whether a process is Spark's daemon, from which Python workers are forked."""
    return process is not None and is_worker_command(process.cmdline())


@contextmanager
def held(processes: list[psutil.Process]) -> Iterator[None]:
    """Freeze processes during the block."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def kill(node: Node, kind: str) -> int:
    """Kill the processes of one kind on a node; return their number."""
    victims = node.processes_of(kind)
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(victims)


def kill_in_a_task(node: Node, kind: str) -> None:
    """Kill the processes of one kind on a node while its Python workers work on a task."""
    with held(node.python_workers):
        time.sleep(MIDDLE_SECONDS)
        kill(node, kind)
        if kind == "worker":
            # its executor ends a moment later, when it notices that its Worker is gone
            node.executor.wait(ALONE_SECONDS)
