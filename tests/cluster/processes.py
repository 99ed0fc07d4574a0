"""Processes that a test starts, and how it waits for them."""

import json
import subprocess
import time
from pathlib import Path

PROJECT = Path(__file__).parents[2]

EXECUTORS_FIND_THE_CHECKOUT = ["--spark-conf", f"spark.executorEnv.PYTHONPATH={PROJECT}"]
"""Replaces the installation of the project on a node of a real cluster."""


def start(command, *, cwd=PROJECT, **kwargs):
    """Start a command with its output in one pipe, in the project's folder unless told."""
    return subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        **kwargs,
    )


def finish(process, timeout=300):
    """Wait for the end; return exit code and output. A process that takes longer hangs."""
    output, _ = process.communicate(timeout=timeout)
    return process.returncode, output


def wait_for(process, condition, seconds=120, pause=0.05):
    """Wait for a condition while a process runs; return its value."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(pause)
    return found


def events_of(cluster, known):
    """Read the event log of the one application that is not among the ``known`` files."""
    (log,) = set((cluster.shared / "events").iterdir()) - known
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]
