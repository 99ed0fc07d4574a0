"""A model on disk: for every epoch and block, the parameters of both sides.

There is one Arrow file per block and side, with one record per word: ``vector``, ``bias`` and their
accumulators. Word ``id`` is record ``id // P`` of block ``id % P``. The words are in a separate
file, as in a vocabulary. See docs/FORMATS.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from glove_spark.datasets.arrow_files import read_record_batch, write_record_batch
from glove_spark.kernels.training.parameters import Parameters, adam_size
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset

SIDES = ("W", "W_tilde")
"""The word side (rows of the matrix) and the context side (columns)."""


def epoch_folder(model: Location, epoch: int) -> Location:
    """Return the folder of an epoch; epoch 0 is the state before training."""
    return model / f"epoch-{epoch:04d}"


def block_file(model: Location, epoch: int, side: str, block: int) -> Location:
    """Return the file of a block of one side after an epoch."""
    return epoch_folder(model, epoch) / f"{side}-{block:05d}.arrow"


def schema(vector_size: int, adagrad: str) -> pa.Schema:
    """Return the schema of a block file; all columns are float32."""
    vector = pa.list_(pa.float32(), vector_size)
    states = {
        "row": pa.float32(),
        "element": vector,
        "adam": pa.list_(pa.float32(), adam_size(vector_size)),
    }
    return pa.schema(
        [
            ("vector", vector),
            ("bias", pa.float32()),
            ("vector_gradsq", states[adagrad]),
            ("bias_gradsq", pa.float32()),
        ]
    )


def write_parameters(parameters: Parameters, target: Location) -> None:
    """Write one block of one side."""
    wanted = schema(parameters.vectors.shape[1], parameters.accumulators)
    write_record_batch(pa.record_batch(parameter_columns(parameters), schema=wanted), target)


def parameter_columns(parameters: Parameters) -> list[pa.Array]:
    """Return the columns of the file of a block, with the names of `schema`."""
    return [
        _column(parameters.vectors),
        _column(parameters.biases),
        _column(parameters.vector_gradsq),
        _column(parameters.bias_gradsq),
    ]


def read_parameters(source: Location, vector_size: int, adagrad: str) -> Parameters:
    """Read one block of one side into new arrays, which training may change."""
    columns = read_record_batch(source, schema(vector_size, adagrad)).columns
    return Parameters(*(array_of(column).copy() for column in columns))


def gather_parameters(
    model: Dataset, side: str, ids: NDArray[np.integer[Any]], epoch: int | None = None
) -> Parameters:
    """Gather the parameters of some words on one side from their blocks.

    Parameters
    ----------
    ids
        (n,), in any order.
    epoch
        The number of the epoch, by default the last.

    Returns
    -------
    `Parameters`
        The parameters of n words, in the order of ``ids``, in new arrays.
    """
    facts = model.facts
    size, num_blocks = int(facts["vector_size"]), int(facts["num_blocks"])
    epoch = int(facts["epoch"]) if epoch is None else epoch
    wanted = schema(size, str(facts["adagrad"]))
    shapes = [
        (len(ids), kind.list_size) if pa.types.is_fixed_size_list(kind) else len(ids)
        for kind in wanted.types
    ]
    found = Parameters(*(np.empty(shape, np.float32) for shape in shapes))
    owners = np.asarray(ids) % num_blocks
    for block in np.unique(owners).tolist():
        places = np.flatnonzero(owners == block)
        rows = np.asarray(ids)[places] // num_blocks
        batch = read_record_batch(block_file(model.location, epoch, side, block), wanted)
        for values, column in zip(vars(found).values(), batch.columns, strict=True):
            values[places] = array_of(column)[rows]
    return found


def read_vectors(
    model: Location,
    epoch: int,
    block: int,
    vector_size: int,
    adagrad: str,
    combine: str,
    rows: slice = slice(None),
) -> NDArray[np.float32]:
    """Read the vectors of the words of a block, (n, d), or (n, 2d) for both sides.

    Parameters
    ----------
    combine
        ``"sum"`` for w + w~ (Pennington et al. 2014, section 4.2), ``"word"`` or
        ``"context"`` for one side, ``"concat"`` for [w ; w~], 2d numbers.
    rows
        The words, by their position in the block.
    """
    sides: Sequence[str] = {"word": SIDES[:1], "context": SIDES[1:]}.get(combine, SIDES)
    wanted = schema(vector_size, adagrad)
    parts = [
        array_of(read_record_batch(block_file(model, epoch, side, block), wanted).column(0))[rows]
        for side in sides
    ]
    if combine == "concat":
        return np.hstack(parts)
    total: NDArray[np.float32] = np.sum(parts, axis=0, dtype=np.float32)
    return total


@dataclass(frozen=True)
class ModelVectors:
    """The vectors of a model's last epoch, gathered from its blocks by id.

    Attributes
    ----------
    combine
        ``"sum"``, ``"word"``, ``"context"`` or ``"concat"``, as in `read_vectors`.
    center
        float32, a vector that is subtracted from every vector; None for nothing.
    """

    model: Dataset
    combine: str
    center: NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """V and the size of a vector, which is 2d for both sides."""
        facts, sides = self.model.facts, 2 if self.combine == "concat" else 1
        return int(facts["vocabulary_size"]), sides * int(facts["vector_size"])

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read the vectors of ids ``start`` to ``stop``: a range of local rows of every block."""
        facts = self.model.facts
        vocabulary_size, size = self.shape
        num_blocks = int(facts["num_blocks"])
        found = np.empty((min(stop, vocabulary_size) - start, size), np.float32)
        for block in range(min(num_blocks, vocabulary_size)):
            # the first id of this block at or after start, and its local row
            first = start + (block - start) % num_blocks
            part = found[first - start :: num_blocks]
            if len(part):
                local = first // num_blocks
                part[:] = read_vectors(
                    self.model.location,
                    int(facts["epoch"]),
                    block,
                    int(facts["vector_size"]),
                    str(facts["adagrad"]),
                    self.combine,
                    slice(local, local + len(part)),
                )
        return found if self.center is None else found - self.center


def _column(values: NDArray[np.float32]) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
    if values.ndim == 1:
        return flat
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def array_of(column: pa.Array) -> NDArray[Any]:
    """Return a column as an array, a view of it."""
    if pa.types.is_fixed_size_list(column.type):
        flat: NDArray[Any] = column.values.to_numpy(zero_copy_only=True)
        return flat.reshape(len(column), column.type.list_size)
    values: NDArray[Any] = column.to_numpy(zero_copy_only=True)
    return values
