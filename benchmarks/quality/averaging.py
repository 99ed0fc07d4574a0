"""Sweep the merge of replicas: its constant, merges and blocks, by the kernels alone.

    glove-spark run --input TEXTS --output RUN --window-size 15 --num-blocks 32 --epochs 1
    python -m benchmarks.quality.averaging --run RUN --merges 0 4 8 --arrival 1 2 --seeds 1 2 3

trains once for every combination, 0 merges being the stratified schedule, other options at their
defaults or as ``--option`` says, scores w + w~ and appends a record each to
records/averaging.jsonl. Cells are trained and replicas merged as `glove-spark train` does, so with
the constant as it is there the vectors are the same. One process; times are its processor time.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import time
from pathlib import Path

import numpy as np

from benchmarks.quality.objective import Run, Trained, option_value
from benchmarks.quality.scores import reference_data, scores_of
from benchmarks.records.record import HERE, append_record, provenance
from glove_spark.datasets.model import SIDES
from glove_spark.kernels.training.draws import draws_of
from glove_spark.kernels.training.merge import Replica, arrival_of, merge_replicas
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.kernels.training.replica_weight import ReplicaWeight
from glove_spark.kernels.training.schedule import Task, derived_rng
from glove_spark.kernels.training.update import CellLoss, StepSettings, train_cell
from glove_spark.settings.stages import TrainSettings
from glove_spark.training.epoch_files import COLUMNS, ROWS, Place
from glove_spark.training.epoch_plan import learning_rate_of, rounds_of
from glove_spark.training.merging import places_of_several, row_replicas
from glove_spark.training.rounds import BATCH_ORDER

ACCUMULATORS = ("added", "shared")
"""After a merge: with all increments, or with their mean by curvature."""


class Merged(Trained):
    """One training with replicas, in this process.

    Parameters
    ----------
    arrival
        c of the merge; None: the constant that training uses.
    accumulators
        One of `ACCUMULATORS`.
    """

    def __init__(
        self, run: Run, settings: TrainSettings, arrival: float | None, accumulators: str
    ) -> None:
        super().__init__(run, settings)
        self.arrival, self.accumulators = arrival, accumulators

    def train(self) -> dict[str, float]:
        """Train all epochs; return the last one's costs and the seconds of an epoch by part."""
        spent = dict.fromkeys(("training", "merging"), 0.0)
        for epoch in range(1, self.settings.epochs + 1):
            losses: list[CellLoss] = []
            rate = learning_rate_of(self.settings, epoch)
            for tasks in rounds_of(self.schedule, self.settings.seed, epoch):
                shared = places_of_several(tasks)
                replicas: dict[Place, list[Replica]] = {}
                for task in tasks:
                    losses += self._train_task(task, epoch, shared, replicas, spent)
                started = time.process_time()
                arrival = self.arrival or arrival_of(row_replicas(replicas))
                for place, found in replicas.items():
                    base = self.parameters[place]
                    self.parameters[place] = self._merge(base, found, rate, arrival)
                spent["merging"] += time.process_time() - started
        nnz = sum(loss.nnz for loss in losses)
        return {
            "nnz": nnz,
            "vocabulary_size": self.run.grid.vocabulary_size,
            "cost": sum(loss.cost_sum for loss in losses) / nnz,
            "unobserved_cost": sum(loss.unobserved_sum for loss in losses) / nnz,
            **{
                f"{name}_seconds_per_epoch": round(seconds / self.settings.epochs, 2)
                for name, seconds in spent.items()
            },
        }

    def _train_task(
        self,
        task: Task,
        epoch: int,
        shared: frozenset[Place],
        replicas: dict[Place, list[Replica]],
        spent: dict[str, float],
    ) -> list[CellLoss]:
        """Train a task's cells; add the replicas of what others train as well."""
        settings, grid, row_block = self.settings, self.run.grid, task.row_block
        update = StepSettings(
            learning_rate_of(settings, epoch),
            settings.damping,
            self.objective,
            settings.adagrad,  # type: ignore[arg-type]
        )
        rows, row_weight = self._mine((ROWS, row_block), shared)
        row_terms = self.terms.of(SIDES[0], grid.global_ids(row_block))
        losses = []
        for block in task.column_blocks:
            cell, transposed = self.run.cell(row_block, block)
            columns, col_weight = self._mine((COLUMNS, block), shared)
            col_terms = self.terms.of(SIDES[1], grid.global_ids(block))
            draws = draws_of(grid.num_blocks, settings.vector_size, row_block, block, epoch)
            started = time.process_time()
            loss = train_cell(
                cell,
                rows,
                columns,
                update,
                transposed=transposed,
                rng=derived_rng(settings.seed, BATCH_ORDER, epoch, row_block, block),
                row_terms=row_terms,
                col_terms=col_terms,
                draws=draws,
                row_weight=row_weight,
                col_weight=col_weight,
            )
            spent["training"] += time.process_time() - started
            losses.append(loss)
            if col_weight is not None:
                replicas.setdefault((COLUMNS, block), []).append(Replica(columns, col_weight))
        if row_weight is not None:
            replicas.setdefault((ROWS, row_block), []).append(Replica(rows, row_weight))
        return losses

    def _mine(
        self, place: Place, shared: frozenset[Place]
    ) -> tuple[Parameters, ReplicaWeight | None]:
        """Return the block that a task trains, and the weight of its replica if it is one."""
        found = self.parameters[place]
        if place not in shared:
            return found, None
        return found.copy(), ReplicaWeight.nothing(len(found.biases))

    def _merge(
        self, base: Parameters, replicas: list[Replica], rate: float, arrival: float
    ) -> Parameters:
        merged = merge_replicas(base, replicas, rate, arrival)
        if self.accumulators == "shared":
            weights = [replica.weight.curvature for replica in replicas]
            total = np.maximum(np.sum(weights, axis=0), 1e-30)
            for name in ("vector_gradsq", "bias_gradsq"):
                start = getattr(base, name)
                shared = start.astype(np.float64)
                for replica, weight in zip(replicas, weights, strict=True):
                    share = weight / total
                    increment = getattr(replica.parameters, name).astype(np.float64) - start
                    shared += increment * share.reshape(-1, *[1] * (start.ndim - 1))
                setattr(merged, name, shared.astype(np.float32))
        return merged


def main() -> None:
    """Train every combination, score and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="an output folder with blocks")
    parser.add_argument("--corpus", default="", help="what to call it in the record")
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--merges", type=int, nargs="+", default=[0], help="0: stratified")
    parser.add_argument("--arrival", type=float, nargs="+", default=[None])
    parser.add_argument("--row-tasks", type=int, nargs="+", default=[1])
    parser.add_argument("--accumulators", nargs="+", default=["added"], choices=ACCUMULATORS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--option", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--record", default=str(HERE / "averaging.jsonl"))
    given = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: BLAS may use more than one core")
    base = TrainSettings(vector_size=given.vector_size)
    base = dataclasses.replace(base, **dict(map(option_value, given.option)))
    run, data = Run.open(given.run), reference_data()
    for merges, arrival, row_tasks, accumulators, seed in itertools.product(
        given.merges, given.arrival, given.row_tasks, given.accumulators, given.seeds
    ):
        schedule = (
            {"schedule": "averaging", "syncs_per_epoch": merges, "row_tasks": row_tasks}
            if merges
            else {"schedule": "stratified"}
        )
        settings = dataclasses.replace(base, seed=seed, **schedule)
        trained = Merged(run, settings, arrival, accumulators)
        record = provenance() | {
            "corpus": given.corpus or given.run.name,
            "num_blocks": run.grid.num_blocks,
            "merges": merges,
            "arrival": arrival,
            "row_tasks": row_tasks,
            "accumulators": accumulators,
            "options": settings.as_dict(only_result=True),
            **trained.train(),
        }
        record["scores"] = scores_of(trained.vectors(), data)
        append_record(given.record, record)
        scores = {key: score["value"] for key, score in record["scores"].items()}
        print(
            f"P = {run.grid.num_blocks}, {merges} merges, c = {arrival or 'default'}, "
            f"{row_tasks} row tasks, "
            f"{accumulators}, seed {seed}: {scores}, cost {record['cost']:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
