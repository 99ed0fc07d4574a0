"""Sweep corpus size and cores: records, a table of costs and growth, and plots.

    GLOVE_SPARK_DATA=... python -m benchmarks.scale_model.sweep --repeat 3
    python -m benchmarks.scale_model.sweep --plot-only

A corpus of a given size is a random sample of whole documents of the standard corpus; smaller
samples are part of larger ones. Every run is `glove-spark run` on it, in a separate process, from
an empty folder. In addition to the grid of sizes and cores, the two smallest sizes are run with
larger vectors and with more blocks (--wide, --fine), from which `benchmarks.scale_model.scale` fits
these costs. All other runs are between two repeats of a run, so that a slow minute of the machine
does not affect all of them. Records are appended to benchmarks/records/sweep.jsonl; plots are
written to docs/images. Records of earlier sweeps are kept; the table, the plots and
`benchmarks.scale_model.scale` use the newest sweep.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.quality.scores import reference_data
from benchmarks.records.event_log import event_log_options, spark_work
from benchmarks.records.record import HERE, Record, append_record, provenance, read_records
from benchmarks.records.runs import run_record
from benchmarks.scale_model.growth import cost_table
from benchmarks.scale_model.plots import draw_plots
from benchmarks.scale_model.sample import nested_samples, read_documents, write_documents

RECORDS = HERE / "sweep.jsonl"
PLOTS = HERE.parents[1] / "docs" / "images"


def main() -> None:
    """Run the sweep, or only draw its records."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    million = 1_000_000
    parser.add_argument(
        "--sizes", type=float, nargs="+", default=[2, 4, 8, 16], help="millions of tokens"
    )
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the samples")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--num-blocks", type=int, default=2)
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--wide", type=int, default=300, help="the larger vectors")
    parser.add_argument("--fine", type=int, default=32, help="the larger number of blocks")
    parser.add_argument("--input", type=Path, help="a folder of .txt.gz; default: DATA/data/wiki")
    parser.add_argument("--record", type=Path, default=RECORDS)
    parser.add_argument("--plots", type=Path, default=PLOTS)
    parser.add_argument("--plot-only", action="store_true")
    given = parser.parse_args()
    given.sizes = [round(size * million) for size in sorted(given.sizes)]
    if not given.plot_only:
        sweep(given)
    records = last_sweep(read_records(given.record))
    print("\n".join(cost_table(records)))
    for file in draw_plots(records, given.plots):
        print(f"drawn: {file}")


def sweep(given: argparse.Namespace) -> None:
    """Run and record everything."""
    documents = list(read_documents(given.input or reference_data() / "data" / "wiki"))
    lengths = [len(document.split()) for document in documents]
    # one mark for all records of this sweep, to find them again
    common = {"sweep": time.time_ns(), "sample_seed": given.seed} | provenance()
    append_record(given.record, common | {"kind": "overheads"} | overheads(max(given.cores)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpora = {
            size: write_documents((documents[k] for k in chosen), folder / f"corpus-{size}.txt")
            for size, chosen in zip(
                given.sizes, nested_samples(lengths, given.sizes, given.seed), strict=True
            )
        }
        for turn in range(1, given.repeat + 1):
            for size, cores, blocks, vector_size in designs(given):
                options = {
                    "--window-size": 15,
                    "--min-count": 5,
                    "--x-max": 10,
                    "--tokenizer": "whitespace",
                    "--vector-size": vector_size,
                    "--epochs": given.epochs,
                    "--num-blocks": blocks,
                    "--master": f"local[{cores}]",
                }
                place = {"kind": "run", "turn": turn, "size": size, "cores": cores}
                record = common | place | fresh_run(corpora[size], folder, options)
                append_record(given.record, record)
                print(
                    f"turn {turn}: {size / 1e6:g}M tokens, {cores} cores, P = {blocks}, "
                    f"d = {vector_size}: {record['wall_seconds']} s",
                    flush=True,
                )


def designs(given: argparse.Namespace) -> Iterator[tuple[int, int, int, int]]:
    """Yield the runs of a repeat: tokens, cores, blocks and vector size."""
    most = max(given.cores)
    for size in given.sizes:
        for cores in given.cores:
            yield size, cores, given.num_blocks, given.vector_size
    for size in given.sizes[:2]:
        yield size, most, given.num_blocks, given.wide
        yield size, most, given.fine, given.vector_size
        yield size, most, given.fine, given.wide


def fresh_run(corpus: Path, folder: Path, options: dict[str, object]) -> Record:
    """Run from an empty folder, and delete it."""
    out, logs = folder / "out", folder / "events"
    record = run_record(corpus, out, options, event_log_options(logs))
    record["corpus_bytes"] = corpus.stat().st_size
    record["spark"] = spark_work(next(logs.iterdir()))
    del record["extra"]
    shutil.rmtree(out)
    shutil.rmtree(logs)
    return record


def overheads(cores: int) -> Record:
    """Measure Spark's overheads in a separate process, whose JVM ends with it."""
    command = [sys.executable, "-m", "benchmarks.speed.overheads", "--cores", str(cores)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def last_sweep(records: list[Record]) -> list[Record]:
    """Choose the records of the newest sweep."""
    newest = max(record["sweep"] for record in records)
    return [record for record in records if record["sweep"] == newest]


if __name__ == "__main__":
    main()
