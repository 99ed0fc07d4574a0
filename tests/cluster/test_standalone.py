"""A whole run on the cluster of docker-compose.yml: its bytes, its pages, its secret."""

import stat
import subprocess
import time

import psutil
import pytest

from tests.cluster.processes import EXECUTORS_FIND_THE_CHECKOUT, events_of, finish, start, wait_for
from tests.harness.small_run import COMMAND, RUN_OPTIONS, results

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def whole_run(running_cluster, long_corpus, tmp_path_factory):
    """A run from corpus to vectors: its folder, log, events, and all processes' arguments."""
    cluster, out = running_cluster, tmp_path_factory.mktemp("whole run") / "out"
    folder = cluster.shared / "events"
    before = set(folder.iterdir()) if folder.exists() else set()
    arguments = ["run", "--input", str(long_corpus), "--output", str(out), *RUN_OPTIONS]
    command = cluster.command("submit", *arguments, *EXECUTORS_FIND_THE_CHECKOUT)
    process = start(command, env=cluster.environment("submit"))
    wait_for(process, lambda: list(out.glob(".model.*.tmp/epoch-0002.json")))
    driver = psutil.Process(process.pid)
    seen = [*cluster.descendants(), driver, *driver.children(recursive=True)]
    arguments = [" ".join(each.cmdline()) for each in seen if each.status() != psutil.STATUS_ZOMBIE]
    code, output = finish(process)
    assert code == 0, output
    yield out, output, events_of(cluster, before), arguments
    cluster.wait_for_workers()


def test_a_cluster_gives_the_bytes_of_local_threads(whole_run, undisturbed_out):
    out, output, _, _ = whole_run
    assert "Traceback" not in output
    assert results(out) == results(undisturbed_out)


def test_both_workers_run_tasks_in_executors_of_their_own(whole_run):
    _, _, events, arguments = whole_run
    tasks = [event["Task Info"] for event in events if event["Event"] == "SparkListenerTaskEnd"]
    assert {task["Host"] for task in tasks} == {"127.0.0.1", "127.0.0.2"}
    executors = [line for line in arguments if "CoarseGrainedExecutorBackend" in line]
    assert len(executors) == 2


def test_every_job_says_what_it_is_for(whole_run):
    starts = [event for event in whole_run[2] if event["Event"] == "SparkListenerJobStart"]
    described = [job["Properties"].get("spark.job.description") for job in starts]
    stages = ("tokenize", "vocabulary", "cooccurrence", "blocks", "train", "export")
    assert all(text and text.startswith(stages) for text in described), described
    assert "train: epoch 3/12, round 2/2" in described


def test_settings_are_those_of_spark_defaults(whole_run, running_cluster):
    (update,) = [e for e in whole_run[2] if e["Event"] == "SparkListenerEnvironmentUpdate"]
    used = update["Spark Properties"]
    lines = (running_cluster.folder / "spark-defaults.conf").read_text().splitlines()
    # the last line counts
    wanted = dict(line.split(maxsplit=1) for line in lines if line and line[0] != "#")
    assert len(wanted) > 20
    assert {key: used.get(key) for key in wanted} == wanted
    assert used["spark.authenticate"] == "true"


def test_secret_is_in_no_arguments_files_or_logs(whole_run, running_cluster):
    out, output, _, arguments = whole_run
    secret = running_cluster.secret.read_text()
    assert len(secret) == 64
    assert secret not in output
    assert len(arguments) >= 8
    assert not [line for line in arguments if secret in line]
    private = {running_cluster.secret, *running_cluster.folder.glob("conf/*/spark-defaults.conf")}
    for file in [*running_cluster.folder.rglob("*"), *out.rglob("*")]:
        if file.is_file() and file not in private:
            assert secret.encode() not in file.read_bytes(), file
    for file in private:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert secret in file.read_text()


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [(None, "Expected SaslMessage"), ("0" * 64, "SaslException")],
    ids=["no secret", "another secret"],
)
def test_a_client_without_the_secret_is_refused(running_cluster, tmp_path, secret, complaint):
    cluster = running_cluster
    environment = cluster.environment("submit") | {"SPARK_CONF_DIR": str(tmp_path / "conf")}
    arguments = ["train", "--output", str(tmp_path / "out")]
    if secret is None:
        command = [*COMMAND, *arguments, "--master", cluster.master_url]
    else:
        environment["GLOVE_SPARK_SECRET"] = str(tmp_path / "secret")
        (tmp_path / "secret").write_text(secret)
        command = cluster.command("submit", *arguments)
    log = cluster.folder / "master.log"
    before = log.stat().st_size
    process = start(command, env=environment)
    try:
        # Spark tries for a minute
        wait_for(process, lambda: complaint in log.read_bytes()[before:].decode("utf-8", "replace"))
        assert cluster.page("master")["activeapps"] == []
    finally:
        process.kill()
        process.communicate()


def test_history_server_shows_the_run(whole_run, running_cluster):
    cluster = running_cluster
    (begin,) = [e for e in whole_run[2] if e["Event"] == "SparkListenerApplicationStart"]
    cluster.start("history")
    try:
        cluster.wait_until_healthy("history")
        deadline = time.monotonic() + 60
        while True:
            shown = cluster.page("history", "/api/v1/applications")
            runs = {app["id"]: app["attempts"][-1]["completed"] for app in shown}
            if begin["App ID"] in runs:
                break
            assert time.monotonic() < deadline, runs
            time.sleep(0.2)
        assert runs[begin["App ID"]] is True
        jobs = cluster.page("history", f"/api/v1/applications/{begin['App ID']}/jobs")
        assert "train: epoch 3/12, round 2/2" in {job.get("description") for job in jobs}
    finally:
        process = cluster.processes.pop("history")
        process.terminate()
        process.wait()


def test_health_checks_fail_where_nothing_answers(running_cluster):
    nothing = [*running_cluster.health_command("master")[:-1], "http://127.0.0.1:9/json/"]
    environment = running_cluster.environment("master")
    assert subprocess.run(nothing, env=environment, capture_output=True).returncode != 0
    for service in ("master", "worker-1", "worker-2"):
        found = subprocess.run(running_cluster.health_command(service), env=environment)
        assert found.returncode == 0
