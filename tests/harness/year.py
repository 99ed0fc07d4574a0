"""A year of daily batches, some late, repeated, empty or damaged, with a crash every week.

    python -m tests.harness.year --days 365 --seed 1

A separate process adds batch after batch to one output folder. Once a week it is killed with
SIGKILL at a random moment, and started again. At the end, the matrix must equal that of counting
everything at once, bit for bit, and an update must not be slower than the growth of the folder
explains: the seconds of the first and of the last weeks are recorded.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records.record import HERE, append_record, provenance
from glove_spark.datasets.ledger import Ledger
from glove_spark.datasets.matrix_parts import iterate_matrix
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location

WORDS = [f"word{number}" for number in range(2000)]
TOKENS_A_DAY = 5000
OPTIONS = ["--min-count", "1", "--window-size", "5", "--master", "local[2]"]


def make_text(folder: Path, days: list[str], seed: int) -> None:
    """Write one file per day; the first contains every word, so the vocabulary is fixed."""
    rng = np.random.default_rng(seed)
    for number, day in enumerate(days):
        tokens = np.array(WORDS)[rng.zipf(1.2, TOKENS_A_DAY) % len(WORDS)]
        lines = [" ".join(line) for line in np.array_split(tokens, TOKENS_A_DAY // 25)]
        first = [" ".join(WORDS)] if number == 0 else []
        (folder / f"{day}.txt").write_text("\n".join([*first, *lines]) + "\n")


def plan(days: list[str], seed: int) -> list[dict[str, Any]]:
    """Return the steps in order: most days in time, some late, repeated, empty or damaged."""
    chance = random.Random(seed)
    steps: list[dict[str, Any]] = []
    late: list[str] = []
    for number, day in enumerate(days):
        kind = (
            "in time"
            if number == 0
            else chance.choices(["in time", "late", "twice", "empty", "broken"], [85, 5, 4, 3, 3])[
                0
            ]
        )
        if kind == "late":
            late.append(day)
            continue
        if kind == "broken":
            # the first file cannot be read; it is sent again
            steps.append({"day": day, "do": "broken"})
        steps.append({"day": day, "do": "empty" if kind == "empty" else "add"})
        if kind == "twice":
            steps.append({"day": day, "do": "again"})
        if late and chance.random() < 0.3:
            steps.append({"day": late.pop(0), "do": "add"})
    steps += [{"day": day, "do": "add"} for day in late]
    return steps


def work(root: Path, texts: Path, steps: Path, log: Path) -> None:
    """Do the remaining steps in one session; this process is killed."""
    from glove_spark.cli import main
    from glove_spark.spark.session import open_session

    open_session("local[2]")
    done = len(log.read_text().splitlines()) if log.exists() else 0
    for step in json.loads(steps.read_text())[done:]:
        day = step["day"]
        source = texts / f"{day}.txt"
        if step["do"] == "empty":
            source = texts / f"{day}.empty"
            source.write_text("\n")
        if step["do"] == "broken":
            source = texts / f"{day}.broken.gz"
            source.write_bytes(gzip.compress((texts / f"{day}.txt").read_bytes())[:-40])
        skip = [] if step["do"] == "again" else ["--skip-existing"]
        started = time.perf_counter()
        batch = ["--input", str(source), "--output", str(root), "--batch", day]
        code = main(["update", "-qq", *batch, *OPTIONS, *skip])
        expected = {"broken": 3, "again": 5}.get(step["do"], 0)
        if code != expected:
            sys.exit(f"{step} ended with {code}, not {expected}")
        with log.open("a") as sink:
            sink.write(json.dumps({**step, "seconds": time.perf_counter() - started}) + "\n")


def simulate(days: int, seed: int, folder: Path) -> dict[str, Any]:
    """Run the year and compare; return the record."""
    names = [(date(2026, 1, 1) + timedelta(number)).isoformat() for number in range(days)]
    texts, root = folder / "texts", folder / "out"
    texts.mkdir()
    make_text(texts, names, seed)
    todo = plan(names, seed)
    steps, log = folder / "steps.json", folder / "log.jsonl"
    steps.write_text(json.dumps(todo))
    chance, kills = random.Random(seed + 1), 0
    next_kill = chance.randrange(1, 8)
    while True:
        paths = map(str, (root, texts, steps, log))
        process = subprocess.Popen([sys.executable, "-m", "tests.harness.year", "--work", *paths])
        while process.poll() is None:
            done = len(log.read_text().splitlines()) if log.exists() else 0
            if done >= next_kill and done < len(todo):
                time.sleep(chance.random() * 2)
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                next_kill = done + 7
            time.sleep(0.05)
        if process.returncode == 0:
            break
        if process.returncode != -signal.SIGKILL:
            sys.exit(f"an update ended with {process.returncode}")
    logged = map(json.loads, log.read_text().splitlines())
    seconds = [line["seconds"] for line in logged if line["do"] == "add"]
    empty = {step["day"] for step in todo if step["do"] == "empty"}
    everything = folder / "everything"
    everything.mkdir()
    for day in names:
        if day not in empty:
            shutil.copy(texts / f"{day}.txt", everything)
    at_once = folder / "once"
    command = [sys.executable, "-m", "glove_spark.cli", "update", "-q", "--input", str(everything)]
    subprocess.run([*command, "--output", str(at_once), "--batch", "all", *OPTIONS], check=True)
    equal = by_words(root) == by_words(at_once)
    ledger = Ledger.of(open_dataset(Location.of(root) / "cooccurrence").facts)
    assert ledger is not None
    return {
        "days": days,
        "seed": seed,
        "steps": dict(Counter(step["do"] for step in todo)),
        "kills": kills,
        "batches": len(ledger.batches),
        "equal": equal,
        "seconds_first_30": round(float(np.median(seconds[1:31])), 2),
        "seconds_last_30": round(float(np.median(seconds[-30:])), 2),
    }


def by_words(root: Path) -> dict[tuple[str, str], float]:
    """Read the matrix as a dictionary of pairs of words."""
    from glove_spark.datasets.vocabulary import Vocabulary

    location = Location.of(root)
    words = Vocabulary.read(open_dataset(location / "vocabulary").location).words
    return {
        (words[row], words[col]): count
        for part in iterate_matrix(open_dataset(location / "cooccurrence"))
        for row, col, count in zip(*(column.tolist() for column in part), strict=True)
    }


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", nargs=4, metavar="PATH", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*map(Path, given.work))
        return 0
    with tempfile.TemporaryDirectory(prefix="year-") as folder:
        record = simulate(given.days, given.seed, Path(folder))
    append_record(HERE / "year.jsonl", provenance() | record)
    print(json.dumps(record, indent=2))
    return 0 if record["equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
