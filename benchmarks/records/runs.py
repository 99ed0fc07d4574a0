"""Run commands as separate processes: wall time, peak memory, and output."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records.memory import PeakMemory
from benchmarks.records.record import Record
from glove_spark.spark.class_archive import archive_options

DATASETS = ("tokens", "vocabulary", "cooccurrence", "blocks", "model", "vectors", "vectors.txt")


def timed(
    command: str | Sequence[str], *, environment: Mapping[str, str] | None = None
) -> tuple[float, PeakMemory]:
    """Run a command, a string with the shell; return its wall seconds and its memory.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    started = time.perf_counter()
    with PeakMemory() as memory:
        subprocess.run(command, shell=isinstance(command, str), env=environment, check=True)
    return time.perf_counter() - started, memory


def run_command(
    source: Path, out: Path, options: Mapping[str, object], extra: Sequence[str] = ()
) -> list[str]:
    """Return the command `glove-spark run` with this interpreter."""
    command = [sys.executable, "-m", "glove_spark.cli", "run", "-q"]
    command += ["--input", str(source), "--output", str(out), *extra]
    return command + [str(word) for option in options.items() for word in option]


def run_record(
    source: Path, out: Path, options: Mapping[str, object], extra: Sequence[str] = ()
) -> Record:
    """Run `glove-spark run` and collect facts from its manifests.

    `stages` of the record has the seconds of the stages that ran: of all stages, if `out` was
    empty.
    """
    before = {name: manifest(out, name).get("created") for name in DATASETS}
    seconds, memory = timed(run_command(source, out, options, extra))
    made = {name: manifest(out, name) for name in DATASETS}
    training, matrix = made["model"]["facts"], made["cooccurrence"]["facts"]
    return {
        "options": {name.strip("-"): value for name, value in options.items()},
        "extra": list(extra),
        "java_archive": bool(archive_options()),
        "wall_seconds": round(seconds, 1),
        "stages": {
            name: made[name]["timings"]["total"]
            for name in DATASETS
            if made[name]["created"] != before[name]
        },
        "epoch_seconds": training["epoch_seconds"],
        "peak_mib": memory.peaks,
        "peak_private_mib": memory.private,
        "peak_together_mib": memory.together,
        "bytes": {
            name: sum(file["bytes"] for file in made[name]["files"].values()) for name in DATASETS
        },
        "files": {name: len(made[name]["files"]) for name in DATASETS},
        "tokens": made["tokens"]["facts"]["tokens"],
        "tokens_in_vocabulary": matrix["tokens_in_vocabulary"],
        "distinct_words": made["vocabulary"]["facts"]["distinct_words"],
        "vocabulary_size": matrix["vocabulary_size"],
        "pairs": matrix["pairs"],
        "nnz": matrix["nnz"],
        "nnz_stored": matrix["nnz_stored"],
        "batches": made["blocks"]["facts"]["batches"],
        "nonzeros_per_second": training["nonzeros_per_second"],
        "cost": round(training["cost"], 5),
    }


def manifest(out: Path, name: str) -> dict[str, Any]:
    """Read the manifest of a dataset; empty if there is none."""
    file = out / f"{name}.manifest.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}
