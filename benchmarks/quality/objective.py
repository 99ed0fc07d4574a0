"""Sweep the objective's options on blocks that a run made: the kernels alone, without Spark.

    glove-spark run --input TEXTS --output RUN --window-size 15 --num-blocks 2 --epochs 1
    python -m benchmarks.quality.objective --run RUN --vector-size 50 --set unobserved=0.3 1 2 5
    python -m benchmarks.quality.objective --run RUN --option biases=trained --set unobserved=0
    python -m benchmarks.quality.objective --run RUN --draws 16 16 4 4

trains once for every value of each ``--set``, other options at their defaults or as ``--option``
says, scores w + w~ and appends a record each to records/objective.jsonl. ``--draws`` has the steps
of all pairs per epoch, by tiers of words from frequent to rare. Cells are trained as `glove-spark
train` with the same options trains them, so the vectors are the same: the stratified schedule, two
processes, whatever the number of blocks. Times are processor time of the update.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.scores import reference_data, scores_of
from benchmarks.records.record import HERE, append_record, provenance
from glove_spark.datasets.blocks import cell_file, read_cell
from glove_spark.datasets.model import SIDES
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.kernels.blocks.cells import BatchedCell
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.draws import TIERS, Draws, draws_of
from glove_spark.kernels.training.margins import Margins, added_up, anchors, row_margins, shares
from glove_spark.kernels.training.objective import WordTerms, log_keep_factors
from glove_spark.kernels.training.parameters import Parameters, initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.update import CellLoss, StepSettings, train_cell
from glove_spark.settings.stages import TrainSettings
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.training.epoch_plan import learning_rate_of, objective_of, rounds_of, schedule_of
from glove_spark.training.initial_state import INITIAL
from glove_spark.training.rounds import BATCH_ORDER
from glove_spark.training.word_terms import AllTerms
from glove_spark.vectors.word_vectors import WordVectors

PROCESSES = 2

Float32 = NDArray[np.float32]

_SPECS = {spec.name: spec for spec in TrainSettings.specs()}


@dataclass(frozen=True)
class Run:
    """The blocks and words of a run."""

    blocks: Location
    symmetric: bool
    nnz: int
    vocabulary: Vocabulary
    grid: BlockGrid

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open an output folder."""
        root = Location.of(folder)
        blocks = open_dataset(root / "blocks")
        vocabulary = Vocabulary.read(open_dataset(root / "vocabulary").location)
        grid = BlockGrid(len(vocabulary), int(blocks.facts["num_blocks"]))
        symmetric, nnz = bool(blocks.facts["symmetric"]), int(blocks.facts["nnz"])
        return cls(blocks.location, symmetric, nnz, vocabulary, grid)

    def cell(self, row_block: int, column_block: int) -> tuple[BatchedCell, bool]:
        """Read a cell, and whether what was read is its transpose."""
        file = cell_file(self.blocks, row_block, column_block, symmetric=self.symmetric)
        return read_cell(file.location), file.transposed


class Trained:
    """One training, in processes that share the parameters' memory.

    Parameters
    ----------
    run
        Its matrix must be symmetric; `positions` has a training on a left-only matrix.
    draws
        The steps per epoch of the words of each tier, instead of those of training.
    """

    sets: tuple[str, ...] = SIDES
    """The sets of vectors, of words and of contexts."""

    def __init__(
        self, run: Run, settings: TrainSettings, draws: Sequence[int] | None = None
    ) -> None:
        self.run, self.settings, self.draws = run, settings, draws
        self.objective = objective_of(settings)
        self.schedule = schedule_of(settings, run.grid.num_blocks, run.nnz)
        self.terms = self._measured()
        self.parameters = {
            (name, block): self._start(number, name, block)
            for number, name in enumerate(self.sets)
            for block in range(run.grid.num_blocks)
        }

    def train(self) -> dict[str, float]:
        """Train all epochs; return the last one's costs and the seconds of an epoch."""
        seconds: list[float] = []
        for epoch in range(1, self.settings.epochs + 1):
            losses: list[CellLoss] = []
            spent = 0.0
            for tasks in rounds_of(self.schedule, self.settings.seed, epoch):
                cells = [(task.row_block, block, epoch) for task in tasks for block in task[1]]
                for loss, taken in _in_processes(self._train_cell, cells):
                    losses.append(loss)
                    spent += taken
            seconds.append(spent)
        nnz = sum(loss.nnz for loss in losses)
        return {
            "cost": sum(loss.cost_sum for loss in losses) / nnz,
            "unobserved_cost": sum(loss.unobserved_sum for loss in losses) / nnz,
            "processor_seconds_per_epoch": round(float(np.mean(seconds)), 2),
        }

    def vectors(self) -> WordVectors:
        """Return w + w~."""
        grid = self.run.grid
        found = np.zeros((grid.vocabulary_size, self.settings.vector_size), np.float32)
        for (_, block), parameters in self.parameters.items():
            found[grid.global_ids(block)] += parameters.vectors
        return WordVectors(self.run.vocabulary.words, found)

    def log_keep(self) -> Float32 | None:
        """Return ``ln k`` of every word; None without subsampling."""
        if self.settings.subsample == 0:
            return None
        return log_keep_factors(self.run.vocabulary.counts, self.settings.subsample)

    def sums(self, *, transposed: bool = False) -> Margins:
        """Return the sums of the matrix's V rows, or those of its columns."""
        kept, grid = AllTerms(self.log_keep()), self.run.grid

        def of_block(block: int) -> Margins:
            parts = []
            for other in range(grid.num_blocks):
                place = (other, block) if transposed else (block, other)
                cell, turned = self.run.cell(*place)
                ids = [grid.global_ids(number) for number in (block, other)]
                sides = [kept.of(SIDES[0], some) for some in ids]
                size = grid.block_size(block)
                turned = turned != transposed
                parts.append(row_margins(cell, size, self.objective, *sides, transposed=turned))
            return added_up(parts, grid.block_size(block))

        counts, weights = np.zeros((2, grid.vocabulary_size))
        for block in range(grid.num_blocks):
            ids = grid.global_ids(block)
            counts[ids], weights[ids] = of_block(block)
        return Margins(counts, weights)

    def _measured(self) -> AllTerms:
        counts, weights = self.sums()
        fixed = anchors(counts, counts, self.objective.context_smoothing)
        return AllTerms(self.log_keep(), shares(weights, weights), fixed)

    def _start(self, number: int, name: str, block: int) -> Parameters:
        size, grid = self.settings.vector_size, self.run.grid
        rng = derived_rng(self.settings.seed, INITIAL, number, block)
        drawn = initial_parameters(grid.block_size(block), size, rng, self.settings.accumulators)  # type: ignore[arg-type]
        if self.objective.anchored:
            drawn.biases[...] = self.fixed_biases(name, block)
        return Parameters(*map(_shared, vars(drawn).values()))

    def _train_cell(self, cell: tuple[int, int, int]) -> tuple[CellLoss, float]:
        row_block, column_block, epoch = cell
        batches, transposed = self.run.cell(row_block, column_block)
        places = (SIDES[0], row_block), (SIDES[1], column_block)
        return self.train_batches(batches, places, epoch, transposed=transposed)

    def train_batches(
        self,
        batches: BatchedCell,
        places: tuple[tuple[str, int], tuple[str, int]],
        epoch: int,
        *keys: int,
        transposed: bool,
    ) -> tuple[CellLoss, float]:
        """Train the parameters at two places on a cell; return its costs and processor time.

        Further ``keys`` give the batches another random order.
        """
        settings = self.settings
        (_, row_block), (_, column_block) = places
        rows, columns = (self.parameters[place] for place in places)
        update = StepSettings(
            learning_rate_of(settings, epoch),
            settings.damping,
            self.objective,
            settings.accumulators,  # type: ignore[arg-type]
        )
        row_terms, col_terms = (self.terms_of(*place) for place in places)
        started = time.process_time()
        loss = train_cell(
            batches,
            rows,
            columns,
            update,
            transposed=transposed,
            rng=derived_rng(settings.seed, BATCH_ORDER, epoch, row_block, column_block, *keys),
            row_terms=row_terms,
            col_terms=col_terms,
            draws=self._draws(row_block, column_block, epoch),
        )
        return loss, time.process_time() - started

    def fixed_biases(self, side: str, block: int) -> Float32 | None:
        """Return the anchors of the words of a block."""
        return self.terms.fixed_biases(side, self.run.grid.global_ids(block))

    def terms_of(self, side: str, block: int) -> WordTerms:
        """Return the terms of the words of a block."""
        return self.terms.of(side, self.run.grid.global_ids(block))

    def _draws(self, row_block: int, column_block: int, epoch: int) -> Draws:
        num_blocks = self.run.grid.num_blocks
        if self.draws is not None:
            return Draws(tuple(max(1, round(number / num_blocks)) for number in self.draws))
        return draws_of(num_blocks, self.settings.vector_size, row_block, column_block, epoch)


def _shared(values: Float32) -> Float32:
    """Copy to memory that processes forked from here share."""
    memory = multiprocessing.RawArray("f", int(values.size))
    shared = np.frombuffer(memory, np.float32).reshape(values.shape)
    shared[...] = values
    return shared


def _in_processes(function: Any, items: list[Any]) -> Iterable[Any]:
    """Call a function with every item, in processes forked now; no two items share parameters."""
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()

    def work(mine: list[Any]) -> None:
        results.put([function(item) for item in mine])

    parts = [items[number::PROCESSES] for number in range(PROCESSES)]
    workers = [context.Process(target=work, args=(part,)) for part in parts if part]
    for worker in workers:
        worker.start()
    found = [result for _ in workers for result in results.get()]
    for worker in workers:
        worker.join()
    return found


def option_value(text: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``, an option of training."""
    name, _, value = text.partition("=")
    return name, _SPECS[name].type(value)


def main() -> None:
    """Train with every value, score and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="an output folder with blocks")
    parser.add_argument("--corpus", default="", help="what to call it in the record")
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--set", nargs="+", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--option", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--draws", nargs=len(TIERS), type=int, help="steps per epoch, by tier")
    parser.add_argument("--record", default=str(HERE / "objective.jsonl"))
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: BLAS may use more than one core")
    base = TrainSettings(vector_size=given.vector_size)
    base = dataclasses.replace(base, **dict(map(option_value, given.option)))
    run, data = Run.open(given.run), reference_data()
    for chosen in given.set or [[]]:
        name, values = (chosen[0].partition("=")[0], chosen) if chosen else ("", [""])
        for text in values:
            full = text if "=" in text or not text else f"{name}={text}"
            settings = dataclasses.replace(base, **dict([option_value(full)] if full else []))
            trained = Trained(run, settings, given.draws)
            record = provenance() | {
                "corpus": given.corpus or given.run.name,
                "num_blocks": run.grid.num_blocks,
                **({"draws": given.draws} if given.draws else {}),
                "options": settings.as_dict(only_result=True),
                **trained.train(),
            }
            record["scores"] = scores_of(trained.vectors(), data)
            append_record(given.record, record)
            scores = {key: score["value"] for key, score in record["scores"].items()}
            print(full or "defaults", scores, record["processor_seconds_per_epoch"], flush=True)


if __name__ == "__main__":
    main()
