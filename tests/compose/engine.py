"""The container engine of this machine, and a cluster of docker-compose.yml on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]


def find_engine() -> tuple[str, list[str]] | None:
    """Return the engine and the words of its compose, or None where either does not run.

    The variable ENGINE names the one to take where there are two.
    """
    wanted = os.environ.get("ENGINE")
    for engine in [wanted] if wanted else ["docker", "podman"]:
        composers = [[engine, "compose"], [f"{engine}-compose"]]
        if engine == "podman" and "podman" in os.environ.get("DOCKER_HOST", ""):
            # what `podman compose` of later versions does: Docker's compose on podman's socket
            composers.insert(1, ["docker-compose"])
        for words in ([engine, "info"], *composers):
            if shutil.which(words[0]) is None:
                continue
            check = words if words[-1] == "info" else [*words, "version"]
            works = subprocess.run(check, capture_output=True).returncode == 0
            if words[-1] == "info" and not works:
                break
            if words[-1] != "info" and works:
                return engine, words
    return None


class ComposeCluster:
    """The cluster of docker-compose.yml in containers.

    Parameters
    ----------
    engine, compose
        What `find_engine` found.
    corpus
        The folder that containers see as /corpus.
    """

    def __init__(self, engine: str, compose: list[str], corpus: Path) -> None:
        self.engine = engine
        self.compose = [*compose, "--project-name", "glove_spark_test"]
        self.environment = {**os.environ, "CORPUS": str(corpus), "WORKER_MEMORY": "1g"}

    def use_storage(self, credentials: Path) -> None:
        """Have the commands from here on read docker-compose.storage.yml too."""
        self.environment["COMPOSE_FILE"] = "docker-compose.yml:docker-compose.storage.yml"
        self.environment["STORAGE_CREDENTIALS"] = str(credentials)

    def words(self, *arguments: str) -> list[str]:
        return [*self.compose, *arguments]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of compose."""
        process = self.begin(*arguments)
        output, _ = process.communicate()
        assert not check or process.returncode == 0, output[-4000:]
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of compose and return at once."""
        return subprocess.Popen(
            self.words(*arguments),
            cwd=PROJECT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def containers(self, service: str) -> list[str]:
        return self.run("ps", "--quiet", service).stdout.split()

    def ask_engine(self, *arguments: str) -> str:
        """Run a command of the engine itself."""
        words = [self.engine, *arguments]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def inspect(self, container: str) -> Any:
        return json.loads(self.ask_engine("inspect", container))[0]

    def inside(self, service: str, *command: str) -> str:
        """Run a command in the first container of a service."""
        return self.ask_engine("exec", self.containers(service)[0], *command)

    def master_page(self) -> Any:
        with urllib.request.urlopen("http://127.0.0.1:8080/json/", timeout=10) as answer:
            return json.load(answer)

    def executors(self) -> list[str]:
        """Return the workers that run an executor of the application that runs now."""
        workers = self.master_page()["workers"]
        return [each["id"] for each in workers if each["coresused"] and each["state"] == "ALIVE"]

    def alive_workers(self) -> int:
        return sum(each["state"] == "ALIVE" for each in self.master_page()["workers"])

    def wait_for_health(self, *services: str, seconds: float = 400) -> None:
        """Wait until all containers of these services are healthy."""
        for service in services:
            for container in self.containers(service):
                wait_until(
                    lambda c=container: self.inspect(c)["State"]["Health"]["Status"] == "healthy",
                    f"{service} to be healthy",
                    seconds,
                )

    def copy_out(self, folder: str, target: Path) -> None:
        """Copy a folder of /shared out; version 1 of compose has no `cp`."""
        self.ask_engine("cp", f"{self.containers('master')[0]}:{folder}", str(target))


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 400) -> None:
    """Wait for a condition; that a page does not answer yet is no error."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.5)


def check_rights(cluster: ComposeCluster, service: str) -> None:
    """Check in running containers what the compose file says of their rights and ports."""
    for container in cluster.containers(service):
        status = cluster.ask_engine("exec", container, "cat", "/proc/self/status")
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
        assert cluster.ask_engine("exec", container, "id", "-u").strip() == "10001"
        write = [cluster.engine, "exec", container, "touch", "/opt/mine"]
        found = subprocess.run(write, capture_output=True, text=True)
        assert found.returncode != 0
        assert "Read-only file system" in found.stderr
        ports = cluster.inspect(container)["NetworkSettings"]["Ports"] or {}
        hosts = {bound["HostIp"] for each in ports.values() for bound in each or []}
        assert hosts <= {"127.0.0.1"}
