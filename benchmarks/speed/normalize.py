"""Measure the cost of `--normalize` for tokenize, as ratios within one session.

    GLOVE_SPARK_DATA=... python -m benchmarks.speed.normalize

The books on politics are tokenized by `words` with each normal form, alternating; the first turn is
not measured. The seconds are the processor time of the JVM, in which this tokenizer runs, so the
load of the machine hardly changes them. The record, normalize.jsonl, has the median of each and its
ratio to none.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from benchmarks.quality.scores import reference_data
from benchmarks.records.record import HERE, append_record, provenance
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.spark.session import open_session
from glove_spark.stages.stage import run_stage
from glove_spark.stages.tokenize import TOKENS
from glove_spark.store.dataset import claim_folder
from glove_spark.store.location import Location

FORMS = ("none", "nfc", "nfkc")


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--record", default=str(HERE / "normalize.jsonl"))
    given = parser.parse_args()
    books = sorted((reference_data() / "data" / "political").glob("*.txt.gz"))
    spark = open_session("local[2]", app_name="benchmarks.speed.normalize")
    assert spark._jvm is not None, "the session is of this process"
    java = int(spark._jvm.java.lang.ProcessHandle.current().pid())
    seconds: dict[str, list[float]] = {form: [] for form in FORMS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(given.turns + 1):
            for form in FORMS:
                root = Location.of(Path(folder, f"{form}-{turn}"))
                claim_folder(root)
                options = TokenizeSettings(input=tuple(map(str, books)), normalize=form)
                before = cpu_seconds(java)
                run_stage(TOKENS, spark, options, root)
                if turn:
                    seconds[form].append(cpu_seconds(java) - before)
    medians = {form: statistics.median(some) for form, some in seconds.items()}
    record = provenance() | {
        "what": "normalize",
        "cpu_seconds": {form: round(value, 2) for form, value in medians.items()},
        "ratios": {form: round(value / medians["none"], 3) for form, value in medians.items()},
    }
    print(record)
    append_record(given.record, record)


def cpu_seconds(process: int) -> float:
    """Return the processor time of a process, from Linux."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
