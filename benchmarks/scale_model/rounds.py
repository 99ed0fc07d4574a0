"""Measure the cost of rounds, tasks and merges on a cluster of processes on this machine.

    python -m benchmarks.scale_model.rounds --run RUN --tasks 2 64 --schedules stratified averaging

trains on the blocks of RUN, on a standalone cluster of a master and two workers of one core, with
at most the given number of Spark tasks per round (``spark.default.parallelism``), and reads Spark's
event log. The overhead of a round or merge is the time of its job, minus the time of its tasks
divided by two cores. Medians of all but the first epoch are appended to records/rounds.jsonl, with
the predictions of the model in docs/SCALE.md for the same jobs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.records.record import HERE, Record, append_record, provenance
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from tests.harness.standalone import PROJECT, WORKERS, StandaloneCluster

CORES = len(WORKERS)


def main() -> None:
    """Train with every schedule and number of tasks; print and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="an output folder with blocks")
    parser.add_argument("--tasks", type=int, nargs="+", default=[CORES])
    parser.add_argument("--schedules", nargs="+", default=["stratified", "averaging"])
    parser.add_argument("--row-tasks", type=int, default=1)
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--record", type=Path, default=HERE / "rounds.jsonl")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with StandaloneCluster(folder / "cluster") as cluster:
            for schedule in given.schedules:
                for tasks in given.tasks:
                    record = provenance() | measure(cluster, folder, given, schedule, tasks)
                    append_record(given.record, record)
                    print(json.dumps({name: record[name] for name in list(record)[4:]}), flush=True)
                    cluster.wait_for_workers()


def measure(
    cluster: StandaloneCluster,
    folder: Path,
    given: argparse.Namespace,
    schedule: str,
    tasks: int,
) -> Record:
    """Train once; return the medians of rounds and merges."""
    out, events = folder / f"{schedule}-{tasks}", cluster.shared / "events"
    before = set(events.iterdir()) if events.exists() else set()
    options = {
        "--output": out,
        "--reuse": given.run,
        "--schedule": schedule,
        "--vector-size": given.vector_size,
        "--epochs": given.epochs,
    }
    if schedule == "averaging":
        options["--row-tasks"] = given.row_tasks
    words = [str(word) for pair in options.items() for word in pair]
    for setting in (
        f"spark.executorEnv.PYTHONPATH={PROJECT}",
        f"spark.default.parallelism={tasks}",
        # an executor that waits for the busy machine is not a failure here
        "spark.network.timeout=60s",
    ):
        words += ["--spark-conf", setting]
    command = cluster.command("submit", "train", *words)
    subprocess.run(command, env=cluster.environment("submit"), cwd=PROJECT, check=True)
    facts = open_dataset(Location.of(out / "model")).facts
    (log,) = set(events.iterdir()) - before
    jobs = jobs_of([json.loads(line) for line in log.read_text("utf-8").splitlines()])
    return {
        "kind": "rounds",
        "schedule": schedule,
        "num_blocks": facts["num_blocks"],
        "rounds": facts["rounds"],
        "row_tasks": given.row_tasks if schedule == "averaging" else 1,
        "spark_tasks": tasks,
        "vector_size": given.vector_size,
        "round": summary(job for job in jobs if not job["merge"]),
        "merge": summary(job for job in jobs if job["merge"]),
    }


def jobs_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List the jobs of all epochs except the first: seconds, tasks, and seconds of the tasks."""
    jobs: dict[int, dict[str, Any]] = {}
    job_of_stage: dict[int, int] = {}
    ran: dict[int, list[float]] = defaultdict(list)
    for event in events:
        if event["Event"] == "SparkListenerJobStart":
            words = (event.get("Properties") or {}).get("spark.job.description") or ""
            if ": epoch " in words and "epoch 1/" not in words and ", round " in words:
                jobs[event["Job ID"]] = {
                    "start": event["Submission Time"],
                    "merge": words.endswith(", merge"),
                }
                job_of_stage |= dict.fromkeys(event["Stage IDs"], event["Job ID"])
        elif event["Event"] == "SparkListenerJobEnd" and event["Job ID"] in jobs:
            job = jobs[event["Job ID"]]
            job["seconds"] = (event["Completion Time"] - job["start"]) / 1e3
        elif event["Event"] == "SparkListenerTaskEnd" and event["Stage ID"] in job_of_stage:
            metrics = event.get("Task Metrics") or {}
            ran[job_of_stage[event["Stage ID"]]].append(metrics.get("Executor Run Time", 0) / 1e3)
    return [
        job | {"tasks": len(ran[number]), "ran": sum(ran[number])} for number, job in jobs.items()
    ]


def summary(jobs: Any) -> dict[str, float] | None:
    """Return medians of jobs: seconds, tasks, seconds of the tasks, and overhead."""
    found = list(jobs)
    if not found:
        return None
    return {
        "jobs": len(found),
        "tasks": median(job["tasks"] for job in found),
        "seconds": round(median(job["seconds"] for job in found), 4),
        "tasks_ran_seconds": round(median(job["ran"] for job in found), 4),
        "seconds_beside": round(median(job["seconds"] - job["ran"] / CORES for job in found), 4),
    }


if __name__ == "__main__":
    main()
