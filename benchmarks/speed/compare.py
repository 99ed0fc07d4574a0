"""Compare glove_spark with any other command, alternating, on one corpus in one session.

A shell runs the command with these environment variables:

    CORPUS   a plain-text file, one document per line, tokens separated by white space
    OUTPUT   the file for its vectors as GloVe text: a word and its numbers per line

glove_spark reads the same file and starts from an empty folder each time. The time is that of the
whole process, from start to end. If a program writes a JSON object to `$OUTPUT.json`, for example
with times of its stages, the record contains it as `details`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.quality.scores import scores_of
from benchmarks.records.record import Record, append_record, provenance
from benchmarks.records.runs import run_record, timed
from benchmarks.scale_model.sample import read_documents, write_documents
from glove_spark.vectors.word_vectors import WordVectors

OURS, THEIRS = "glove_spark", "compared"


def compare(
    data: Path, folder: Path, options: dict[str, object], given: argparse.Namespace
) -> list[Record]:
    """Run both programs `given.repeat` times, alternating; append and return the records."""
    corpus = write_documents(read_documents(given.input), folder / "corpus.txt")
    programs: dict[str, Callable[[], Record]] = {
        OURS: lambda: run_ours(corpus, folder / "ours", options, given.extra, data),
        THEIRS: lambda: run_theirs(given.compare_with, corpus, folder / "theirs.txt", data),
    }
    records = []
    for turn in range(1, given.repeat + 1):
        for program, measured in programs.items():
            record = provenance() | {"program": program, "turn": turn} | measured()
            append_record(given.record, record)
            records.append(record)
            print(f"turn {turn}, {program}: {record['wall_seconds']} s", flush=True)
    return records


def details_file(output: Path) -> Path:
    """Return where a program writes the details of making `output`."""
    return output.with_name(output.name + ".json")


def write_details(output: Path, options: argparse.Namespace, **seconds: float) -> None:
    """Write and print the options of a compared program and the seconds of its parts."""
    rounded = {part: round(value, 1) for part, value in seconds.items()}
    details = {"options": vars(options), "seconds": rounded}
    details_file(output).write_text(json.dumps(details), encoding="utf-8")
    print(rounded)


def run_ours(
    corpus: Path, out: Path, options: dict[str, object], extra: list[str], data: Path
) -> Record:
    """Run `glove-spark run` from an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    record = run_record(corpus, out, options, [*extra, "--tokenizer", "whitespace"])
    return record | {"scores": scores_of(WordVectors.load(str(out)), data)}


def run_theirs(command: str, corpus: Path, output: Path, data: Path) -> Record:
    """Run the other program and read its output."""
    details = details_file(output)
    for file in (output, details):
        file.unlink(missing_ok=True)
    places = {"CORPUS": str(corpus), "OUTPUT": str(output)}
    seconds, memory = timed(command, environment={**os.environ, **places})
    if not output.exists():
        raise SystemExit(f"{command!r} wrote no vectors to $OUTPUT")
    return {
        "command": command,
        "wall_seconds": round(seconds, 1),
        "peak_mib": memory.peaks,
        "peak_private_mib": memory.private,
        "peak_together_mib": memory.together,
        "details": json.loads(details.read_text("utf-8")) if details.exists() else {},
        "scores": scores_of(WordVectors.load(str(output)), data),
    }


def comparison_table(records: list[Record]) -> list[str]:
    """Return the comparison: one line per run, then the medians and their ratio, theirs to ours."""
    tests = list(records[0]["scores"])
    lines = [
        f"{'program':14}{'turn':>5}{'seconds':>9}{'MiB':>8}" + "".join(f"{t:>10}" for t in tests)
    ]
    for record in records:
        lines.append(
            _row(record["program"], record["turn"], _numbers(record), record["scores"].values())
        )
    medians = {}
    for program in (OURS, THEIRS):
        runs = [record for record in records if record["program"] == program]
        medians[program] = [median(_numbers(run)[k] for run in runs) for k in range(2)]
        lines.append(_row(program, "med", medians[program], ()))
    ratios = [theirs / ours for ours, theirs in zip(*medians.values(), strict=True)]
    lines.append(f"{'ratio':14}{'':5}{ratios[0]:>9.2f}{ratios[1]:>8.2f}   compared / glove_spark")
    return lines


def show_comparison(records: list[Record]) -> None:
    """Print the table."""
    print("\n".join(comparison_table(records)))


def _numbers(record: Record) -> list[float]:
    return [record["wall_seconds"], record["peak_together_mib"]]


def _row(program: str, turn: object, numbers: list[float], scores: object) -> str:
    values = "".join(f"{score['value']:>10.2f}" for score in scores)  # type: ignore[attr-defined]
    return f"{program:14}{turn:>5}{numbers[0]:>9.1f}{numbers[1]:>8.0f}{values}"
