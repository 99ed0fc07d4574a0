"""The standard benchmark: text to vectors on the Wikipedia corpus, time and quality.

    GLOVE_SPARK_DATA=... python -m benchmarks.speed.standard --blocks 2 8 32 --seeds 1 2 3

runs, for every combination, the command

    glove-spark run --input DATA/wiki --output WORK --window-size 15 --min-count 5
        --vector-size 50 --epochs 5 --num-blocks P --seed S --master local[2]

as a separate process, scores the vectors, prints a table and appends one JSON record per run to
benchmarks/records/results.jsonl. Runs share WORK, so a run after the first repeats only the stages
whose options differ; `stages` of the record lists the stages that ran. With --fresh every run
starts from an empty folder and `wall_seconds` is from text to vectors. `java_archive` of the record
says whether Java used the class-data archive (AppCDS), which `glove-spark prepare` writes once per
machine.

    python -m benchmarks.speed.standard --compare-with 'COMMAND' --repeat 3

runs our command and another one, alternating, both from an empty folder; see
`benchmarks.speed.compare`. For comparison with Spark's own Word2Vec:

    python -m benchmarks.speed.standard --compare-with 'python -m benchmarks.speed.word2vec'
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from statistics import mean

from benchmarks.quality.scores import reference_data, scores_of
from benchmarks.records.record import HERE, Record, append_record, provenance
from benchmarks.records.runs import run_record
from benchmarks.speed.compare import compare, show_comparison
from glove_spark.vectors.word_vectors import WordVectors


def main() -> None:
    """Run the benchmarks of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, nargs="+", default=[2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--work", help="folder to keep; default: a temporary one")
    parser.add_argument("--fresh", action="store_true", help="start every run from nothing")
    parser.add_argument("--input", type=Path, help="a folder of .txt.gz; default: DATA/data/wiki")
    parser.add_argument("--compare-with", metavar="COMMAND", help="another program to time")
    parser.add_argument("--repeat", type=int, default=1, help="runs of either, by turns")
    parser.add_argument("--record", default=str(HERE / "results.jsonl"))
    parser.add_argument("extra", nargs="*", help="more options of run, after --")
    given = parser.parse_args()
    data = reference_data()
    given.input = given.input or data / "data" / "wiki"
    with tempfile.TemporaryDirectory() as temporary:
        if given.compare_with is not None:
            options = options_of(given.blocks[0], given.seeds[0], given)
            show_comparison(compare(data, Path(temporary), options, given))
            return
        work = Path(given.work or temporary)
        for blocks in given.blocks:
            records = [
                measure(data, work / "out", blocks, seed, given, fresh=given.fresh)
                for seed in given.seeds
            ]
            show(blocks, records)


def options_of(blocks: int, seed: int, given: argparse.Namespace) -> dict[str, object]:
    """List the options of the standard run."""
    return {
        "--window-size": 15,
        "--min-count": 5,
        "--vector-size": given.vector_size,
        "--epochs": given.epochs,
        "--num-blocks": blocks,
        "--seed": seed,
        "--master": given.master,
    }


def measure(
    data: Path, out: Path, blocks: int, seed: int, given: argparse.Namespace, *, fresh: bool = False
) -> Record:
    """Run the command once, score its vectors and append the record."""
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    options = options_of(blocks, seed, given)
    record = provenance() | run_record(given.input, out, options, given.extra)
    record["scores"] = scores_of(WordVectors.load(str(out)), data)
    append_record(given.record, record)
    return record


def show(blocks: int, records: list[Record]) -> None:
    """Print the runs with one number of blocks, and their mean."""
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


if __name__ == "__main__":
    main()
