"""A standalone cluster on this machine, with the commands of docker-compose.yml.

Every service runs as a process with the entrypoint, command and environment of the compose file.
Values that depend on containers are replaced: hosts and ports (127.0.0.1 and 127.0.0.2, free
ports), folders, and sizes for a small machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

PROJECT = Path(__file__).parents[2]
COMPOSE = PROJECT / "docker-compose.yml"
START = PROJECT / "conf" / "docker" / "start"
IN_CONTAINER = "/opt/glove_spark/"
"""The folder of the project in the image."""

WORKERS = ("worker-1", "worker-2")

OTHERS = ("notebook", "s3", "airflow")
"""Services of the compose file that are not part of the cluster."""

HOST = "127.0.0.1"
HOSTS = {"worker-2": "127.0.0.2"}
"""The address of a service, if not `HOST`: Spark starts no copy of a slow task on the same host. On
Linux, all of 127.0.0.0/8 is local."""

FAST_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For Java processes of a few seconds: half of their start is the second compiler and its
threads."""

DAEMON_MEMORY = "256m"

FAST_SETTINGS = {
    "spark.driver.defaultJavaOptions": FAST_JAVA,
    "spark.executor.defaultJavaOptions": FAST_JAVA,
    "spark.executor.memory": "512m",
    # a process that hangs is detected within seconds
    "spark.network.timeout": "8s",
    "spark.network.timeoutInterval": "2s",
    "spark.executor.heartbeatInterval": "2s",
    # a Worker that was restarted gets an executor at once
    "spark.worker.timeout": "10",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
    # the name of the test machine may not resolve
    "spark.driver.host": HOST,
    "spark.driver.bindAddress": HOST,
}
"""Settings in addition to conf/spark-defaults.conf, for a short-lived cluster on one machine."""


def compose_services() -> dict[str, dict[str, Any]]:
    """Read the services of docker-compose.yml, with defaults for its variables.

    The service ``worker`` is listed once per container that compose starts: ``worker-1``, ...
    """
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE.read_text("utf-8"))
    services: dict[str, dict[str, Any]] = {}
    for name, service in yaml.safe_load(text)["services"].items():
        if name in OTHERS:
            continue
        copies = int(service.get("scale", 1))
        names = [name] if "scale" not in service else [f"{name}-{i + 1}" for i in range(copies)]
        services |= dict.fromkeys(names, service)
    return services


class StandaloneCluster:
    """The services of docker-compose.yml without containers; a context manager.

    Parameters
    ----------
    folder
        The folder for all files of the cluster; its name must not contain spaces.
    settings
        Spark settings, in addition to `FAST_SETTINGS`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.shared = folder / "shared"
        self.secret = folder / "secret" / "cluster"
        self.services = compose_services()
        names = (*self.services, "rpc")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.master_url = f"spark://{HOST}:{self.ports['rpc']}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._seen: dict[int, psutil.Process] = {}
        self._defaults = folder / "spark-defaults.conf"
        self._settings = FAST_SETTINGS | dict(settings or {})

    def __enter__(self) -> StandaloneCluster:
        self.folder.mkdir(parents=True, exist_ok=True)
        defaults = (PROJECT / "conf" / "spark-defaults.conf").read_text("utf-8")
        defaults = defaults.replace("file:///shared", self.shared.as_uri())
        lines = [f"{key} {value}\n" for key, value in self._settings.items()]
        self._defaults.write_text(defaults + "".join(lines))
        subprocess.run(self.command("secret"), env=self.environment("secret"), check=True)
        try:
            self.start("master")
            self.wait_until_healthy("master")
            for worker in WORKERS:
                self.start(worker)
            self.wait_for_workers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def command(self, service: str, *arguments: str) -> list[str]:
        """Return the command of a service; ``arguments`` replace those of the compose file."""
        defined = self.services[service]
        entrypoint = defined.get("entrypoint", [IN_CONTAINER + "conf/docker/start"])
        words = [*entrypoint, *(arguments or defined["command"])]
        return [re.sub(f"^{IN_CONTAINER}", f"{PROJECT}/", word) for word in words]

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment of a service: that of the compose file, with replacements."""
        own = {key: str(value) for key, value in self.services[service]["environment"].items()}
        here = {
            "GLOVE_SPARK_MASTER": self.master_url,
            "GLOVE_SPARK_SECRET": str(self.secret),
            "SPARK_MASTER_HOST": HOST,
            "SPARK_MASTER_PORT": str(self.ports["rpc"]),
            "SPARK_MASTER_WEBUI_PORT": str(self.ports["master"]),
            "SPARK_WORKER_WEBUI_PORT": str(self.ports[service]),
            "SPARK_WORKER_MEMORY": "1g",
            # every process has its own ports
            "GLOVE_SPARK_PROXY": "false",
            "SPARK_HISTORY_OPTS": f"-Dspark.history.ui.port={self.ports['history']}",
        }
        own |= {key: value for key, value in here.items() if key in own}
        # an executor finds the project as on a node: it is installed, or the driver sends it
        base = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        if service == "submit" and "PYTHONPATH" in os.environ:
            base["PYTHONPATH"] = os.environ["PYTHONPATH"]
        return {
            **base,
            **own,
            # variables that the image sets
            "GLOVE_SPARK_DEFAULTS": str(self._defaults),
            "SPARK_CONF_DIR": str(self.folder / "conf" / service),
            "SPARK_WORKER_DIR": str(self.folder / "work" / service),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # values for a small machine
            "SPARK_LOCAL_IP": HOSTS.get(service, HOST),
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
            "SPARK_DAEMON_JAVA_OPTS": FAST_JAVA,
            "SPARK_DAEMON_MEMORY": DAEMON_MEMORY,
            "SPARK_LAUNCHER_OPTS": "-XX:TieredStopAtLevel=1",
        }

    def start(self, service: str) -> None:
        """Start a daemon; its output is written to a file with its name."""
        with (self.folder / f"{service}.log").open("ab") as log:
            self.processes[service] = subprocess.Popen(
                self.command(service),
                env=self.environment(service),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def page(self, service: str, path: str = "/json/") -> Any:
        """Read a page of JSON."""
        address = f"http://{HOSTS.get(service, HOST)}:{self.ports[service]}{path}"
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.load(answer)

    def health_command(self, service: str) -> list[str]:
        """Return the health check of a service."""
        _, *words, address = self.services[service]["healthcheck"]["test"]
        here = f"//{HOSTS.get(service, HOST)}:{self.ports[service]}"
        address = re.sub(r"//[\w-]+:\d+", here, address)
        return [word.replace(IN_CONTAINER, f"{PROJECT}/") for word in words] + [address]

    def wait_until_healthy(self, service: str) -> None:
        """Wait until a service's health check succeeds."""

        def healthy() -> bool:
            check = subprocess.run(
                self.health_command(service), env=self.environment(service), capture_output=True
            )
            return check.returncode == 0

        self._wait(healthy, f"{service} to be healthy")

    def wait_for_workers(self) -> None:
        """Wait until the master has a live Worker for each of ours, and no application."""

        def complete() -> bool:
            state = self.page("master")
            alive = [worker for worker in state["workers"] if worker["state"] == "ALIVE"]
            idle = all(not worker["coresused"] for worker in alive)
            return len(alive) == len(WORKERS) and idle and not state["activeapps"]

        self._wait(complete, "all workers to register")

    def repair(self) -> None:
        """Start dead Workers again, and wait for all."""
        for worker in WORKERS:
            if self.processes[worker].poll() is not None:
                self.start(worker)
        self.wait_for_workers()

    def descendants(self) -> list[psutil.Process]:
        """List the processes of the cluster: the daemons and all their descendants."""
        found = []
        for process in self.processes.values():
            with suppress(psutil.NoSuchProcess):
                daemon = psutil.Process(process.pid)
                found += [daemon, *daemon.children(recursive=True)]
        self._seen |= {process.pid: process for process in found}
        return found

    def stop(self) -> None:
        """End all processes of the cluster, also those that outlived their parents."""
        self.descendants()
        for process in self.processes.values():
            process.terminate()
        left = [process for process in self._seen.values() if process.is_running()]
        _, left = psutil.wait_procs(left, timeout=10)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for process in self.processes.values():
            process.wait()
        shutil.rmtree(self.folder / "local", ignore_errors=True)

    def _wait(self, condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while True:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    log = (self.folder / f"{name}.log").read_text("utf-8", "replace")
                    raise RuntimeError(f"{name} ended: {log[-2000:]}")
            with suppress(OSError):
                if condition():
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:g} s for {what}")
            time.sleep(0.1)


def free_ports(number: int) -> list[int]:
    """Return ports that are free now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
