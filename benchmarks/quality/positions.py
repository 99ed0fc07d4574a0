"""Train with two context vectors per word, one for each side of a word, by the kernels alone.

    glove-spark run --input TEXTS --output RUN --window-size 15 --num-blocks 2 --left-only
    python -m benchmarks.quality.positions --run RUN --vector-size 50 --seeds 1 2 3

Contexts that are distinguished by their position help skip-gram and LexVec with syntax (Salle,
Villavicencio and Idiart 2016). Here the contexts before a word have the vectors l, and those after
it r: a left-only matrix has the counts of the first, and its transpose those of the second. So the
model is that of a V x 2V matrix, with the default objective. A cell is trained twice per epoch, as
it is and transposed. The program scores w, w + (l + r) / 2 and w + l + r, and appends a record
each to records/objective.jsonl.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.objective import Run, Trained, option_value
from benchmarks.quality.scores import reference_data, scores_of
from benchmarks.records.record import HERE, append_record, provenance
from glove_spark.kernels.training.margins import Margins, anchors, shares
from glove_spark.kernels.training.objective import WordTerms
from glove_spark.kernels.training.update import CellLoss
from glove_spark.settings.stages import TrainSettings
from glove_spark.training.word_terms import AllTerms
from glove_spark.vectors.word_vectors import WordVectors

WORD, LEFT, RIGHT = "word", "left", "right"
SETS = (WORD, LEFT, RIGHT)
"""The three sets of vectors."""

Float32 = NDArray[np.float32]


class OnBothSides(Trained):
    """One training of w, l and r."""

    sets = SETS

    def combined(self, factor: float) -> WordVectors:
        """Return ``w + factor * (l + r)``."""
        grid = self.run.grid
        found = np.zeros((grid.vocabulary_size, self.settings.vector_size), np.float32)
        for name in SETS:
            weight = np.float32(1 if name == WORD else factor)
            for block in range(grid.num_blocks):
                found[grid.global_ids(block)] += weight * self.parameters[name, block].vectors
        return WordVectors(self.run.vocabulary.words, found)

    def _measured(self) -> AllTerms:
        """Measure both sides of the matrix; the V x 2V matrix has their sums."""
        rows, columns = self.sums(), self.sums(transposed=True)
        both = rows.plus(columns)
        size = self.run.grid.vocabulary_size
        # a context before a word is a column of the matrix, and one after it is a row
        contexts = Margins(*map(np.concatenate, zip(columns, rows, strict=True)))
        of_words, of_contexts = anchors(
            both.counts, contexts.counts, self.objective.context_smoothing
        )
        self.fixed = dict(
            zip(SETS, (of_words, of_contexts[:size], of_contexts[size:]), strict=True)
        )
        share, context_share = shares(both.weights, contexts.weights)
        self.shares = dict(
            zip(SETS, (share, context_share[:size], context_share[size:]), strict=True)
        )
        return AllTerms(self.log_keep())

    def _train_cell(self, cell: tuple[int, int, int]) -> tuple[CellLoss, float]:
        """Train a cell as it is and transposed, in an order that changes by epoch."""
        row_block, column_block, epoch = cell
        order = (LEFT, RIGHT) if epoch % 2 else (RIGHT, LEFT)
        found = [self._train_side(name, row_block, column_block, epoch) for name in order]
        (first, spent), (second, more) = found
        both = CellLoss(
            first.cost_sum + second.cost_sum,
            first.nnz + second.nnz,
            first.unobserved_sum + second.unobserved_sum,
        )
        return both, spent + more

    def _train_side(
        self, name: str, row_block: int, column_block: int, epoch: int
    ) -> tuple[CellLoss, float]:
        places = (row_block, column_block) if name == LEFT else (column_block, row_block)
        cell, transposed = self.run.cell(*places)
        return self.train_batches(
            cell,
            ((WORD, row_block), (name, column_block)),
            epoch,
            SETS.index(name),
            transposed=transposed != (name == RIGHT),
        )

    def fixed_biases(self, side: str, block: int) -> Float32:
        """Return the anchors of the words of a block of one of the three sets."""
        return self.fixed[side][self.run.grid.global_ids(block)]

    def terms_of(self, side: str, block: int) -> WordTerms:
        """Return the terms of the words of a block of one of the three sets."""
        ids = self.run.grid.global_ids(block)
        keep = self.terms.log_keep
        return WordTerms(None if keep is None else keep[ids], self.shares[side][ids])


def main() -> None:
    """Train with every seed, score and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="a folder with left-only blocks")
    parser.add_argument("--corpus", default="", help="what to call it in the record")
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--option", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--record", default=str(HERE / "objective.jsonl"))
    given = parser.parse_args()
    run, data = Run.open(given.run), reference_data()
    if run.symmetric:
        parser.error(f"--run {given.run} has a symmetric matrix; make one with --left-only")
    options: dict[str, Any] = dict(map(option_value, given.option))
    for seed in given.seeds:
        settings = TrainSettings(vector_size=given.vector_size)
        trained = OnBothSides(run, dataclasses.replace(settings, **options, seed=seed))
        costs = trained.train()
        for name, factor in (("w", 0.0), ("w + (l + r) / 2", 0.5), ("w + l + r", 1.0)):
            scores = scores_of(trained.combined(factor), data)
            record = provenance() | {
                "corpus": given.corpus or given.run.name,
                "num_blocks": run.grid.num_blocks,
                "contexts": f"left and right, {name}",
                "options": trained.settings.as_dict(only_result=True),
                **costs,
                "scores": scores,
            }
            append_record(given.record, record)
            values = {key: score["value"] for key, score in scores.items()}
            print(f"seed {seed}, {name}", values, costs["processor_seconds_per_epoch"], flush=True)


if __name__ == "__main__":
    main()
