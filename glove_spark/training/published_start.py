"""Write published vectors as a model, from which training starts as from any other model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.blocks import cell_file, read_cell
from glove_spark.datasets.model import SIDES, block_file, write_parameters
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.starting import published_start
from glove_spark.kernels.starting.published_start import (
    Fit,
    Sample,
    fit_scale,
    frequency_biases,
    published_parameters,
)
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.unobserved import gram_matrix
from glove_spark.settings.stages import TrainSettings
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe
from glove_spark.training.epoch_plan import objective_of
from glove_spark.training.published import Published
from glove_spark.training.warm_start import WarmStart
from glove_spark.training.word_terms import AllTerms

log = logging.getLogger(__name__)

SAMPLE = 200_000
"""The least number of nonzeros between known words for the scale, if there are so many."""

GRAM_ROWS = 1 << 15
"""Vectors whose products are added at once."""

_SAMPLING = 5
"""Separates the sample from other random numbers of the same seed."""


def start_folder(model: Location) -> Location:
    """Return the folder, in an unfinished model, of the published vectors as a model."""
    return model / "start"


def place_published(
    published: Published,
    settings: TrainSettings,
    model: Location,
    blocks: Dataset,
    grid: BlockGrid,
    terms: AllTerms,
    counts: NDArray[np.int64],
) -> WarmStart:
    """Find the scale of the vectors and write them as a model with our words and blocks.

    The parameters of unknown words are zeros, which are not used. The folder is deleted with the
    unfinished model, or when training has ended.
    """
    objective = objective_of(settings)
    biases: list[NDArray[Any]]
    if terms.anchors is not None:
        biases = list(terms.anchors)
    else:
        biases = [frequency_biases(counts)] * len(SIDES)
    length = published_start.START_LENGTH
    everything, taken = _sampled(published, settings, blocks, grid, terms, biases)
    fit = fit_scale(
        everything,
        unobserved=_unobserved(published, objective, terms),
        sample_share=taken / max(int(blocks.facts["nnz"]), 1),
        with_intercept=not objective.anchored,
        length=length,
    )
    if fit is None:
        log.warning(
            "train: the vectors of %s do not agree with the counts: pairs of words with a larger "
            "scalar product do not co-occur more often; the vectors are scaled to the length of "
            "random ones",
            published.shown,
        )
        fit, length = Fit(_random_scale(published, settings.vector_size), 0.0), 1.0
    log.info("train: published vectors are multiplied by %.4g", length * fit.scale)
    folder = start_folder(model)
    for block in range(grid.num_blocks):
        ids = grid.global_ids(block)
        known = published.known[ids]
        vectors = np.zeros((len(ids), settings.vector_size), np.float32)
        vectors[known] = published.held.of(ids[known])
        vectors *= np.float32(length * fit.scale)
        for side, of_side in zip(SIDES, biases, strict=True):
            own = (of_side[ids] + fit.bias).astype(np.float32)
            file = block_file(folder, 0, side, block)
            file.parent.make_folder()
            write_parameters(published_parameters(vectors, own, settings.accumulators), file)  # type: ignore[arg-type]
    facts = {
        "vector_size": settings.vector_size,
        "num_blocks": grid.num_blocks,
        "epoch": 0,
        "adagrad": settings.accumulators,
        "vocabulary_size": grid.vocabulary_size,
    }
    recipe = Recipe("start", FORMAT_VERSIONS["model"], {}, {})
    own_ids = np.arange(grid.vocabulary_size, dtype=np.int32)
    own_ids[~published.known] = -1
    return WarmStart(
        Dataset(folder, Manifest(recipe, {}, facts)), own_ids, published=True, length=length
    )


def _sampled(
    published: Published,
    settings: TrainSettings,
    blocks: Dataset,
    grid: BlockGrid,
    terms: AllTerms,
    biases: list[NDArray[Any]],
) -> tuple[list[Sample], int]:
    """Draw nonzeros, cell by cell until there are enough; return them and how many were drawn.

    Nonzeros of unknown words are drawn too, and dropped; the number includes them.
    """
    rng = derived_rng(settings.seed, _SAMPLING)
    objective = objective_of(settings)
    # a few cells, and some nonzeros of each batch, because those of one batch share words
    rate = min(1.0, 8 * SAMPLE / max(int(blocks.facts["nnz"]), 1))
    samples: list[Sample] = []
    drawn = found = 0
    for rows, cols, logs in _nonzeros(blocks, grid, rng):
        chosen = rng.random(len(logs)) < rate
        drawn += int(np.count_nonzero(chosen))
        chosen &= published.known[rows] & published.known[cols]
        if chosen.any():
            i, j, log_count = rows[chosen], cols[chosen], logs[chosen]
            weighed = log_count
            if terms.log_keep is not None:
                weighed = log_count + terms.log_keep[i] + terms.log_keep[j]
            left, right = published.held.of(i), published.held.of(j)
            samples.append(
                Sample(
                    objective.weights(weighed).astype(np.float64),
                    np.vecdot(left, right).astype(np.float64),
                    (log_count - biases[0][i] - biases[1][j]).astype(np.float64),
                )
            )
            found += len(i)
        if found >= SAMPLE:
            break
    return samples, drawn


def _nonzeros(
    blocks: Dataset, grid: BlockGrid, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Yield the nonzeros in random order of cells and of their batches: ids and ln x."""
    symmetric = bool(blocks.facts["symmetric"])
    cells = [(p, q) for p in range(grid.num_blocks) for q in range(grid.num_blocks)]
    for number in rng.permutation(len(cells)):
        p, q = cells[number]
        if not (grid.block_size(p) and grid.block_size(q)):
            continue
        file = cell_file(blocks.location, p, q, symmetric=symmetric)
        shape = grid.block_size(p), grid.block_size(q)
        cell = read_cell(file.location, shape[::-1] if file.transposed else shape)
        for batch, turned in cell.visits(rng):
            rows, cols, logs = batch.nonzeros()
            if turned != file.transposed:
                rows, cols = cols, rows
            yield grid.global_ids(p)[rows], grid.global_ids(q)[cols], logs


def _unobserved(published: Published, objective: Objective, terms: AllTerms) -> float:
    """Return ``nu sum g_i g_j / G q_ij^2`` over all pairs of known words."""
    if objective.unobserved == 0 or terms.shares is None:
        return 0.0
    known = np.flatnonzero(published.known)
    grams = [np.zeros(2 * (published.held.rows.shape[1],)) for _ in SIDES]
    for start in range(0, len(known), GRAM_ROWS):
        ids = known[start : start + GRAM_ROWS]
        vectors = published.held.of(ids)
        for gram, share in zip(grams, terms.shares, strict=True):
            gram += gram_matrix(vectors, share[ids])
    return objective.unobserved * float(np.vdot(*grams))


def _random_scale(published: Published, vector_size: int) -> float:
    """Return the scale for which vectors are as long as random initial ones."""
    known = np.flatnonzero(published.known)[:GRAM_ROWS]
    length = float(np.linalg.norm(published.held.of(known), axis=1).mean())
    return float(1 / (np.sqrt(12 * vector_size) * length))
