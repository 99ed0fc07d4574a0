"""The cost model: the cost of a corpus on a cluster, stage by stage.

The formulas are those of docs/SCALE.md. They follow the code of the stages and use its bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from benchmarks.scale_model.coefficients import Coefficients, parameter_bytes
from benchmarks.scale_model.training import Epoch, schedules
from glove_spark.datasets.cooccurrence import ROW_GROUP_ROWS
from glove_spark.settings.stages import TrainSettings
from glove_spark.stages.blocks import default_num_blocks
from glove_spark.stages.cooccurrence import NONZEROS_PER_BLOCK, PAIRS_PER_TASK
from glove_spark.stages.cooccurrence import TOKENS_PER_TASK as COUNTED_TOKENS_PER_TASK
from glove_spark.stages.export import WORDS_PER_FILE
from glove_spark.stages.vocabulary import PENDING_ROWS, TOKENS_PER_TASK
from glove_spark.training.epoch_plan import schedule_of

WORD_BYTES = 20
"""Bytes of a counted word in Arrow: its count, its offset and eight letters."""

BOUND_OVER_NONZEROS = 4 / 3
"""Blocks of rows are sized by an upper bound on nonzeros; text has about three quarters of it."""

MEASURED_RUNS = 4
"""The largest number of runs that were merged in the sweep; included in its cost per pair."""

RUN_BYTES = 12
"""Bytes of a nonzero of a run in memory."""

RUN_COPIES = 3
"""A merge has two runs and their sum in memory."""

KEPT_EPOCHS = 3
"""keep_epochs, and the epoch that is being written."""


@dataclass(frozen=True)
class Workload:
    """The corpus and model to train.

    Attributes
    ----------
    num_blocks
        P; None lets the stage choose it.
    schedule
        One of `schedules`; empty chooses it by P, like ``schedule=auto``.
    row_tasks
        Tasks per row block; None takes those of the schedule.
    """

    tokens: float
    vocabulary_size: float
    vector_size: int
    epochs: int
    window_size: int = 15
    num_blocks: int | None = None
    schedule: str = ""
    row_tasks: int | None = None


@dataclass(frozen=True)
class Cluster:
    """The cluster for training; bytes per second are those of one executor.

    Attributes
    ----------
    network, disk
        Bytes per second to shared storage and other executors, and of local disks (shuffle).
    task_seconds
        The driver's time per task, which more executors do not reduce.
    delete_seconds
        The time of a deletion in shared storage; each task makes several at the same time.
    """

    executors: int
    cores_each: int
    network: float
    disk: float
    task_seconds: float
    delete_seconds: float

    @property
    def cores(self) -> int:
        """The number of tasks at the same time."""
        return self.executors * self.cores_each


class StageCost(NamedTuple):
    """The cost of a stage: seconds of the executors' cores, of data transfer, and of the driver.

    `network` and `shuffle` are the bytes of datasets read and written, and of Spark's shuffles;
    `disk` the bytes that remain, `memory` those of a Python worker.
    """

    compute: float
    transfer: float
    driver: float
    network: float
    shuffle: float
    disk: float
    memory: float

    @property
    def seconds(self) -> float:
        """The sum of all three."""
        return self.compute + self.transfer + self.driver


class Sizes(NamedTuple):
    """The sizes of a workload on a cluster."""

    nonzeros: float
    stored: float
    num_blocks: int
    counting_tasks: int
    task_nonzeros: float
    row_blocks: int
    cells: int


def sizes_of(work: Workload, cluster: Cluster, known: Coefficients) -> Sizes:
    """Compute nonzeros, P, tasks and files."""
    growth = known.growth
    nonzeros = growth.nonzeros(work.tokens, work.vocabulary_size, work.window_size)
    # the diagonal is negligible
    stored = nonzeros / 2
    num_blocks = work.num_blocks or default_num_blocks(int(nonzeros), cluster.cores)
    of_task = min(PAIRS_PER_TASK / work.window_size, COUNTED_TOKENS_PER_TASK)
    tasks = _waves(work.tokens, of_task, cluster.cores) * cluster.cores
    return Sizes(
        nonzeros,
        stored,
        num_blocks,
        tasks,
        min(stored, growth.run_nonzeros.at(work.tokens / tasks)),
        int(BOUND_OVER_NONZEROS * stored // NONZEROS_PER_BLOCK) + 1,
        num_blocks * (num_blocks + 1) // 2,
    )


def stage_costs(work: Workload, cluster: Cluster, known: Coefficients) -> dict[str, StageCost]:
    """Evaluate the formulas of every stage."""
    sizes, each, shuffled = sizes_of(work, cluster, known), known.bytes_each, known.shuffle_each
    cores, a_task = cluster.cores, cluster.task_seconds
    worker = known.blocks_memory.fixed
    tokens_bytes = work.tokens * each["tokens, per token"]
    matrix_bytes = sizes.stored * each["cooccurrence, per stored nonzero"]
    cells_bytes = sizes.nonzeros * each["blocks, per nonzero"]

    def cost(
        compute: float, driver: float, network: float, shuffle: float, disk: float, held: float
    ) -> StageCost:
        # shuffled bytes are written to a local disk, read from it, and sent over the network
        transfer = (network + shuffle) / (cluster.network * cluster.executors)
        transfer += 2 * shuffle / (cluster.disk * cluster.executors)
        return StageCost(compute, transfer, driver, network, shuffle, disk, worker + held)

    corpus_bytes = work.tokens * each["corpus, per token"]
    tokenize = cost(
        known.tokenize.at(work.tokens / cores), 0, corpus_bytes + tokens_bytes, 0, tokens_bytes, 0
    )

    tasks = _waves(work.tokens, TOKENS_PER_TASK, cores) * cores
    words = tasks * known.growth.distinct.at(work.tokens / tasks)
    vocabulary = cost(
        known.vocabulary.at(work.tokens / cores),
        a_task * max(0, tasks + tasks // 4 - 2 * cores),
        tokens_bytes,
        words * shuffled["vocabulary, per word of a task"],
        0,
        RUN_COPIES * WORD_BYTES * max(PENDING_ROWS, words / tasks),
    )

    handed_on = sizes.counting_tasks * sizes.task_nonzeros
    merges = handed_on * math.log2(max(1.0, sizes.counting_tasks / MEASURED_RUNS))
    merging = merges * known.overheads["seconds_a_merged_nonzero"] / cores
    pairs = work.tokens * known.growth.pairs_a_token
    cooccurrence = cost(
        known.cooccurrence.at(pairs / cores) + merging,
        a_task * max(0, sizes.counting_tasks - cores),
        tokens_bytes + matrix_bytes,
        handed_on * shuffled["cooccurrence, per nonzero of a task"],
        matrix_bytes,
        RUN_COPIES * RUN_BYTES * max(sizes.task_nonzeros, sizes.stored / sizes.row_blocks),
    )

    fixed, nonzero, cell = known.blocks
    row_groups = sizes.stored / ROW_GROUP_ROWS
    blocks = cost(
        fixed + (nonzero * sizes.nonzeros + cell * sizes.cells) / cores,
        a_task * max(0, row_groups + sizes.cells - 2 * cores),
        matrix_bytes + cells_bytes,
        sizes.stored * shuffled["blocks, per stored nonzero"],
        cells_bytes,
        known.blocks_memory.each * sizes.nonzeros / sizes.num_blocks**2,
    )
    train = _training_cost(work, cluster, known, cells_bytes)

    numbers = work.vocabulary_size * work.vector_size
    side = parameter_bytes(work.vocabulary_size, work.vector_size)
    vectors, text = numbers * each["vectors, per number"], numbers * each["vectors.txt, per number"]
    files = math.ceil(work.vocabulary_size / WORDS_PER_FILE)
    export = cost(
        known.export.at(numbers / min(files, cores)),
        known.text.at(numbers),
        2 * side + 2 * vectors + text,
        0,
        vectors + text,
        2 * 4 * work.vector_size * min(work.vocabulary_size, WORDS_PER_FILE),
    )
    return {
        "start and end": cost(known.start, 0, 0, 0, 0, 0),
        "tokenize": tokenize,
        "vocabulary": vocabulary,
        "cooccurrence": cooccurrence,
        "blocks": blocks,
        "train": train,
        "export": export,
    }


def epoch_of(work: Workload, cluster: Cluster, known: Coefficients) -> Epoch:
    """Return the sizes of an epoch, from which its time is computed."""
    sizes = sizes_of(work, cluster, known)
    p = sizes.num_blocks
    schedule = schedule_of(TrainSettings(), p, sizes.nonzeros)
    if work.schedule:
        schedule = schedules(p, sizes.nonzeros, cluster.cores)[work.schedule]
    if work.row_tasks:
        schedule = replace(schedule, row_tasks=work.row_tasks)
    return Epoch(
        schedule,
        work.vocabulary_size,
        work.vector_size,
        sizes.nonzeros,
        # for a symmetric matrix; in cells on the diagonal, a batch and its transpose are one visit
        known.growth.batches.of_cell(work.vocabulary_size / p, sizes.nonzeros / p**2),
        cluster.cores,
    )


def _training_cost(
    work: Workload, cluster: Cluster, known: Coefficients, cells_bytes: float
) -> StageCost:
    epoch = epoch_of(work, cluster, known)
    # the file of each cell is read for the cell and for its transpose
    network = epoch.round_bytes + epoch.merge_bytes + 2 * cells_bytes
    driver = epoch.driver(known, cluster.task_seconds)
    # deleting local files costs very little, and is part of a round
    transfer = network / (cluster.network * cluster.executors)
    transfer += epoch.deletions(cluster.delete_seconds)
    # two blocks, and the tables from which batches gather
    trained = 2 * 2 * epoch.side / epoch.schedule.num_blocks
    return StageCost(
        known.training.fixed + work.epochs * epoch.compute(known),
        work.epochs * transfer,
        work.epochs * driver,
        work.epochs * network,
        0,
        KEPT_EPOCHS * 2 * epoch.side,
        known.blocks_memory.fixed + max(trained, epoch.merge_memory),
    )


def _waves(tokens: float, tokens_per_task: float, cores: int) -> int:
    return max(1, math.ceil(tokens / (tokens_per_task * cores)))
