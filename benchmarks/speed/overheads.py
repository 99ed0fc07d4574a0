"""Costs that a small corpus does not show, measured separately for `benchmarks.scale_model.scale`.

    python -m benchmarks.speed.overheads --cores 2

prints them as one JSON object; `benchmarks.scale_model.sweep` keeps it with its records.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.records.record import Record
from glove_spark.kernels.counting.runs import Run, merge_two
from glove_spark.spark.session import describe, open_session
from glove_spark.store.location import Location

REPEATS = 9

SPARK_TASKS = 200

MERGED_NONZEROS = 2_000_000
MERGED_ROWS = 20_000

DELETED_FILES = 500


def measure_overheads(cores: int) -> Record:
    """Measure all of them, in seconds."""
    return {
        "cores": cores,
        **spark_seconds(cores),
        "seconds_a_merged_nonzero": merge_seconds(),
        "seconds_a_deleted_file": deletion_seconds(),
    }


def spark_seconds(cores: int) -> dict[str, float]:
    """Time empty tasks: a job of one Python task, each further task, and a task without Python."""
    spark = open_session(f"local[{cores}]")
    context = spark.sparkContext
    describe(spark, "empty tasks")
    one, many = (
        _median_seconds(lambda n=n: context.parallelize(range(n), n).map(int).collect())
        for n in (1, SPARK_TASKS)
    )
    # little more than the driver's work for a task
    plain = [
        _median_seconds(
            lambda n=n: spark.range(0, n, 1, n).write.format("noop").mode("overwrite").save()
        )
        for n in (1, SPARK_TASKS)
    ]
    spark.stop()
    return {
        "seconds_a_job": one,
        "seconds_a_task": (many - one) / (SPARK_TASKS - 1),
        "seconds_a_jvm_task": (plain[1] - plain[0]) / (SPARK_TASKS - 1),
    }


def merge_seconds() -> float:
    """Time the merge of two runs that share half of their nonzeros, per input nonzero."""
    rng = np.random.default_rng(1)
    per_row = MERGED_NONZEROS // MERGED_ROWS
    indptr = np.arange(MERGED_ROWS + 1, dtype=np.int64) * per_row
    runs = []
    for _ in range(2):
        # every row has half of twice as many columns, so two rows share a half of theirs
        columns = [rng.choice(2 * per_row, per_row, replace=False) for _ in range(MERGED_ROWS)]
        cols = np.sort(np.stack(columns), axis=1).ravel().astype(np.int32)
        runs.append(Run(indptr, cols, np.ones(MERGED_NONZEROS, np.int64)))
    return _median_seconds(lambda: merge_two(*runs)) / (2 * MERGED_NONZEROS)


def deletion_seconds() -> float:
    """Time deletions of small files on the local file system."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(DELETED_FILES):
            file = Location.of(Path(folder, f"{number}"))
            file.write_bytes(b"x")
            started = time.perf_counter()
            file.delete()
            times.append(time.perf_counter() - started)
    return median(times)


def _median_seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2)
    print(json.dumps(measure_overheads(parser.parse_args().cores)))
