"""docker-compose.yml in containers: README's commands, faults, rights. Run by make test-compose."""

import subprocess
import time
import urllib.request

import pytest
import yaml

from tests.compose.engine import check_rights, wait_until
from tests.compose.training import EPOCHS, TRAIN, begin_training, remove_again
from tests.harness.small_run import results

pytestmark = pytest.mark.compose

START = "/opt/glove_spark/conf/docker/start"


def model_of(cluster, tmp_path):
    cluster.copy_out("/shared/again", tmp_path / "again")
    return results(tmp_path / "again", ["model"])


def test_all_services_are_healthy(cluster):
    cluster.wait_for_health("master", "worker", "history")


def test_result_is_copied_out(first_run):
    assert (first_run / "vectors.txt").exists()
    assert len(results(first_run)) >= 6


def test_a_worker_container_killed_in_training_changes_no_byte(cluster, first_run, tmp_path):
    remove_again(cluster)
    process = begin_training(cluster)
    cluster.ask_engine("kill", cluster.containers("worker")[0])
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output[-4000:]
    assert model_of(cluster, tmp_path) == results(first_run, ["model"])
    cluster.run("up", "--detach")
    wait_until(lambda: cluster.alive_workers() == 2, "the worker to come back")


def test_a_run_survives_a_restart_of_all_workers(cluster, first_run, tmp_path):
    remove_again(cluster)
    process = begin_training(cluster)
    cluster.run("restart", "worker")
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output[-4000:]
    assert model_of(cluster, tmp_path) == results(first_run, ["model"])


def test_a_killed_submit_container_resumes_to_the_same_bytes(cluster, first_run, tmp_path):
    remove_again(cluster)
    process = begin_training(cluster)
    (driver,) = cluster.ask_engine(
        "ps", "--quiet", "--filter", "name=glove_spark_test.submit"
    ).split()
    cluster.ask_engine("kill", driver)
    process.communicate(timeout=60)
    # the dead container's lock ends 60 s after its last sign of life (docs/RELIABILITY.md)
    time.sleep(65)
    said = cluster.run("run", "--rm", "submit", *TRAIN, *EPOCHS).stdout
    assert "resum" in said.lower()
    assert model_of(cluster, tmp_path) == results(first_run, ["model"])


def test_another_secret_is_refused(cluster):
    script = (
        f"export GLOVE_SPARK_SECRET=/tmp/other; {START} secret; exec timeout 40 {START} submit "
        "tokenize --input /corpus --output /shared/refused"
    )
    cluster.run("run", "--rm", "--entrypoint", f'sh -c "{script}"', "submit", check=False)
    assert "SaslException" in cluster.run("logs", "master").stdout
    assert cluster.master_page()["activeapps"] == []


def test_four_workers_train_to_the_same_bytes(cluster, first_run, tmp_path):
    cluster.run("up", "--detach", "--scale", "worker=4")
    wait_until(lambda: cluster.alive_workers() == 4, "four workers")
    assert len(cluster.containers("worker")) == 4
    remove_again(cluster)
    process = begin_training(cluster, "--no-deps")
    # each worker has the one executor that its core can take
    assert len(cluster.executors()) == 4
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output[-4000:]
    assert model_of(cluster, tmp_path) == results(first_run, ["model"])


def test_pages_of_workers_are_reached_through_the_masters(cluster):
    cluster.run("up", "--detach", "--scale", "worker=4")
    wait_until(lambda: cluster.alive_workers() == 4, "four workers")
    for worker in cluster.master_page()["workers"]:
        if worker["state"] == "ALIVE":
            address = f"http://127.0.0.1:8080/proxy/{worker['id']}/"
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert "Spark Worker at" in answer.read().decode()


@pytest.mark.parametrize("service", ["master", "worker", "history"])
def test_containers_have_no_capability_a_read_only_root_and_ports_on_loopback(cluster, service):
    check_rights(cluster, service)


def test_the_override_example_changes_workers(cluster):
    files = ("docker-compose.yml", "docker-compose.override.example.yml")
    words = [word for file in files for word in ("--file", file)]
    worker = yaml.safe_load(cluster.run(*words, "config").stdout)["services"]["worker"]
    assert int(worker["environment"]["SPARK_WORKER_CORES"]) == 4
    assert worker["environment"]["SPARK_WORKER_MEMORY"] == "8g"
    assert worker["environment"]["GLOVE_SPARK_MASTER"] == "spark://master:7077"
    # version 2 of compose words it otherwise
    assert 4 in (worker.get("scale"), worker.get("deploy", {}).get("replicas"))


def test_the_override_example_starts_its_workers(cluster):
    files = ("docker-compose.yml", "docker-compose.override.example.yml")
    cluster.run(*[word for file in files for word in ("--file", file)], "up", "--detach")

    def sizes():
        alive = [each for each in cluster.master_page()["workers"] if each["state"] == "ALIVE"]
        return [(each["cores"], each["memory"]) for each in alive]

    wait_until(lambda: sizes() == [(4, 8 << 10)] * 4, "four workers of 4 cores and 8 GB")
    for container in cluster.containers("worker"):
        assert cluster.inspect(container)["HostConfig"]["Memory"] == 12 << 30
    # back to the workers of docker-compose.yml
    cluster.run("up", "--detach")
    wait_until(lambda: sizes() == [(1, 1 << 10)] * 2, "the two workers")


def test_secret_is_unreadable_for_others(cluster):
    assert cluster.inside("master", "stat", "-c", "%a %u", "/secret/cluster").split() == [
        "600",
        "10001",
    ]
    # the settings of a process hold it too
    assert cluster.inside("master", "stat", "-c", "%a %u", "/home/glove/conf").split() == [
        "700",
        "10001",
    ]
    settings = "/home/glove/conf/spark-defaults.conf"
    assert cluster.inside("master", "stat", "-c", "%a", settings).strip() == "600"
    reader = cluster.containers("master")[0]
    read = [cluster.engine, "exec", "--user", "10002", reader, "cat", "/secret/cluster"]
    found = subprocess.run(read, capture_output=True, text=True)
    assert found.returncode != 0
    assert "Permission denied" in found.stderr
