"""Processes die, hang and are cancelled; the bytes stay those of an undisturbed run."""

import os
import shutil
import signal
import time

import psutil
import pytest

from tests.cluster.processes import events_of, finish, wait_for
from tests.harness.small_run import OPTIONS, results
from tests.harness.victims import KINDS, busy_nodes, held, kill_in_a_task

pytestmark = pytest.mark.cluster

ATTEMPTS = 6
"""Attempts: a kill may hit between two tasks, like every third one on a fast machine."""

DATASETS = {"cooccurrence": "cooccurrence", "blocks": "blocks", "train": "model"}


@pytest.fixture
def begin(submit, undisturbed_out, tmp_path):
    """Start one stage on the inputs of the undisturbed run; return it once Python works on it."""

    def run(stage, cluster, *extra, **kwargs):
        out = tmp_path / "out"
        arguments = ["--output", out, "--reuse", undisturbed_out, *OPTIONS[stage], *extra]
        process = submit(stage, *arguments, **kwargs)
        if stage == "train":
            wait_for(process, lambda: list(out.glob(".model.*.tmp/epoch-0002.json")))
        wait_for(process, lambda: busy_nodes(cluster))
        return process, out

    return run


@pytest.fixture
def logs_before(cluster):
    """The event logs of other runs."""
    return logs_of(cluster)


def logs_of(cluster):
    folder = cluster.shared / "events"
    return set(folder.iterdir()) if folder.exists() else set()


def failed_tasks(events):
    ends = [event for event in events if event["Event"] == "SparkListenerTaskEnd"]
    return [end for end in ends if end["Task End Reason"]["Reason"] != "Success"]


@pytest.mark.parametrize("stage", DATASETS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_process_changes_nothing(cluster, begin, undisturbed_out, stage, kind):
    dataset = DATASETS[stage]
    for _ in range(ATTEMPTS):
        before = logs_of(cluster)
        process, out = begin(stage, cluster)
        kill_in_a_task(busy_nodes(cluster)[0], kind)
        code, output = finish(process)
        assert code == 0, output
        assert results(out, [dataset]) == results(undisturbed_out, [dataset])
        if failed_tasks(events_of(cluster, before)):
            return
        # the task ended between the check and the kill
        shutil.rmtree(out)
        # a second kill would leave the next run without any Worker, for which Spark waits
        cluster.repair()
    pytest.fail(f"of {ATTEMPTS} kills none hit a task")


def test_an_executor_that_hangs_is_given_up(cluster, logs_before, begin, undisturbed_out):
    process, out = begin("train", cluster)
    node = busy_nodes(cluster)[0]
    with held([node.executor]):
        code, output = finish(process)
    assert code == 0, output
    removed = [
        event
        for event in events_of(cluster, logs_before)
        if event["Event"] == "SparkListenerExecutorRemoved"
    ]
    assert "heartbeat" in removed[0]["Removed Reason"]
    assert results(out, ["model"]) == results(undisturbed_out, ["model"])


def test_a_slow_task_is_overtaken_by_its_copy(cluster, logs_before, begin, undisturbed_out):
    soon = ["--spark-conf", "spark.speculation.minTaskRuntime=500ms"]
    process, out = begin("train", cluster, *soon)
    with held(busy_nodes(cluster)[0].python_workers):
        code, output = finish(process)
    assert code == 0, output
    copies = [
        event
        for event in events_of(cluster, logs_before)
        if event["Event"] == "SparkListenerTaskEnd" and event["Task Info"]["Speculative"]
    ]
    assert any(copy["Task End Reason"]["Reason"] == "Success" for copy in copies)
    assert results(out, ["model"]) == results(undisturbed_out, ["model"])


def kill_driver(process):
    process.kill()


def kill_java(process):
    (java,) = psutil.Process(process.pid).children()
    java.kill()


def terminate(process):
    process.terminate()


def press_ctrl_c(process):
    # a terminal sends it to all processes of the command
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("stop", "code"), [(kill_driver, -9), (kill_java, 6), (terminate, 130), (press_ctrl_c, 130)]
)
def test_a_stopped_driver_resumes_to_the_same_bytes(
    cluster, begin, submit, undisturbed_out, stop, code
):
    process, out = begin("train", cluster, start_new_session=True)
    started = time.monotonic()
    stop(process)
    found, output = finish(process)
    assert found == code, output
    if code == 130:
        # the assertion is that nothing waits, for example for network timeouts
        assert time.monotonic() - started < 15
        assert "interrupted; run the same command again to continue" in output
    left = set(os.listdir(out)) - {".glove_spark"}
    (unfinished,) = [name for name in left if name.startswith(".model.")]
    assert not [name for name in left if not name.startswith(".")]
    if code == 130:
        assert left == {unfinished}
    cluster.wait_for_workers()
    arguments = ["--output", out, "--reuse", undisturbed_out, *OPTIONS["train"]]
    found, output = finish(submit("train", *arguments))
    assert found == 0, output
    assert "train: resumes after epoch" in output
    assert results(out, ["model"]) == results(undisturbed_out, ["model"])
