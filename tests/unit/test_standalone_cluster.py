"""The cluster without containers has the commands and variables of docker-compose.yml."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.harness.soak import Soak
from tests.harness.standalone import COMPOSE, PROJECT, StandaloneCluster

SERVICES = ("secret", "master", "worker-1", "worker-2", "history", "submit")


@pytest.fixture
def cluster(tmp_path):
    return StandaloneCluster(tmp_path)


@pytest.mark.parametrize("service", SERVICES)
def test_commands_are_those_of_the_compose_file(cluster, service):
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    defined = services[service.partition("-")[0]]
    start, *words = cluster.command(service)
    assert start == str(PROJECT / "conf" / "docker" / "start")
    assert words == [*defined.get("entrypoint", [start])[1:], *defined["command"]]
    assert set(defined["environment"]) <= set(cluster.environment(service))


def test_arguments_replace_the_command_but_not_the_entrypoint(cluster):
    start, *words = cluster.command("submit", "train", "--output", "out")
    assert Path(start).is_file()
    assert words == ["submit", "train", "--output", "out"]


def test_services_have_ports_and_folders_of_their_own(cluster):
    assert len(set(cluster.ports.values())) == len(SERVICES) + 1
    made = [cluster.environment(service) for service in SERVICES]
    assert len({each["SPARK_CONF_DIR"] for each in made}) == len(SERVICES)
    assert len({each["SPARK_LOCAL_IP"] for each in made}) == 2
    assert all("PYTHONPATH" not in each for each in made[:-1])


def test_a_service_that_ends_is_named_with_what_it_said(cluster):
    cluster.processes["master"] = subprocess.Popen(["false"])
    cluster.processes["master"].wait()
    (cluster.folder / "master.log").write_text("the port is taken\n")
    with pytest.raises(RuntimeError, match=r"master ended: the port is taken"):
        cluster.wait_for_workers()


def test_waiting_has_an_end(cluster):
    with pytest.raises(TimeoutError, match=r"waited 0 s for the moon"):
        cluster._wait(lambda: False, "the moon", seconds=0)


def test_soak_needs_an_undisturbed_run(tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(cluster, "command", lambda *words: ["false"])
    with pytest.raises(SystemExit, match=r"the undisturbed run failed; see .*runs\.log"):
        Soak(cluster, tmp_path, tmp_path)
