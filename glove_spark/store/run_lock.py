"""One run at a time on an output folder, whether it is on a disk or an object store.

Object stores cannot create a file only if it is not there, so every run writes a lock file of its
own and then looks for others: with none it goes on; with others it takes its own away and refuses.
Two that start at once both see each other; the one of the later name gives way, the other looks
again. A run goes on only when it saw no other lock while its own was there, so there are never two.

A lock is renewed as long as its run lives. One whose process is gone from this machine is dead at
once; one of another machine when it has not been renewed for a minute, by the clock of the storage.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from glove_spark.errors import GloveSparkError, OutputError
from glove_spark.store.location import Location

log = logging.getLogger(__name__)

PREFIX, SUFFIX = ".run-", ".lock"

RENEWAL_SECONDS = 10.0
"""Between two signs of life."""

DEAD_AFTER_SECONDS = 60.0
"""A run without a sign of life for so long is dead, or cut off from its folder."""

_GIVE_WAY_SECONDS = 2.0
"""Time in which one of two that started at once takes its lock away."""


class Lock(NamedTuple):
    """The lock of some run.

    Attributes
    ----------
    modified
        When it was renewed, in seconds by the storage's clock.
    holder
        What the run says of itself: see `_holder`.
    """

    file: Location
    modified: float
    holder: dict[str, Any]

    @property
    def shown(self) -> str:
        """Name the run to people."""
        said = {name: str(self.holder.get(name, "?")) for name in ("host", "pid", "since", "doing")}
        return "process {pid} on {host} since {since} ({doing})".format(**said)


class RunLock:
    """The lock that a run holds; see `hold_lock`."""

    def __init__(self, root: Location, doing: str) -> None:
        self._file = root / f"{PREFIX}{uuid.uuid4().hex}{SUFFIX}"
        self._root = root
        self._content = _holder(doing)
        self._ended = threading.Event()
        self._lost = False

    def acquire(self) -> None:
        """Take the lock, or raise `OutputError` naming the run that has it."""
        self._file.write_json(self._content)
        others = self._others()
        if others and all(self._file.name < other.file.name for other in others):
            time.sleep(_GIVE_WAY_SECONDS)
            others = self._others()
        if others:
            self._file.delete()
            raise OutputError(
                f"output={self._root.shown} is in use by {others[0].shown}; wait until it ends, "
                "stop it, or name another folder. If that run has died, its lock expires "
                f"{DEAD_AFTER_SECONDS:.0f} s after it was last renewed"
            )
        threading.Thread(target=self._keep_alive, name="run-lock", daemon=True).start()

    def release(self) -> None:
        """Give the lock back."""
        self._ended.set()
        # a lock that cannot be deleted, as without a network, will count as dead
        self._file.discard()

    def check(self) -> None:
        """Make sure that the lock is still ours, before something is published.

        Raises
        ------
        OutputError
            If another run took this one for dead, as after a machine slept.
        """
        if self._lost or not self._file.exists():
            self._lost = True
            raise OutputError(
                f"output={self._root.shown} was taken over by another run, because this run did "
                f"not renew its lock for {DEAD_AFTER_SECONDS:.0f} s; run the same command again to "
                "continue"
            )

    def _others(self) -> list[Lock]:
        """Find the living locks of other runs; delete the dead ones."""
        locks = _locks(self._root)
        own = next((lock for lock in locks if lock.file == self._file), None)
        # without its own the storage is odd; then no other is dead
        now = own.modified if own else 0.0
        living = []
        for lock in locks:
            if lock is own:
                continue
            if now - lock.modified > DEAD_AFTER_SECONDS or _has_died(lock.holder):
                log.info("removed the lock of a run that has ended: %s", lock.shown)
                lock.file.delete()
            else:
                living.append(lock)
        return living

    def _renew(self) -> None:
        if self._file.is_local:
            # fails where the file is gone: it never comes back beside another run's
            os.utime(self._file.path)
        elif self._file.exists():
            self._file.write_json(self._content)
        else:
            raise FileNotFoundError(self._file.uri)

    def _keep_alive(self) -> None:
        while not self._ended.wait(RENEWAL_SECONDS):
            try:
                self._renew()
            except FileNotFoundError:
                self._lost = True
                return
            except (OSError, GloveSparkError) as error:
                # the next one may succeed; if none does, the storage is gone for the stages too
                log.debug("the lock could not be renewed: %s", error)
            if self._ended.is_set():
                # released in the meantime: what was just written must not stay
                self.release()


@contextmanager
def hold_lock(root: Location, doing: str) -> Iterator[RunLock]:
    """Hold the lock of an output folder.

    Parameters
    ----------
    doing
        What the run does, for whoever is refused.

    Raises
    ------
    OutputError
        If another run holds it.
    """
    lock = RunLock(root, doing)
    try:
        lock.acquire()
        yield lock
    finally:
        lock.release()


def _holder(doing: str) -> dict[str, Any]:
    """Say who this process is."""
    return {
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": os.getpid(),
        "process_started": _process_started(os.getpid()),
        "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "doing": doing,
    }


def _locks(root: Location) -> list[Lock]:
    """Read every lock of a folder; what cannot be read is somebody's all the same."""
    found = []
    for info in root.walk(recursive=False):
        if not (info.base_name.startswith(PREFIX) and info.base_name.endswith(SUFFIX)):
            continue
        file = root / info.base_name
        content = None
        # gone in the meantime, or no lock of ours
        with suppress(GloveSparkError, ValueError, OSError):
            content = json.loads(file.read_bytes())
        if isinstance(content, dict) or file.exists():
            holder = content if isinstance(content, dict) else {}
            found.append(Lock(file, (info.mtime_ns or 0) / 1e9, holder))
    return found


def _has_died(holder: dict[str, Any]) -> bool:
    """Tell whether a lock's process ran on this machine and is gone."""
    machine, pid = _machine(), holder.get("pid")
    if machine is None or holder.get("machine") != machine or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    # the number may have gone to another process since
    return _process_started(pid) != holder.get("process_started")


def _machine() -> str | None:
    """Name what process numbers belong to: a boot of a machine, and its name space of processes.

    None where that cannot be told; then only signs of life count.
    """
    if sys.platform == "win32":
        return None
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _process_started(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks since the boot."""
    try:
        # the name, in parentheses, may hold blanks; field 22 of all is the 20th after it
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
