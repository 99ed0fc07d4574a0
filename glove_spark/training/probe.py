"""Show the neighbours of probe words after an epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glove_spark.datasets.model import read_vectors
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.settings.stages import TrainSettings
from glove_spark.store.location import Location

NEIGHBORS = 8


def describe_neighbors(
    model: Location,
    epoch: int,
    grid: BlockGrid,
    settings: TrainSettings,
    vocabulary: Vocabulary,
) -> list[str]:
    """Write one line per probe word: its nearest words by cosine of w + w~.

    The vectors are read block by block, so the driver holds one block at a time.
    """
    if not settings.probe:
        return []
    probe_ids = vocabulary.ids_of(settings.probe)

    def unit_vectors(block: int) -> NDArray[np.float32]:
        found = read_vectors(
            model, epoch, block, settings.vector_size, settings.accumulators, "sum"
        )
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(norms, 1e-12), dtype=np.float32)

    queries = np.stack(
        [unit_vectors(grid.block_of(word).item())[grid.local_of(word)] for word in probe_ids]
    )
    ids, scores = [], []
    for block in range(grid.num_blocks):
        similarity = queries @ unit_vectors(block).T
        # one more than shown, because a word is its own nearest neighbour
        best = np.argsort(-similarity, axis=1, kind="stable")[:, : NEIGHBORS + 1]
        ids.append(grid.global_ids(block)[best])
        scores.append(np.take_along_axis(similarity, best, axis=1))
    all_ids, all_scores = np.hstack(ids), np.hstack(scores)
    lines = []
    for probe, own_id, found, score in zip(
        settings.probe, probe_ids, all_ids, all_scores, strict=True
    ):
        order = [k for k in np.argsort(-score, kind="stable") if found[k] != own_id][:NEIGHBORS]
        shown = ", ".join(f"{vocabulary.words[found[k]]} {score[k]:.2f}" for k in order)
        lines.append(f"train: {probe} ~ {shown}")
    return lines
