"""Do the vectors follow: a warm start of a few epochs beside a training from scratch.

    GLOVE_SPARK_DATA=... python -m benchmarks.quality.follow --seeds 1 2

cuts DATA/wiki into ten batches of documents, every tenth line one (articles are sorted, so a slice
would be of other subjects), adds nine of them by `glove-spark update` and trains a base on their
counts. Then it adds the tenth, and trains on the counts of all ten

    glove-spark train --warm-start BASE --epochs 3 --learning-rate .1 --final-learning-rate .02

and, from scratch, 15 epochs with the default learning rates. All are scored; the drift of both from
the base is measured. Prints a table and appends a JSON record per seed to records/follow.jsonl.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.quality.scores import reference_data, scores_of
from benchmarks.records.record import HERE, Record, append_record, provenance
from benchmarks.records.runs import manifest
from glove_spark.vectors.drift import counts_beside, measure_drift
from glove_spark.vectors.word_vectors import WordVectors

BATCHES = 10
COUNTING = {"--window-size": 15, "--min-count": 5}
TRAINING = {"--vector-size": 50, "--x-max": 10}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--base-epochs", type=int, nargs="+", default=[5, 15])
    parser.add_argument("--scratch-epochs", type=int, default=15)
    parser.add_argument("--warm-epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--final-learning-rate", type=float, default=0.02)
    parser.add_argument("--new-words", nargs="+", default=["random", "average"])
    parser.add_argument("--num-blocks", type=int, default=2)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--record", default=str(HERE / "follow.jsonl"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measure(reference_data(), Path(temporary), given)


def measure(data: Path, work: Path, given: argparse.Namespace) -> None:
    """Run everything in ``work``."""
    texts, counts = cut(data / "data" / "wiki", work), work / "counts"
    add(texts[0], counts, "first-nine", given)
    blocks = {"--num-blocks": given.num_blocks, "--master": given.master}
    run("blocks", counts, blocks)
    for seed in given.seeds:
        for epochs in given.base_epochs:
            train(work / f"base-{epochs}-{seed}", counts, seed, epochs, given)
    add(texts[1], counts, "tenth", given)
    run("blocks", counts, blocks, "--overwrite")
    for seed in given.seeds:
        scratch = f"scratch-{given.scratch_epochs}-{seed}"
        models = {name: work / name for name in (*bases(given, seed), scratch)}
        train(models[scratch], counts, seed, given.scratch_epochs, given)
        starts = {scratch: max(bases(given, seed), key=lambda base: int(base.split("-")[1]))}
        for base in bases(given, seed):
            for choice in given.new_words:
                name = f"warm-{choice}-{base}"
                models[name], starts[name] = work / name, base
                warm = {
                    "--warm-start": models[base],
                    "--new-words": choice,
                    "--learning-rate": given.learning_rate,
                    "--final-learning-rate": given.final_learning_rate,
                }
                train(models[name], counts, seed, given.warm_epochs, given, warm)
        options = {name: value for name, value in vars(given).items() if name != "record"}
        record = provenance() | {"options": options, "seed": seed}
        record["models"] = {name: facts_of(model, data) for name, model in models.items()}
        record["drift"] = {
            name: drift_of(models[start], models[name], counts) for name, start in starts.items()
        }
        append_record(given.record, record)
        show(record)


def bases(given: argparse.Namespace, seed: int) -> list[str]:
    """Name the models of the nine batches."""
    return [f"base-{epochs}-{seed}" for epochs in given.base_epochs]


def cut(corpus: Path, work: Path) -> list[Path]:
    """Deal the lines to two files: nine batches, and the tenth."""
    files = [work / "first-nine.txt", work / "tenth.txt"]
    with open(files[0], "wb") as first, open(files[1], "wb") as last:
        number = 0
        for part in sorted(corpus.glob("*.txt.gz")):
            with gzip.open(part) as lines:
                for line in lines:
                    (last if number % BATCHES == BATCHES - 1 else first).write(line)
                    number += 1
    return files


def run(command: str, output: Path, options: dict[str, Any], *flags: str) -> float:
    """Run one command; return its wall seconds."""
    words = [str(word) for option in options.items() for word in option]
    started = time.perf_counter()
    program = [sys.executable, "-m", "glove_spark.cli", command, "-q", "--output", str(output)]
    subprocess.run([*program, *words, *flags], check=True)
    return time.perf_counter() - started


def add(text: Path, counts: Path, name: str, given: argparse.Namespace) -> None:
    """Add a batch."""
    options = {"--input": text, "--batch": name, "--master": given.master, **COUNTING}
    seconds = run("update", counts, options)
    print(f"batch {name} added in {seconds:.1f} s", flush=True)


def train(
    output: Path,
    counts: Path,
    seed: int,
    epochs: int,
    given: argparse.Namespace,
    more: dict[str, Any] | None = None,
) -> None:
    """Train a model on the counts as they are now."""
    options = {"--reuse": counts, "--epochs": epochs, "--seed": seed, "--master": given.master}
    run("train", output, {**options, **TRAINING, **(more or {})})


def facts_of(model: Path, data: Path) -> Record:
    """Say what a model cost, took and scores."""
    facts = manifest(model, "model")["facts"]
    return {
        "words": facts["vocabulary_size"],
        "known_words": facts["known_words"],
        "costs": [round(cost, 5) for cost in facts["costs"]],
        "epoch_seconds": [round(seconds, 2) for seconds in facts["epoch_seconds"]],
        "scores": scores_of(WordVectors.load(str(model), side="sum"), data),
    }


def drift_of(old: Path, new: Path, counts: Path) -> Record:
    """Say how far a model's vectors are from those it follows."""
    before, after = (WordVectors.load(str(folder), side="sum") for folder in (old, new))
    found = measure_drift(before, after, counts_beside(str(counts), after.words))
    names = [word.word for word in found.moved[:5]]
    return {"mean": found.mean, "weighted_mean": found.weighted_mean, "moved": names}


def show(record: Record) -> None:
    """Print the table of a seed."""
    tests = list(next(iter(record["models"].values()))["scores"])
    print(f"{'':28}{'cost':>8}{'seconds':>8}", *(f"{test:>9}" for test in tests), f"{'drift':>8}")
    for name, model in record["models"].items():
        moved = record["drift"].get(name)
        print(
            f"{name:28}{model['costs'][-1]:8.4f}{sum(model['epoch_seconds']):8.1f}",
            *(f"{model['scores'][test]['value']:9.2f}" for test in tests),
            f"{moved['weighted_mean']:8.3f}" if moved else "",
        )
    names = list(record["models"])
    for name in (names[0], names[-1]):
        scores = record["models"][name]["scores"]
        covered = [f"{test} {s['covered']}/{s['total']}" for test, s in scores.items()]
        print(f"{name}: {', '.join(covered)}", flush=True)


if __name__ == "__main__":
    main()
