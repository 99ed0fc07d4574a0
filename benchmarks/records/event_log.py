"""Read tasks and shuffled bytes of a run, by stage, from Spark's event log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glove_spark.settings.config import STAGE_COMMANDS


def event_log_options(folder: Path) -> list[str]:
    """Return the options of `glove-spark run` that write the log as one plain file."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"enabled": "true", "dir": folder.as_uri(), "compress": "false"}
    settings["rolling.enabled"] = "false"
    return [
        word
        for name, value in settings.items()
        for word in ("--spark-conf", f"spark.eventLog.{name}={value}")
    ]


def spark_work(log: Path) -> dict[str, dict[str, int]]:
    """Sum tasks, jobs and shuffle bytes written, by stage.

    The description of a job begins with the name of the stage; other jobs are omitted.
    """
    found = {name: {"jobs": 0, "tasks": 0, "shuffle_bytes": 0} for name in STAGE_COMMANDS}
    stage_of: dict[int, str] = {}
    for line in log.read_text("utf-8").splitlines():
        event: dict[str, Any] = json.loads(line)
        if event["Event"] == "SparkListenerJobStart":
            description = (event.get("Properties") or {}).get("spark.job.description") or ""
            name = description.split(":")[0]
            if name in found:
                found[name]["jobs"] += 1
                stage_of |= dict.fromkeys(event["Stage IDs"], name)
        elif event["Event"] == "SparkListenerTaskEnd" and event["Stage ID"] in stage_of:
            sums = found[stage_of[event["Stage ID"]]]
            written = (event.get("Task Metrics") or {}).get("Shuffle Write Metrics") or {}
            sums["tasks"] += 1
            sums["shuffle_bytes"] += written.get("Shuffle Bytes Written", 0)
    return found
