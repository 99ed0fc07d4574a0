"""The plan that the tasks of an epoch receive, and the files of its parameters."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark import Broadcast

from glove_spark.datasets.blocks import CellFile
from glove_spark.datasets.model import (
    SIDES,
    block_file,
    epoch_folder,
    read_parameters,
    write_parameters,
)
from glove_spark.datasets.replicas import read_replica, write_replica
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.merge import Replica
from glove_spark.kernels.training.objective import WordTerms
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.kernels.training.update import StepSettings
from glove_spark.store.location import Location
from glove_spark.training.warm_start import WarmStart
from glove_spark.training.word_terms import AllTerms

ROWS, COLUMNS = SIDES

Place = tuple[str, int]
"""A side and the number of a block."""

Placement = dict[Place, Location]
"""The file with the present parameters of each place."""


@dataclass(frozen=True)
class EpochPlan:
    """The plan that every task of one epoch receives; it is small, because it is sent with each.

    Attributes
    ----------
    blocks, symmetric
        The folder of the cells, and whether a cell and its transpose share one file.
    model
        The folder of the model, in which the epoch has a folder.
    update
        The epoch's learning rate and the objective.
    terms
        The terms of the objective per word.
    check_cells
        Whether to check the indices of the cells before training, as in the first epoch of a run.
    near
        The vectors that words are kept near; None without ``stay``.
    """

    epoch: int
    seed: int
    blocks: Location
    symmetric: bool
    model: Location
    grid: BlockGrid
    vector_size: int
    update: StepSettings
    terms: Broadcast[AllTerms]
    check_cells: bool
    near: Broadcast[WarmStart] | None = None

    @property
    def folder(self) -> Location:
        """The folder of this epoch."""
        return epoch_folder(self.model, self.epoch)

    def read(self, file: Location) -> Parameters:
        """Read a parameter block to train."""
        return read_parameters(file, self.vector_size, self.update.adagrad)

    def read_replica(self, file: Location) -> Replica:
        """Open a replica for reading."""
        return read_replica(file, self.vector_size, self.update.adagrad)

    def write(self, parameters: Parameters, side: str, block: int) -> Location:
        """Write a parameter block under a name that no other attempt uses."""
        file = block_file(self.model, self.epoch, side, block).temporary_sibling()
        write_parameters(parameters, file)
        return file

    def write_replica(self, replica: Replica, side: str, block: int) -> Location:
        """Write a replica, for the merge, under a name that no other attempt uses."""
        file = block_file(self.model, self.epoch, side, block).temporary_sibling()
        write_replica(replica, file)
        return file

    def stored_shape(
        self, row_block: int, column_block: int, source: CellFile
    ) -> tuple[int, int] | None:
        """Return the shape for checking the file of a cell; None if it was already checked."""
        if not self.check_cells:
            return None
        shape = self.grid.block_size(row_block), self.grid.block_size(column_block)
        return shape[::-1] if source.transposed else shape

    def terms_of(self, side: str, block: int) -> WordTerms:
        """Return the terms of the objective for the words of a block on one side."""
        return self.terms.value.of(side, self.grid.global_ids(block))

    def trained_terms_of(self, side: str, block: int) -> WordTerms:
        """Return these terms, and the vectors that the words are kept near."""
        terms = self.terms_of(side, block)
        if self.near is None:
            return terms
        return terms._replace(references=self.near.value.references(side, self.grid, block))
