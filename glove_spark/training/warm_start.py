"""A warm start: copy parameters from another model by spelling, and initialize new words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.blocks import cell_file, read_cell
from glove_spark.datasets.model import SIDES, gather_parameters
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.starting.new_words import ContextAverage
from glove_spark.kernels.training.objective import Objective, References
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.settings.stages import TrainSettings
from glove_spark.store.checksums import Hasher
from glove_spark.store.dataset import manifest_of, open_dataset
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest
from glove_spark.store.versions import resolved
from glove_spark.training.published import Published, published_fingerprint, read_published

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WarmStart:
    """The model that training starts from, and its ids of the words of the vocabulary.

    Attributes
    ----------
    model
        The earlier model.
    ids
        int32 (V,): its id for each of our ids; -1 if it does not know the word.
    published
        Whether the model was made from published vectors.
    length
        The length of the vectors, as a share of that of the references that words stay near.
    """

    model: Dataset
    ids: NDArray[np.int32]
    published: bool = False
    length: float = 1.0

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which words of the vocabulary it knows, bool (V,)."""
        return self.ids >= 0

    @property
    def num_known(self) -> int:
        """How many words of the vocabulary it knows."""
        return int(np.count_nonzero(self.ids >= 0))

    def averages_new_words(self, new_words: str) -> bool:
        """Return whether new words start at the average of their contexts (``new_words``)."""
        return new_words == "average" or (new_words == "auto" and self.published)

    def overwrite(self, parameters: Parameters, side: str, ids: NDArray[np.int64]) -> None:
        """Give known words among some words the earlier parameters of one side.

        Parameters
        ----------
        parameters
            The parameters of the words ``ids``; changed in place.
        """
        known = np.flatnonzero(self.ids[ids] >= 0)
        earlier = gather_parameters(self.model, side, self.ids[ids[known]])
        for mine, theirs in zip(vars(parameters).values(), vars(earlier).values(), strict=True):
            mine[known] = theirs

    def references(self, side: str, grid: BlockGrid, block: int) -> References:
        """Return the references that the words of a block are kept near: the earlier vectors.

        Those of published vectors have their full length.
        """
        ids = self.ids[grid.global_ids(block)]
        places = np.flatnonzero(ids >= 0)
        earlier = gather_parameters(self.model, side, ids[places])
        # in an epoch, a block is visited once with each block of the other side
        vectors = earlier.vectors / np.float32(self.length)
        return References(places, vectors, 1 / grid.num_blocks)


@dataclass(frozen=True)
class NewWords:
    """The plan for averaging the contexts of new words; it is small and sent with each task.

    Attributes
    ----------
    blocks, symmetric
        The folder of the cells, and whether a cell and its transpose share one file.
    """

    blocks: Location
    symmetric: bool
    grid: BlockGrid
    objective: Objective

    def average(self, start: WarmStart, parameters: Parameters, side: str, block: int) -> None:
        """Set the new words of a block of one side to the average of their contexts.

        If there are no new words, nothing is read.
        """
        is_new = start.ids[self.grid.global_ids(block)] < 0
        if not is_new.any():
            return
        size = parameters.vectors.shape[1]
        sums = ContextAverage(is_new, size, self.objective)
        by_columns = side == SIDES[1]
        other_side = SIDES[0] if by_columns else SIDES[1]
        for context_block in range(self.grid.num_blocks):
            contexts = self.grid.global_ids(context_block)
            if not len(contexts):
                continue
            cell = (context_block, block) if by_columns else (block, context_block)
            file = cell_file(self.blocks, *cell, symmetric=self.symmetric)
            shape = tuple(map(self.grid.block_size, cell))
            # the bytes of the file were verified, and training checks its indices again
            batches = read_cell(file.location, shape[::-1] if file.transposed else shape)  # type: ignore[arg-type]
            known = np.flatnonzero(start.ids[contexts] >= 0)
            sums.add(
                batches,
                start.ids[contexts] >= 0,
                *(
                    _scattered(start, each, contexts[known], known, len(contexts))
                    for each in (side, other_side)
                ),
                transposed=file.transposed != by_columns,
            )
        sums.apply(parameters)


def _scattered(
    start: WarmStart, side: str, ids: NDArray[np.int64], places: NDArray[np.int64], size: int
) -> Parameters:
    """Place earlier parameters at their positions among ``size`` words."""
    found = gather_parameters(start.model, side, start.ids[ids])
    whole = Parameters(
        *(np.zeros((size, *values.shape[1:]), np.float32) for values in vars(found).values())
    )
    for values, some in zip(vars(whole).values(), vars(found).values(), strict=True):
        values[places] = some
    return whole


def warm_start_fingerprint(settings: TrainSettings) -> Mapping[str, str]:
    """Return the fingerprint of the model that training starts from, for the recipe."""
    if settings.warm_start is None:
        return {}
    location = locate_model(settings.warm_start)
    if location is None:
        return {"warm_start": published_fingerprint(settings.warm_start)}
    manifest = manifest_of(location)
    return {} if manifest is None else {"warm_start": manifest.fingerprint}


def open_warm_start(
    settings: TrainSettings, vocabulary: Vocabulary, hasher: Hasher
) -> WarmStart | Published:
    """Open the earlier model, or published vectors, and find the words of the vocabulary.

    Raises
    ------
    InputError
        If the path has neither.
    DatasetError
        If it is damaged.
    ConfigurationError
        If its vectors or accumulators have another shape, or it knows none of our words.
    """
    shown = settings.warm_start
    location = locate_model(str(shown))
    if location is None:
        return read_published(settings, vocabulary)
    model = open_dataset(location, hasher=hasher)
    given = {"vector_size": settings.vector_size, "adagrad": settings.accumulators}
    for name, wanted in given.items():
        found = model.facts[name]
        if wanted != found:
            flag = "--" + name.replace("_", "-")
            if "adam" in (wanted, found):
                name, flag = "optimizer", "--optimizer"
                wanted, found = (each if each == "adam" else "adagrad" for each in (wanted, found))
            raise ConfigurationError(
                f"{name}={wanted} must equal that of warm_start={shown}, which is {found}; "
                f"give {flag} {found}, or start from another model"
            )
    ids = Vocabulary.read(model.location).ids_of(vocabulary.words)
    start = WarmStart(model, ids)
    if not start.num_known:
        raise ConfigurationError(
            f"warm_start={shown} has no vector for any of the {len(vocabulary):,} words; start "
            "from a model of the same language and tokenizer"
        )
    log.info(
        "train: starts from %s: %s words known, %s new",
        model.location.shown,
        f"{start.num_known:,}",
        f"{len(vocabulary) - start.num_known:,}",
    )
    return start


def locate_model(path: str) -> Location | None:
    """Find a model: the folder itself, or that in an output folder; None if there is none."""
    location = resolved(Location.of(path))
    inside = location / "model"
    if Manifest.location(inside).exists():
        return inside
    if location.name == "model" and Manifest.location(location).exists():
        return location
    return None
