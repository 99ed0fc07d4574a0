"""Processes die in a merge of replicas and between two merges; the bytes stay the same."""

import time

import pytest

from tests.cluster.processes import events_of, finish, start, wait_for
from tests.harness.small_run import COMMAND, results, write_corpus
from tests.harness.victims import MIDDLE_SECONDS, held, kill, nodes_of

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

BLOCKS, MERGES, EPOCHS = 4, 2, 8
REPLICAS = BLOCKS * BLOCKS // MERGES
"""Files of the context side per round: each task visits two of four column blocks."""

SECONDS = 300

TRAIN = ["--vector-size", "32", "--epochs", str(EPOCHS)]
TRAIN += ["--schedule", "averaging", "--syncs-per-epoch", str(MERGES)]


@pytest.fixture(scope="module")
def averaged_out(tmp_path_factory):
    """The output folder of a run with merges on local[2] that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed merges")
    corpus = write_corpus(folder / "corpus", tokens=100_000, words=4000, files=2)
    run = [*COMMAND, "run", "--master", "local[2]", "--input", corpus, "--output", folder / "out"]
    run += ["--min-count", "2", "--window-size", "30", "--num-blocks", str(BLOCKS), *TRAIN]
    code, output = finish(start(run), timeout=SECONDS)
    assert code == 0, output
    assert f"the averaging schedule, {MERGES} rounds and merges per epoch" in output
    return folder / "out"


def context_files(out, epoch):
    """Count the files of the context side in an unfinished epoch."""
    return len(list(out.glob(f".model.*.tmp/epoch-{epoch:04d}/.W_tilde-*")))


def merges_begun(log):
    """Count the merges that started, from the event log of a running application."""
    lines = log.read_text("utf-8").splitlines()
    return sum('"SparkListenerJobStart"' in line and ', merge"' in line for line in lines)


def failed_tasks_of_merges(cluster, before):
    """List the failed tasks of merges, from the event log of an ended application."""
    events = events_of(cluster, before)
    merges = {
        stage
        for event in events
        if event["Event"] == "SparkListenerJobStart"
        and event["Properties"].get("spark.job.description", "").endswith(", merge")
        for stage in event["Stage IDs"]
    }
    return [
        event
        for event in events
        if event["Event"] == "SparkListenerTaskEnd"
        and event["Stage ID"] in merges
        and event["Task End Reason"]["Reason"] != "Success"
    ]


def kill_in_a_merge(cluster, log, out, process):
    """Kill an executor whose Python worker is stopped in the middle of a merge."""
    for epoch in range(2, EPOCHS + 1):
        wait_for(process, lambda epoch=epoch: context_files(out, epoch) >= REPLICAS, pause=0.005)
        node, begun = nodes_of(cluster)[0], merges_begun(log)
        with held(node.python_workers):
            # if it was stopped before it returned its last result, there is no merge to wait for
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                if merges_begun(log) > begun:
                    time.sleep(MIDDLE_SECONDS)
                    return kill(node, "executor")
    return 0


def test_a_kill_in_a_merge_and_a_stop_between_merges(cluster, submit, averaged_out, tmp_path):
    out, events = tmp_path / "out", cluster.shared / "events"
    before = set(events.iterdir()) if events.exists() else set()
    arguments = ["train", "--output", out, "--reuse", averaged_out, *TRAIN]
    process = submit(*arguments)
    (log,) = wait_for(process, lambda: events.exists() and set(events.iterdir()) - before)
    assert kill_in_a_merge(cluster, log, out, process) == 1
    done = len(list(out.glob(".model.*.tmp/epoch-*.json")))
    # the first merge of an epoch has written its blocks next to the replicas, the second has not
    wait_for(process, lambda: context_files(out, done + 1) >= REPLICAS + BLOCKS, pause=0.005)
    process.kill()
    code, output = finish(process, timeout=SECONDS)
    assert code == -9, output
    assert failed_tasks_of_merges(cluster, before)
    cluster.wait_for_workers()
    code, output = finish(submit(*arguments), timeout=SECONDS)
    assert code == 0, output
    assert "train: resumes after epoch" in output
    assert results(out, ["model"]) == results(averaged_out, ["model"])
