"""Merge blocks that several tasks of a round trained; one task per block reads their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass

from pyspark import SparkContext

from glove_spark.kernels.training.merge import Replica, arrival_of, merge_replicas
from glove_spark.kernels.training.schedule import Round
from glove_spark.spark.collecting import collected
from glove_spark.store.location import Location
from glove_spark.training.epoch_files import COLUMNS, ROWS, EpochPlan, Place, Placement


def places_of_several(tasks: Round) -> frozenset[Place]:
    """Return the blocks of both sides that several tasks of a round train."""
    rows = Counter((ROWS, task.row_block) for task in tasks)
    columns = Counter((COLUMNS, block) for task in tasks for block in task.column_blocks)
    return frozenset(place for place, times in (rows + columns).items() if times > 1)


def row_replicas(replicas: Mapping[Place, Sized]) -> int:
    """Return the number of replicas that a row block has; 1 if only columns have replicas."""
    return max((len(found) for (side, _), found in replicas.items() if side == ROWS), default=1)


def merge_files(
    context: SparkContext,
    plan: EpochPlan,
    replicas: dict[Place, list[Location]],
    placement: Placement,
) -> dict[Place, Location]:
    """Merge the replicas of every place in one job; return the file of each merged block.

    Parameters
    ----------
    replicas
        The files of the replicas of each place, in the order of their tasks, so that sums do not
        depend on where or how often a merge runs.
    placement
        The files of the parameters before the round.
    """
    if not replicas:
        return {}
    arrival = arrival_of(row_replicas(replicas))
    parts = [(place, placement[place], files) for place, files in replicas.items()]

    def merge(part: tuple[Place, Location, list[Location]]) -> tuple[Place, Location]:
        place, base, files = part
        merged = merge_replicas(
            plan.read(base), ReplicaFiles(plan, files), plan.update.learning_rate, arrival
        )
        return place, plan.write(merged, *place)

    round_words = context.getLocalProperty("spark.job.description")
    context.setJobDescription(f"{round_words}, merge")
    slices = min(len(parts), context.defaultParallelism)
    return dict(collected(context.parallelize(parts, slices).map(merge)))


@dataclass(frozen=True)
class ReplicaFiles:
    """Replicas in files, each opened when it is read."""

    plan: EpochPlan
    files: list[Location]

    def __iter__(self) -> Iterator[Replica]:
        return map(self.plan.read_replica, self.files)
