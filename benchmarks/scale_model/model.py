"""The model on paper: what a corpus costs on a cluster, stage by stage.

The formulas are those of docs/SCALE.md; they follow the stages' code and take the bounds from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
"""A counted word in Arrow: its count, its offset and eight letters."""

BOUND_OVER_NONZEROS = 4 / 3
"""What the rows are cut by is a bound of the nonzeros; text has some three quarters of it."""

MEASURED_RUNS = 4
"""Runs that the sweep's own counting merged, at most; part of what a pair costs there."""

RUN_BYTES = 12
"""A nonzero of a run in memory."""

RUN_COPIES = 3
"""A merge has its two runs and their sum."""

KEPT_EPOCHS = 3
"""keep_epochs, and the one that is being written."""


@dataclass(frozen=True)
class Workload:
    """What is to be trained.

    Attributes
    ----------
    num_blocks
        P; None leaves it to the stage.
    schedule
        One of `schedules`; empty leaves it to P, as ``schedule=auto`` does.
    """

    tokens: float
    vocabulary_size: float
    vector_size: int
    epochs: int
    window_size: int = 15
    num_blocks: int | None = None
    schedule: str = ""


@dataclass(frozen=True)
class Cluster:
    """What it is trained on; bytes a second are of one executor.

    Attributes
    ----------
    network, disk
        Bytes a second to shared storage and to other executors, and of local disks (shuffle).
    task_seconds
        The driver's time for a task, which no executor shortens.
    delete_seconds
        A deletion in shared storage; each task has some under way at once.
    """

    executors: int
    cores_each: int
    network: float
    disk: float
    task_seconds: float
    delete_seconds: float

    @property
    def cores(self) -> int:
        """Tasks at once."""
        return self.executors * self.cores_each


class StageCost(NamedTuple):
    """Cost of one stage: seconds of the executors' cores, of moving bytes, and of the driver.

    `network` and `shuffle` are bytes, of reading and writing datasets and of what Spark shuffles;
    `disk` the bytes of what is left, `memory` those of a Python worker.
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
        """All three, one after another."""
        return self.compute + self.transfer + self.driver


class Sizes(NamedTuple):
    """What is counted of a workload on a cluster."""

    nonzeros: float
    stored: float
    num_blocks: int
    counting_tasks: int
    task_nonzeros: float
    row_blocks: int
    cells: int


def sizes_of(work: Workload, cluster: Cluster, known: Coefficients) -> Sizes:
    """Derive nonzeros, P, tasks and files."""
    growth = known.growth
    nonzeros = growth.nonzeros(work.tokens, work.vocabulary_size, work.window_size)
    # the diagonal is a small part
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
        # what is shuffled is written to a local disk, read from it, and crosses the network
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
    """Return what is known of an epoch before it is timed."""
    sizes = sizes_of(work, cluster, known)
    p = sizes.num_blocks
    return Epoch(
        schedules(p, cluster.cores)[work.schedule]
        if work.schedule
        else schedule_of(TrainSettings(), p),
        work.vocabulary_size,
        work.vector_size,
        sizes.nonzeros,
        # of a symmetric matrix; a batch and its transpose are one visit in cells on the diagonal
        known.growth.batches.of_cell(work.vocabulary_size / p, sizes.nonzeros / p**2),
        cluster.cores,
    )


def _training_cost(
    work: Workload, cluster: Cluster, known: Coefficients, cells_bytes: float
) -> StageCost:
    epoch = epoch_of(work, cluster, known)
    # each cell's file is read for itself and for its transpose
    network = epoch.round_bytes + epoch.merge_bytes + 2 * cells_bytes
    driver = epoch.driver(known, cluster.task_seconds)
    # local files cost next to nothing to delete, and are part of a round
    transfer = network / (cluster.network * cluster.executors)
    transfer += epoch.deletions(cluster.delete_seconds)
    # two blocks, and the tables that batches gather from
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
