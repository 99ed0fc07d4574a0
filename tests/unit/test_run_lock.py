"""Locks: one run at a time; live and dead locks are distinguished."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from glove_spark.errors import OutputError
from glove_spark.store import run_lock
from glove_spark.store.location import Location
from glove_spark.store.run_lock import PREFIX, hold_lock


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(run_lock, "_GIVE_WAY_SECONDS", 0.01)


@pytest.fixture
def root(tmp_path):
    return Location.of(tmp_path / "out").make_folder()


def locks(root):
    return [info.base_name for info in root.walk(recursive=False)]


def leave_lock(root, **holder):
    """Write the lock of another process."""
    with hold_lock(root, "train") as lock:
        content = json.loads(lock._file.read_bytes())
    file = root / f"{PREFIX}other.lock"
    file.write_json(content | holder)
    return file


def test_a_lock_is_there_while_it_is_held(root):
    with hold_lock(root, "train"):
        assert len(locks(root)) == 1
    assert locks(root) == []


def test_the_second_run_is_refused_and_told_of_the_first(root):
    with hold_lock(root, "glove-spark train"):
        found = rf"is in use by process {os.getpid()} on .* since .* \(glove-spark train\); wait"
        with pytest.raises(OutputError, match=found), hold_lock(root, "blocks"):
            pytest.fail("two runs at once")
        assert len(locks(root)) == 1
    with hold_lock(root, "blocks"):
        pass


def test_the_lock_of_a_dead_process_is_taken_away(root, log_lines):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    leave_lock(root, pid=ended.pid)
    with hold_lock(root, "train"):
        assert len(locks(root)) == 1
    assert any("removed the lock of a run that has ended: process" in line for line in log_lines)


def test_a_number_that_went_to_another_process_does_not_live_on(root):
    leave_lock(root, pid=os.getppid(), process_started="1")
    with hold_lock(root, "train"):
        pass


@pytest.mark.parametrize(("age", "dead"), [(0, False), (50, False), (70, True)])
def test_another_machine_is_judged_by_its_signs_of_life(root, age, dead):
    file = leave_lock(root, machine="another", pid=1)
    now = time.time()
    os.utime(file.path, (now - age, now - age))
    if dead:
        with hold_lock(root, "train"):
            assert not file.exists()
    else:
        with pytest.raises(OutputError, match="in use"), hold_lock(root, "train"):
            pytest.fail("two runs at once")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"pid": "x"}', b'{"pid": 1e400}'])
def test_a_lock_that_cannot_be_read_is_a_lock(root, content):
    file = root / f"{PREFIX}odd.lock"
    file.write_bytes(content)
    with pytest.raises(OutputError, match="is in use by process"), hold_lock(root, "train"):
        pytest.fail("two runs at once")
    os.utime(file.path, (0, 0))
    with hold_lock(root, "train"):
        assert not file.exists()


def test_a_lock_is_renewed(root, monkeypatch):
    monkeypatch.setattr(run_lock, "RENEWAL_SECONDS", 0.01)
    with hold_lock(root, "train") as lock:
        os.utime(lock._file.path, (0, 0))
        deadline = time.monotonic() + 10
        while os.stat(lock._file.path).st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert os.stat(lock._file.path).st_mtime > 0
    assert locks(root) == []


def test_a_run_that_was_taken_for_dead_publishes_nothing(root, monkeypatch):
    monkeypatch.setattr(run_lock, "RENEWAL_SECONDS", 0.01)
    with hold_lock(root, "train") as lock:
        lock.check()
        lock._file.delete()
        time.sleep(0.1)
        # it does not reappear
        assert locks(root) == []
        with pytest.raises(OutputError, match="was taken over by another run"):
            lock.check()


def test_of_many_at_once_one_goes_on(root, monkeypatch):
    monkeypatch.setattr(run_lock, "_GIVE_WAY_SECONDS", 1.0)
    start, inside, most = threading.Barrier(8), [], []

    def run():
        start.wait()
        try:
            with hold_lock(root, "train"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(1.5)
                inside.pop()
        except OutputError:
            pass

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert locks(root) == []
