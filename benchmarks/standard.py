"""The standard benchmark: text to vectors on the Wikipedia corpus, time and quality.

    GLOVE_SPARK_DATA=... python -m benchmarks.standard --blocks 2 8 32 --seeds 1 2 3

runs, for every combination, the command

    glove-spark run --input DATA/wiki --output WORK --window-size 15 --min-count 5 --x-max 10
        --vector-size 50 --epochs 5 --num-blocks P --seed S --master local[2]

as a process of its own, scores the vectors, prints a table and appends one JSON
record a run to benchmarks/results.jsonl. Runs share WORK, so a run after the first
repeats only the stages whose options differ; `stages` of the record has what ran.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from statistics import mean

from benchmarks.memory import PeakMemory
from glove_spark.evaluation import (
    read_analogies,
    read_similarities,
    score_analogies,
    score_similarity,
)
from glove_spark.manifest import software_versions
from glove_spark.word_vectors import WordVectors

SIMILARITY = {"MEN": "EN-MEN-TR-3k", "WS353": "EN-WS-353-ALL", "SimLex": "EN-SIMLEX-999"}
DATASETS = ("tokens", "vocabulary", "cooccurrence", "blocks", "model", "vectors", "vectors.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, nargs="+", default=[2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--work", help="folder to keep; default: a temporary one")
    parser.add_argument("--record", default=str(Path(__file__).parent / "results.jsonl"))
    parser.add_argument("extra", nargs="*", help="more options of run, after --")
    given = parser.parse_args()
    data = os.environ.get("GLOVE_SPARK_DATA")
    if not data:
        sys.exit("GLOVE_SPARK_DATA is not set: it names the folder of the reference data")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(given.work or temporary)
        for blocks in given.blocks:
            records = [
                measure(Path(data), work / "out", blocks, seed, given) for seed in given.seeds
            ]
            show(blocks, records)


def measure(data: Path, out: Path, blocks: int, seed: int, given: argparse.Namespace) -> dict:
    """Run the command once, score its vectors and append the record."""
    options = {
        "--window-size": 15,
        "--min-count": 5,
        "--x-max": 10,
        "--vector-size": given.vector_size,
        "--epochs": given.epochs,
        "--num-blocks": blocks,
        "--seed": seed,
        "--master": given.master,
    }
    command = [sys.executable, "-m", "glove_spark.cli", "run", "-q"]
    command += ["--input", str(data / "data" / "wiki"), "--output", str(out), *given.extra]
    command += [str(word) for option in options.items() for word in option]
    before = {name: manifest(out, name).get("created") for name in DATASETS}
    started = time.time()
    with PeakMemory() as memory:
        subprocess.run(command, check=True)
    seconds = time.time() - started
    made = {name: manifest(out, name) for name in DATASETS}
    training = made["model"]["facts"]
    vectors = WordVectors.load(str(out))
    scores = {
        name: score
        for name, score in score_analogies(
            vectors, read_analogies(data / "eval" / "analogy")
        ).items()
        if name in ("total", "semantic", "syntactic")
    }
    for name, file in SIMILARITY.items():
        pairs = read_similarities(data / "eval" / "similarity" / f"{file}.txt")
        scores[name] = score_similarity(vectors, pairs)
    record = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--short") else ""),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "software": software_versions(),
        "options": {name.strip("-"): value for name, value in options.items()},
        "extra": given.extra,
        "wall_seconds": round(seconds, 1),
        "stages": {
            name: made[name]["timings"]["total"]
            for name in DATASETS
            if made[name]["created"] != before[name]
        },
        "peak_mib": memory.peaks,
        "peak_private_mib": memory.private,
        "bytes": {name: sum(made[name]["files"].values()) for name in DATASETS},
        "nnz": training["nnz"] if "nnz" in training else made["blocks"]["facts"]["nnz"],
        "nonzeros_per_second": training["nonzeros_per_second"],
        "cost": round(training["cost"], 5),
        "scores": {
            name: {"value": round(s.value, 2), "covered": s.covered, "total": s.total}
            for name, s in scores.items()
        },
    }
    with open(given.record, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    return record


def show(blocks: int, records: list[dict]) -> None:
    """Print the runs of one number of blocks, and their mean."""
    names = list(records[0]["scores"])
    print(
        f"P={blocks:<3} seed  {'seconds':>8} {'Mnnz/s':>7} {'cost':>7} ",
        *[f"{n:>9}" for n in names],
    )
    for record in records:
        speed = mean(record["nonzeros_per_second"]) / 1e6
        print(
            f"{record['options']['seed']:>10}  {record['wall_seconds']:>8} {speed:>7.1f} "
            f"{record['cost']:>7.4f} ",
            *[f"{record['scores'][name]['value']:>9.2f}" for name in names],
        )
    print(
        f"{'mean':>10}  {'':>24} ",
        *[f"{mean(r['scores'][name]['value'] for r in records):>9.2f}" for name in names],
        flush=True,
    )


def manifest(out: Path, name: str) -> dict:
    """Read a dataset's manifest; empty where there is none."""
    file = out / f"{name}.manifest.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def git(*arguments: str) -> str:
    """Ask git about this checkout."""
    answer = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, cwd=Path(__file__).parent, check=False
    )
    return answer.stdout.strip()


def processor() -> str:
    """Name the processor as Linux does, or as Python knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?"
    )


if __name__ == "__main__":
    main()
