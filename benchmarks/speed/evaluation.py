"""Time and memory of evaluation and of conversions, on random vectors.

    python -m benchmarks.speed.evaluation     # the analogies of Mikolov et al., V = 75,000
    python -m benchmarks.speed.evaluation --convert --words 2000000

The questions are those of GLOVE_SPARK_DATA, with vectors for all words; without it, the same number
of random questions with the same number of different words. The command runs in a separate process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from glove_spark.evaluation.questions import Analogy, read_analogies
from glove_spark.exchange.formats import FORMATS, convert
from glove_spark.exchange.source import CHUNK_ROWS, Chunk, SliceableSource

QUESTIONS = 19_544
QUESTION_WORDS = 905


class RandomSource(SliceableSource):
    """Normally distributed numbers, generated when they are read."""

    def __init__(self, words: list[str], vector_size: int) -> None:
        self.shown = "random vectors"
        self.num_words, self.vector_size = len(words), vector_size
        self._words = words

    def rows(self, start: int, stop: int) -> Iterator[Chunk]:
        """Generate a slice."""
        for first in range(start, stop, CHUNK_ROWS):
            last = min(first + CHUNK_ROWS, stop)
            rng = np.random.default_rng(first)
            rows = rng.standard_normal((last - first, self.vector_size), np.float32)
            yield Chunk(self._words[first:last], rows)


def main() -> None:
    """Run the measurements of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=75_000)
    parser.add_argument("--vector-size", type=int, default=300)
    parser.add_argument("--convert", action="store_true", help="conversions, not evaluation")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--work", help="a folder for the files; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        if given.convert:
            measure_conversions(Path(folder), given.words, given.vector_size, given.formats)
        else:
            measure_evaluation(Path(folder), given.words, given.vector_size)


def measure_evaluation(folder: Path, words: int, vector_size: int) -> None:
    """Score all questions with each kind of file."""
    questions = google_questions()
    asked = sorted({word for row in questions for word in row})
    source = RandomSource([*asked, *(f"w{k}" for k in range(words - len(asked)))], vector_size)
    (folder / "questions.txt").write_text("\n".join(" ".join(row) for row in questions), "utf-8")
    print(f"{len(questions):,} questions of {len(asked):,} words, V = {words:,}, d = {vector_size}")
    for suffix in (".npy", ".parquet", ".txt"):
        file = str(folder / f"vectors{suffix}")
        convert(source, file)
        arguments = ["evaluate", "--vectors", file, "--analogies", str(folder / "questions.txt")]
        answer = run(f"evaluate {suffix}", [*arguments, "--json"])
        total = json.loads(answer)["results"]["vectors"]["analogies"]["3cosadd"]["total"]
        if total["covered"] != len(questions):
            sys.exit(f"only {total['covered']} questions are covered")


def measure_conversions(folder: Path, words: int, vector_size: int, formats: list[str]) -> None:
    """Write each format from .npy, and .npy from each format."""
    matrix = str(folder / "vectors.npy")
    convert(RandomSource([f"w{k}" for k in range(words)], vector_size), matrix)
    print(
        f"V = {words:,}, d = {vector_size}: {Path(matrix).stat().st_size / 1e6:,.0f} MB of floats"
    )
    for name in formats:
        there = str(folder / f"there{FORMATS[name].suffix}")
        back = str(folder / "back.npy")
        run(f"npy to {name}", ["convert", matrix, there])
        run(f"{name} to npy", ["convert", there, back])
        if subprocess.run(["cmp", "-s", matrix, back]).returncode:
            sys.exit(f"{name} gives other floats back")
        for file in folder.glob("there*"):
            file.unlink()
        for file in folder.glob("back*"):
            file.unlink()


def google_questions() -> list[Analogy]:
    """Return the questions of Mikolov et al., or the same number of random ones."""
    data = os.environ.get("GLOVE_SPARK_DATA")
    if data:
        files = read_analogies(Path(data) / "eval" / "analogy")
        return [row for rows in files.values() for row in rows]
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, QUESTION_WORDS, (QUESTIONS, 4))
    return [(f"q{a}", f"q{b}", f"q{c}", f"q{d}") for a, b, c, d in drawn.tolist()]


def run(name: str, arguments: list[str]) -> str:
    """Run a command and print its wall time, processor time and peak memory."""
    code = (
        "import sys\n"
        "from glove_spark.cli import main\n"
        "failed = main(sys.argv[1:])\n"
        "peak = [line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line][0]\n"
        "print('peak', peak, file=sys.stderr)\n"
        "sys.exit(failed)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    wall = time.perf_counter() - started
    if found.returncode:
        sys.exit(found.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = int(found.stderr.split("peak ")[-1]) // 1024
    print(f"{name:28} {wall:7.1f} s  {processor:7.1f} s of processor  {peak:6,} MB", flush=True)
    return found.stdout


if __name__ == "__main__":
    main()
