"""One run at a time on an output folder, whether it is on a disk or an object store.

Object stores cannot create a file only if it does not exist. So every run writes a lock file with a
unique name, and then looks for others. If there are none, it continues; otherwise it deletes its
own and stops with an error. Two runs that start at the same time see each other: the one with the
later name stops, and the other looks again. A run continues only if it saw no other lock while its
own existed, so there are never two.

A run renews its lock while it lives. The lock of a process that has ended on this machine is dead
at once; that of another machine is dead if it was not renewed for a minute, by the clock of the
storage.
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
"""Time between two renewals."""

DEAD_AFTER_SECONDS = 60.0
"""A run that has not renewed its lock for this time is dead, or cannot reach its folder."""

_GIVE_WAY_SECONDS = 2.0
"""Time in which one of two runs that started at the same time deletes its lock."""


class Lock(NamedTuple):
    """The lock of a run.

    Attributes
    ----------
    modified
        Time of the last renewal, in seconds, by the clock of the storage.
    holder
        How the run describes itself: see `_holder`.
    """

    file: Location
    modified: float
    holder: dict[str, Any]

    @property
    def shown(self) -> str:
        """The run, described for a message."""
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
        """Acquire the lock, or raise `OutputError` that names the run that holds it."""
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
        """Release the lock."""
        self._ended.set()
        # a lock that cannot be deleted, for example without a network, will expire
        self._file.discard()

    def check(self) -> None:
        """Check that this run still holds the lock, before it publishes something.

        Raises
        ------
        OutputError
            If another run assumed that this one has died, for example after the machine slept.
        """
        if self._lost or not self._file.exists():
            self._lost = True
            raise OutputError(
                f"output={self._root.shown} was taken over by another run, because this run did "
                f"not renew its lock for {DEAD_AFTER_SECONDS:.0f} s; run the same command again to "
                "continue"
            )

    def _others(self) -> list[Lock]:
        """Return the valid locks of other runs, and delete the dead ones."""
        locks = _locks(self._root)
        own = next((lock for lock in locks if lock.file == self._file), None)
        # if its own lock is missing, the storage is unreliable, and no other lock counts as dead
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
            # fails if the file is gone, so the lock never reappears next to that of another run
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
                # the next renewal may succeed; if none does, the stages cannot reach the storage
                # either
                log.debug("the lock could not be renewed: %s", error)
            if self._ended.is_set():
                # released in the meantime: the file that was just written must not remain
                self.release()


@contextmanager
def hold_lock(root: Location, doing: str) -> Iterator[RunLock]:
    """Hold the lock of an output folder.

    Parameters
    ----------
    doing
        The command of the run, for the error of another run.

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
    """Describe this process."""
    return {
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": os.getpid(),
        "process_started": _process_started(os.getpid()),
        "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "doing": doing,
    }


def _locks(root: Location) -> list[Lock]:
    """Read every lock of a folder; a lock that cannot be read counts too."""
    found = []
    for info in root.walk(recursive=False):
        if not (info.base_name.startswith(PREFIX) and info.base_name.endswith(SUFFIX)):
            continue
        file = root / info.base_name
        content = None
        # deleted in the meantime, or not a lock of glove_spark
        with suppress(GloveSparkError, ValueError, OSError):
            content = json.loads(file.read_bytes())
        if isinstance(content, dict) or file.exists():
            holder = content if isinstance(content, dict) else {}
            found.append(Lock(file, (info.mtime_ns or 0) / 1e9, holder))
    return found


def _has_died(holder: dict[str, Any]) -> bool:
    """Return whether the process of a lock ran on this machine and has ended."""
    machine, pid = _machine(), holder.get("pid")
    if machine is None or holder.get("machine") != machine or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    # another process may have the same number now
    return _process_started(pid) != holder.get("process_started")


def _machine() -> str | None:
    """Identify the boot of the machine and the process namespace in which a process id is valid.

    None if they are unknown; then only the time of the last renewal counts.
    """
    if sys.platform == "win32":
        return None
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _process_started(pid: int) -> str | None:
    """Return the start time of a process, in kernel ticks since the boot."""
    try:
        # the name, in parentheses, may contain spaces; field 22 is the 20th field after it
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
