"""Epoch 0: the parameters before training, random or copied from another model."""

from __future__ import annotations

from pyspark import Broadcast
from pyspark.sql import SparkSession

from glove_spark.datasets.model import SIDES, block_file, write_parameters
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.parameters import initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.settings.stages import TrainSettings
from glove_spark.spark.collecting import collected
from glove_spark.spark.session import describe
from glove_spark.store.checksums import Hasher
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset
from glove_spark.training.checkpoints import EpochRecord, commit_epoch
from glove_spark.training.warm_start import NewWords, WarmStart
from glove_spark.training.word_terms import AllTerms

INITIAL = 3
"""Separates these random numbers from others of the same seed."""


def write_initial_state(
    spark: SparkSession,
    settings: TrainSettings,
    blocks: Dataset,
    grid: BlockGrid,
    model: Location,
    start: WarmStart | None,
    hasher: Hasher,
    objective: Objective,
    terms: Broadcast[AllTerms],
) -> EpochRecord:
    """Write epoch 0: one task per block and side.

    Anchored biases are computed from the counts, also for words that a warm start knows.
    """
    describe(spark, "train: initial parameters")
    places = [(side, block) for side in range(len(SIDES)) for block in range(grid.num_blocks)]
    seed, size, adagrad = settings.seed, settings.vector_size, settings.accumulators
    new_words = None
    if start is not None and start.averages_new_words(settings.new_words):
        symmetric = bool(blocks.facts["symmetric"])
        new_words = NewWords(blocks.location, symmetric, grid, objective)
    shared = None if start is None else spark.sparkContext.broadcast(start)

    def make(place: tuple[int, int]) -> tuple[tuple[str, int], Location]:
        number, block = place
        side = SIDES[number]
        rng = derived_rng(seed, INITIAL, number, block)
        parameters = initial_parameters(grid.block_size(block), size, rng, adagrad)  # type: ignore[arg-type]
        if shared is not None:
            shared.value.overwrite(parameters, side, grid.global_ids(block))
            if new_words is not None:
                new_words.average(shared.value, parameters, side, block)
        fixed = terms.value.fixed_biases(side, grid.global_ids(block))
        if fixed is not None:
            parameters.biases[...] = fixed
        file = block_file(model, 0, side, block).temporary_sibling()
        file.parent.make_folder()
        write_parameters(parameters, file)
        return (side, block), file

    written = collected(spark.sparkContext.parallelize(places, len(places)).map(make))
    record = EpochRecord(epoch=0, cost=None, nnz=0, learning_rate=None, seconds=0.0)
    commit_epoch(model, record, dict(written), hasher)
    return record
