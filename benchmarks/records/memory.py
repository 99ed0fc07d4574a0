"""Peak memory of the processes of a run, read from /proc while it runs (Linux)."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

INTERVAL = 0.1
"""Seconds between measurements: a shorter peak may be missed."""


class PeakMemory:
    """Watch the descendants of this process; a context manager.

    Attributes
    ----------
    peaks
        The largest resident set of a single process in MiB, by kind: ``driver`` (the
        Python program), ``jvm`` and ``worker`` (a Python worker of Spark). Shared
        pages (memory-mapped cells) are included; `private` excludes them.
    together
        The largest sum in MiB, at one time, of the private memory of all processes.
    """

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self.private: dict[str, int] = {}
        self.together = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(INTERVAL):
            found = descendants(os.getpid())
            self.together = max(self.together, sum(own - shared for _, own, shared in found))
            for kind, resident, shared in found:
                self.peaks[kind] = max(self.peaks.get(kind, 0), resident)
                self.private[kind] = max(self.private.get(kind, 0), resident - shared)


def is_worker_command(arguments: Sequence[str]) -> bool:
    """Return whether a command line is that of Spark's Python daemon or one of its workers."""
    return any(module in arguments for module in ("pyspark.daemon", "glove_spark.python_daemon"))


def descendants(root: int) -> list[tuple[str, int, int]]:
    """List kind, resident and shared file-backed MiB of every process below ``root``."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # the name of the command is in parentheses and may contain any character
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
    found = []
    for process in parents:
        above, ancestor = [], process
        while ancestor in parents and ancestor != root:
            above.append(ancestor)
            ancestor = parents[ancestor]
        if ancestor != root or process == root:
            continue
        try:
            status = (Path("/proc") / str(process) / "status").read_text()
            command = (Path("/proc") / str(process) / "cmdline").read_bytes()
        except OSError:
            continue
        memory = {
            line.split(":")[0]: int(line.split()[1]) // 1024
            for line in status.splitlines()
            if line.startswith(("VmRSS", "RssFile", "RssShmem"))
        }
        if not memory:
            continue
        arguments = command.decode(errors="replace").split("\0")
        if is_worker_command(arguments):
            kind = "worker"
        elif "java" in arguments[0]:
            kind = "jvm"
        else:
            kind = "driver"
        found.append((kind, memory["VmRSS"], memory["RssFile"] + memory["RssShmem"]))
    return found
