"""The cost model of docs/SCALE.md: its coefficients, its check, large corpora, and limits.

    python -m benchmarks.scale_model.scale                          # print the tables
    python -m benchmarks.scale_model.scale --write docs/SCALE.md    # also replace them in the page

Every coefficient is fitted to the newest sweep of `benchmarks.scale_model.sweep`. A sweep on one
machine cannot measure the network and disks of a cluster, or the time of a deletion in the store:
these are options.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median

from benchmarks.records.record import HERE, Record, read_records
from benchmarks.scale_model.coefficients import Coefficients, fit_coefficients
from benchmarks.scale_model.growth import core_counts, main_runs
from benchmarks.scale_model.limits import best_executors, limits, map_output_bytes, piece_nonzeros
from benchmarks.scale_model.model import (
    WORD_BYTES,
    Cluster,
    Workload,
    epoch_of,
    sizes_of,
    stage_costs,
)
from benchmarks.scale_model.sweep import RECORDS, last_sweep
from benchmarks.scale_model.training import schedules
from benchmarks.scale_model.wording import (
    byte_words,
    line_words,
    number_words,
    power_words,
    range_words,
    replace_sections,
    time_words,
)

CORPORA = {
    "6B tokens, V = 400k, d = 300": Workload(6e9, 400_000, 300, 5),
    "840B tokens, V = 2.2M, d = 300": Workload(840e9, 2_200_000, 300, 5),
}

EXECUTORS = (16, 64, 256)

MORE_BLOCKS, MORE_ROW_TASKS = (128, 256, 512), (1, 2, 4, 8)
"""Numbers of blocks and of row tasks to compare."""

PYTHON_WORD_BYTES = 65
"""A str of eight letters and its reference in a list."""


def main() -> None:
    """Print the tables, and write them to the page if requested."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", type=Path, default=RECORDS)
    parser.add_argument("--merges", type=Path, default=HERE / "averaging.jsonl")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="replace the tables in this file"
    )
    parser.add_argument("--cores-each", type=int, default=4, help="cores of an executor")
    parser.add_argument("--network", type=float, default=1.25, help="GB/s of an executor")
    parser.add_argument("--disk", type=float, default=0.5, help="GB/s of an executor's disks")
    parser.add_argument(
        "--delete-ms", type=float, default=20.0, help="milliseconds per deletion in the store"
    )
    given = parser.parse_args()
    records = last_sweep(read_records(given.record))
    merges = [record for record in read_records(given.merges) if "nnz" in record]
    known = fit_coefficients(records, merges)
    cluster = Cluster(
        executors=EXECUTORS[-1],
        cores_each=given.cores_each,
        network=given.network * 1e9,
        disk=given.disk * 1e9,
        task_seconds=known.overheads["seconds_a_jvm_task"],
        delete_seconds=given.delete_ms / 1e3,
    )
    sections = {
        "coefficients": coefficient_table(known, records),
        "check": check_table(records, merges),
        "schedules": schedule_tables(known, cluster),
        "more blocks": more_blocks_table(known, cluster),
        "costs": cost_tables(known, cluster),
        "limits": limit_tables(known, cluster),
    }
    for name, lines in sections.items():
        print(f"\n== {name}\n" + "\n".join(lines))
    if given.write:
        text = given.write.read_text("utf-8")
        given.write.write_text(replace_sections(text, sections), "utf-8")


def coefficient_table(known: Coefficients, records: Sequence[Record]) -> list[str]:
    """Return the table of all coefficients, with symbols and units."""
    train, growth, extra = known.training, known.growth, known.overheads
    run, merged = records[-1], extra["seconds_a_merged_nonzero"]
    rows = [
        ("start", "start and end of the process", f"{known.start:.1f} s"),
        ("a_t, b_t", "tokenize", line_words(known.tokenize, 1e6, "us per token")),
        ("a_v, b_v", "vocabulary", line_words(known.vocabulary, 1e6, "us per token")),
        ("a_c, b_c", "cooccurrence", line_words(known.cooccurrence, 1e9, "ns per pair")),
        (
            "a_b, b_b, c_b",
            "blocks",
            f"{known.blocks[0]:.2f} s, {known.blocks[1] * 1e9:.0f} ns per nonzero, "
            f"{known.blocks[2] * 1e3:.2f} ms per file",
        ),
        ("a_m", "train, before and between epochs", f"{train.fixed:.2f} s"),
        ("c_m", "train, per cell", f"{train.cell * 1e3:.2f} ms"),
        ("v_m", "train, per visit of a batch", f"{train.visit * 1e6:.0f} us"),
        ("p_m", "train, per byte of parameters read or written", f"{train.byte * 1e9:.2f} ns"),
    ]
    for size, seconds in train.nonzero.items():
        rows.append((f"b_m({size})", f"train, d = {size}", f"{seconds * 1e9:.0f} ns per nonzero"))
    rows += [
        ("p_g", "averaging, per byte of a merged replica", f"{known.merged_byte * 1e9:.2f} ns"),
        ("a_e, b_e", "export, Parquet", line_words(known.export, 1e9, "ns per number")),
        ("a_x, b_x", "export, text", line_words(known.text, 1e9, "ns per number")),
        ("mu", "merging two sorted runs, per nonzero", f"{merged * 1e9:.1f} ns"),
        ("r", "an empty Spark job of one task", f"{extra['seconds_a_job'] * 1e3:.0f} ms"),
        ("", "each further task of that job", f"{extra['seconds_a_task'] * 1e3:.1f} ms"),
        ("t", "an empty task without Python", f"{extra['seconds_a_jvm_task'] * 1e3:.1f} ms"),
    ]
    rows += [("bytes", name, f"{size:.2f}") for name, size in known.bytes_each.items()]
    rows += [("shuffled bytes", name, f"{size:.1f}") for name, size in known.shuffle_each.items()]
    memory = known.blocks_memory
    rows += [
        (
            "memory",
            "a Python worker in blocks",
            f"{memory.fixed / 2**20:.0f} MiB, {memory.each:.0f} bytes per nonzero of its cell",
        ),
        ("q", "pairs per token", f"{growth.pairs_a_token:.2f}"),
        ("k", "share of tokens in the vocabulary", f"{growth.kept_share:.3f}"),
        ("K(N)", "words with at least min_count occurrences", power_words(growth.vocabulary)),
        ("D(N)", "distinct words", power_words(growth.distinct)),
        ("R(N)", "stored nonzeros of a counting task", power_words(growth.run_nonzeros)),
        (
            "b(n, z)",
            "batches of a cell",
            f"{growth.batches.factor:.3f} n^{growth.batches.of_words:.2f} "
            f"z^{growth.batches.of_nonzeros:.2f}",
        ),
        ("s, rho", "of Z(N, V)", f"{growth.zipf:.3f}, {growth.density:.2f}"),
    ]
    lines = [f"{run['machine']}, commit {run['commit']}, {run['when'][:10]}.", ""]
    lines += ["| | of | measured |", "|---|---|---|"]
    return lines + [f"| {symbol} | {what} | {value} |" for symbol, what, value in rows]


def check_table(records: Sequence[Record], merges: Sequence[Record]) -> list[str]:
    """Predict the largest size from the two smallest, and compare with the measurement."""
    cores = core_counts(records)[-1]
    runs = main_runs(records, cores)
    *small, largest = sorted(runs)
    small = small[:2]
    known = fit_coefficients(records, merges, small)
    repeats = runs[largest]
    measured = {
        stage: median(run["stages"][stage] for run in repeats) for stage in repeats[0]["stages"]
    }
    predicted = predict_local(known, repeats[0], cores)
    run = repeats[0]
    total = median(repeat["wall_seconds"] for repeat in repeats)
    rows = [
        ("vocabulary, words", known.growth.vocabulary.at(run["tokens"]), run["vocabulary_size"]),
        (
            "nonzeros",
            known.growth.nonzeros(
                run["tokens"],
                known.growth.vocabulary.at(run["tokens"]),
                run["options"]["window-size"],
            ),
            run["nnz"],
        ),
        *((f"{stage}, s", predicted[stage], measured[stage]) for stage in measured),
        ("text to vectors, s", sum(predicted.values()), total),
    ]
    sizes = " and ".join(f"{size / 1e6:g}M" for size in small)
    lines = [
        f"The {largest / 1e6:g}M-token run predicted from {sizes}, {cores} cores, "
        f"median of {len(repeats)}:",
        "",
        "| | predicted | measured | error |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| {name} | {number_words(p)} | {number_words(m)} | {p / m - 1:+.0%} |"
        for name, p, m in rows
    ]


def predict_local(known: Coefficients, run: Record, cores: int) -> dict[str, float]:
    """Predict the seconds of the stages of a run from its tokens, on the machine of the sweep."""
    options, growth = run["options"], known.growth
    words = growth.vocabulary.at(run["tokens"])
    work = Workload(
        run["tokens"],
        words,
        options["vector-size"],
        options["epochs"],
        options["window-size"],
        options["num-blocks"],
    )
    # one machine: there is no network, and fixed costs and rounds include the driver's time
    machine = Cluster(1, cores, float("inf"), float("inf"), 0.0, 0.0)
    costs = {name: cost.seconds for name, cost in stage_costs(work, machine, known).items()}
    numbers = words * options["vector-size"]
    return {
        "start and end": costs["start and end"],
        "tokens": costs["tokenize"],
        "vocabulary": costs["vocabulary"],
        "cooccurrence": costs["cooccurrence"],
        "blocks": costs["blocks"],
        "model": costs["train"],
        "vectors": known.export.at(numbers),
        "vectors.txt": known.text.at(numbers),
    }


def cost_tables(known: Coefficients, cluster: Cluster) -> list[str]:
    """Return the tables of time, network, disk and memory of the large corpora, by stage."""
    lines = [
        f"{cluster.cores_each} cores per executor, with {cluster.network / 1e9:g} GB/s of network "
        f"and {cluster.disk / 1e9:g} GB/s of disk each; {cluster.delete_seconds * 1e3:g} ms per "
        "deletion in the store; 5 epochs; P as the stage chooses it.",
    ]
    for name, work in CORPORA.items():
        lines += ["", f"**{name}**", ""]
        lines += ["| executors (cores) | Z | P | nonzeros per cell | counting tasks | cell files |"]
        lines += ["|---|---|---|---|---|---|"]
        for executors in EXECUTORS:
            size = replace(cluster, executors=executors)
            found = sizes_of(work, size, known)
            of_cell = found.nonzeros / found.num_blocks**2
            lines.append(
                f"| {executors} ({size.cores}) | {number_words(found.nonzeros)} | "
                f"{found.num_blocks:,} | {number_words(of_cell)} | {found.counting_tasks:,} | "
                f"{found.cells:,} |"
            )
        lines += [
            "",
            "| stage | "
            + " | ".join(f"{executors} executors" for executors in EXECUTORS)
            + " | datasets moved | shuffled | kept on disk | memory of a worker |",
            "|---|" + "---|" * (len(EXECUTORS) + 4),
        ]
        costs = [stage_costs(work, replace(cluster, executors=x), known) for x in EXECUTORS]
        for stage in costs[0]:
            if stage == "start and end":
                continue
            times = " | ".join(
                f"{time_words(cost[stage].seconds)} ({time_words(cost[stage].compute)} + "
                f"{time_words(cost[stage].transfer)} + {time_words(cost[stage].driver)})"
                for cost in costs
            )
            first, last = costs[0][stage], costs[-1][stage]
            lines.append(
                f"| {stage} | {times} | {range_words(first.network, last.network)} | "
                f"{range_words(first.shuffle, last.shuffle)} | "
                f"{range_words(first.disk, last.disk)} | {range_words(first.memory, last.memory)} |"
            )
        totals = " | ".join(
            f"**{time_words(sum(cost.seconds for cost in by_stage.values()))}**"
            for by_stage in costs
        )
        lines.append(f"| all | {totals} | | | | |")
        lines += ["", _driver_memory(work, known)]
    lines += ["", "In brackets: work of the cores + data transfer + the driver's own time."]
    return lines


def schedule_tables(known: Coefficients, cluster: Cluster) -> list[str]:
    """Return the tables of training the large corpora under each schedule."""
    lines: list[str] = []
    for name, work in CORPORA.items():
        times = " | ".join(f"{executors} executors" for executors in EXECUTORS)
        lines += ["", f"**{name}**, training, {work.epochs} epochs", ""]
        lines += [
            f"| schedule | {times} | speed-up from {EXECUTORS[1]} to {EXECUTORS[2]} | "
            f"P, rounds, tasks per round, {EXECUTORS[2]} executors | moved by rounds, per epoch | "
            "by merges, per epoch | memory of a merge task |"
        ]
        lines += ["|---|" + "---|" * (len(EXECUTORS) + 5)]
        for schedule in schedules(128, 0, 1024):
            planned = replace(work, schedule=schedule)
            sizes = [replace(cluster, executors=executors) for executors in EXECUTORS]
            costs = [stage_costs(planned, size, known)["train"] for size in sizes]
            shown = " | ".join(
                f"{time_words(cost.seconds)} ({time_words(cost.compute)} + "
                f"{time_words(cost.transfer)} + {time_words(cost.driver)})"
                for cost in costs
            )
            epoch = epoch_of(planned, sizes[-1], known)
            chosen = epoch.schedule
            lines.append(
                f"| {schedule} | {shown} | {costs[1].seconds / costs[2].seconds:.1f} times | "
                f"{chosen.num_blocks}, {chosen.rounds}, {epoch.tasks:,} | "
                f"{byte_words(epoch.round_bytes)} | {byte_words(epoch.merge_bytes)} | "
                f"{byte_words(epoch.merge_memory)} |"
            )
    return lines[1:]


def more_blocks_table(known: Coefficients, cluster: Cluster) -> list[str]:
    """Return the table of the largest corpus with other numbers of blocks and row tasks."""
    name, work = list(CORPORA.items())[-1]
    sizes = [replace(cluster, executors=executors) for executors in EXECUTORS[1:]]
    nonzeros = sizes_of(work, sizes[0], known).nonzeros
    lines = [f"**{name}**, training with the schedule `averaging`, {work.epochs} epochs", ""]
    lines += ["| P | row tasks | " + " | ".join(f"{size.executors} executors" for size in sizes)]
    lines[-1] += " | nonzeros per cell |"
    lines += ["|---|---|" + "---|" * (len(sizes) + 1)]
    for num_blocks, row_tasks in product(MORE_BLOCKS, MORE_ROW_TASKS):
        planned = replace(work, num_blocks=num_blocks, schedule="averaging", row_tasks=row_tasks)
        shown = [time_words(stage_costs(planned, size, known)["train"].seconds) for size in sizes]
        each = number_words(nonzeros / num_blocks**2)
        lines.append(f"| {num_blocks} | {row_tasks} | " + " | ".join(shown) + f" | {each} |")
    return lines


def limit_tables(known: Coefficients, cluster: Cluster) -> list[str]:
    """Return the tables of what breaks as the corpus and the cluster grow."""
    work = CORPORA["840B tokens, V = 2.2M, d = 300"]
    lines = []
    for executors in EXECUTORS:
        size = replace(cluster, executors=executors)
        lines += [
            "",
            f"On {executors} executors, {size.cores} cores:",
            "",
            "| tokens | what breaks | remedy |",
            "|---|---|---|",
        ]
        for limit in limits(work, size, known):
            at = "beyond 10^16" if limit.tokens is None else number_words(limit.tokens)
            lines.append(f"| {at} | {limit.what} | {limit.remedy} |")
    lines += [
        "",
        "| corpus | executors with the fastest training | P | time per epoch | nonzeros per row "
        f"group and cell, {EXECUTORS[-1]} executors | map output status in the driver |",
        "|---|---|---|---|---|---|",
    ]
    for name, corpus in CORPORA.items():
        executors, seconds = best_executors(corpus, cluster, known)
        blocks = sizes_of(corpus, replace(cluster, executors=executors), known).num_blocks
        lines.append(
            f"| {name} | {executors} | {blocks} | {time_words(seconds / corpus.epochs)} | "
            f"{piece_nonzeros(corpus, cluster, known):.1f} | "
            f"{byte_words(map_output_bytes(corpus, cluster, known))} |"
        )
    return lines[1:]


def _driver_memory(work: Workload, known: Coefficients) -> str:
    words = known.growth.vocabulary.at(work.tokens)
    return (
        f"Memory of the driver: {number_words(words)} words with at least min_count "
        f"occurrences take {byte_words(WORD_BYTES * words)} in Arrow format in the JVM and about "
        f"{byte_words(PYTHON_WORD_BYTES * words)} as Python strings."
    )


if __name__ == "__main__":
    main()
