"""Sockets of workers send at once; imported objects are excluded from garbage collection."""

import gc
import socket
import subprocess
import sys
import types

import pytest

from glove_spark.python_daemon import answer_at_once, import_ahead, without_waiting


@pytest.fixture
def connection():
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        with near, far:
            yield near


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


def test_every_task_sends_at_once(connection, thawed):
    seen = []

    def worker(sock, authenticated):
        seen.append((sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), authenticated))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        return 7

    run = without_waiting(worker)
    assert run(connection, False) == 7
    assert run(connection, True) == 7
    assert seen == [(1, False), (1, True)]


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux alone has TCP_QUICKACK")
def test_the_worker_acknowledges_at_once(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 0
    answer_at_once(connection)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1


def test_what_was_imported_is_set_aside_once_and_no_garbage_with_it(monkeypatch, thawed):
    class Cycle:
        alive = 0

        def __init__(self):
            Cycle.alive += 1
            self.itself = self

        def __del__(self):
            Cycle.alive -= 1

    imports = ["imported by a task", None]

    def worker(sock, authenticated):
        Cycle()
        name = imports.pop(0)
        if name is not None:
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        return 0

    run = without_waiting(worker)
    near, far = socket.socketpair()
    gc.disable()
    try:
        with near, far:
            run(near, True)
            frozen = gc.get_freeze_count()
            assert frozen > 0
            assert Cycle.alive == 0
            run(near, True)
            # some excluded objects may be freed by now, and none was added
            assert gc.get_freeze_count() <= frozen
            assert Cycle.alive == 1
    finally:
        gc.enable()


def test_forks_have_what_was_imported_ahead_and_draw_numbers_of_their_own():
    code = """
import os, sys
from glove_spark.python_daemon import import_ahead
import_ahead()
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        module = sys.modules["glove_spark.stages.cooccurrence"]
        print(module.__name__, sys.modules["numpy"].random.random(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, other = (line.split() for line in found.stdout.splitlines())
    assert one[0] == other[0] == "glove_spark.stages.cooccurrence"
    assert one[1] != other[1]


def test_what_is_not_installed_stops_no_daemon(monkeypatch, thawed):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "glove_spark.stages.cooccurrence", raising=False)
    monkeypatch.delitem(sys.modules, "glove_spark.datasets.cooccurrence", raising=False)
    import_ahead()
    assert "glove_spark.stages.cooccurrence" not in sys.modules
