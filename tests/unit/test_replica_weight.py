"""The weight of a replica: sums over each row and column, compared with a dense matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.cells import BatchedCell, Lists
from glove_spark.kernels.training.objective import NO_TERMS, Objective, References, WordTerms
from glove_spark.kernels.training.parameters import Parameters, initial_parameters
from glove_spark.kernels.training.replica_weight import ReplicaWeight
from glove_spark.kernels.training.update import StepSettings, train_cell

OBJECTIVE = Objective(x_max=10.0, alpha=0.75)
STILL, FAST = 1e-12, 0.5
"""Learning rates: with the first, no float32 changes."""

accumulators = pytest.mark.parametrize("adagrad", ["row", "element"])
biases = pytest.mark.parametrize("anchored", [True, False], ids=["anchored", "trained"])
densities = pytest.mark.parametrize("density", [0.1, 0.3, 0.9], ids=["sparse", "mixed", "tiles"])


class Cell(NamedTuple):
    """A random cell of 90 x 80 words, as batches and as a dense matrix."""

    batches: BatchedCell
    counts: np.ndarray
    words: list[Parameters]

    @classmethod
    def of(cls, density: float, adagrad: str = "row") -> Cell:
        rng = np.random.default_rng(1)
        counts = rng.integers(1, 40, (90, 80)) * (rng.random((90, 80)) < density).astype(float)
        rows, cols = np.nonzero(counts)
        batches = batch_cell(rows, cols, np.log(counts[rows, cols]).astype(np.float32))
        assert set(batches.side > 0) == {0.1: {False}, 0.3: {False, True}, 0.9: {True}}[density]
        return cls(batches, counts, [initial_parameters(n, 4, rng, adagrad) for n in counts.shape])

    def train(self, rate: float, objective: Objective, **options) -> list[ReplicaWeight]:
        """Train the words and return the weights of both sides."""
        weights = [ReplicaWeight.nothing(len(side.biases)) for side in self.words]
        settings = StepSettings(rate, 0.1, objective, self.words[0].accumulators)
        named = dict(zip(("row_weight", "col_weight"), weights, strict=True))
        train_cell(self.batches, *self.words, settings, **named, **options)
        return weights

    def norms(self) -> list[np.ndarray]:
        return [(side.vectors.astype(float) ** 2).sum(axis=1) for side in self.words]


def assert_sums(weights, f, norms, anchored):
    """Compare with the sums of f (n, m), of rows and of columns."""
    for found, of_side, other_norms in zip(weights, (f, f.T), norms[::-1], strict=True):
        np.testing.assert_allclose(found.curvature, of_side @ other_norms, rtol=1e-5)
        sums = np.zeros(len(of_side)) if anchored else of_side.sum(axis=1)
        np.testing.assert_allclose(found.f, sums, rtol=1e-5)


@accumulators
@biases
@densities
@pytest.mark.parametrize("subsampled", [False, True])
def test_weights_are_the_sums_of_a_dense_matrix(density, subsampled, anchored, adagrad):
    cell = Cell.of(density, adagrad)
    rng = np.random.default_rng(2)
    logs = [np.log(rng.uniform(0.1, 1, n)).astype(np.float32) for n in cell.counts.shape]
    weighed = cell.counts * np.exp(logs[0][:, None] + logs[1]) if subsampled else cell.counts
    terms = [WordTerms(log_keep) for log_keep in logs] if subsampled else [NO_TERMS] * 2
    f = np.minimum(1, (weighed / 10) ** 0.75)
    objective = replace(OBJECTIVE, anchored=anchored)
    found = cell.train(STILL, objective, row_terms=terms[0], col_terms=terms[1])
    assert_sums(found, f, cell.norms(), anchored)
    turned = cell._replace(words=cell.words[::-1])
    found = turned.train(STILL, objective, row_terms=terms[1], col_terms=terms[0], transposed=True)
    assert_sums(found[::-1], f, cell.norms(), anchored)


def single_batches(cell: BatchedCell) -> Iterator[BatchedCell]:
    """Yield each batch as a cell."""
    for k in range(cell.num_batches):
        yield BatchedCell(
            **{
                name: Lists(np.array([0, len(values[k])]), values[k])
                if isinstance(values, Lists)
                else values[k : k + 1]
                for name, values in vars(cell).items()
            }
        )


@biases
@densities
def test_each_nonzero_weighs_by_the_vectors_before_its_batch(density, anchored):
    objective = replace(OBJECTIVE, anchored=anchored)
    cell, same = Cell.of(density), Cell.of(density)
    before, expected = cell.norms(), [ReplicaWeight.nothing(n) for n in (90, 80)]
    for batch in single_batches(same.batches):
        (rows, cols, log_counts), *_ = batch.nonzeros()
        f, norms = objective.weights(log_counts.copy()).astype(float), same.norms()
        for weight, own, other, other_norms in zip(
            expected, (rows, cols), (cols, rows), norms[::-1], strict=True
        ):
            np.add.at(weight.curvature, own, f * other_norms[other])
            if not anchored:
                np.add.at(weight.f, own, f)
        same._replace(batches=batch).train(FAST, objective)
    found = cell.train(FAST, objective)
    for weight, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(weight.curvature, wanted.curvature, rtol=1e-5)
        np.testing.assert_allclose(weight.f, wanted.f, rtol=1e-5)
    # the vectors have moved far
    assert np.median(cell.norms()[0] / before[0]) > 2


def test_a_mirrored_cell_weighs_both_ways():
    rng = np.random.default_rng(3)
    half = np.triu(rng.integers(1, 30, (90, 90)) * (rng.random((90, 90)) < 0.4), 1)
    rows, cols = np.nonzero(half)
    cell = batch_cell(rows, cols, np.log(half[rows, cols]).astype(np.float32)).as_mirrored()
    words = [initial_parameters(90, 4, rng) for _ in range(2)]
    found = Cell(cell, half, words)
    f = np.minimum(1, ((half + half.T) / 10) ** 0.75)
    assert_sums(found.train(STILL, OBJECTIVE), f, found.norms(), anchored=False)


@accumulators
@biases
@densities
def test_measuring_weights_does_not_change_the_parameters(density, anchored, adagrad):
    objective = replace(OBJECTIVE, anchored=anchored)
    measured, plain = Cell.of(density, adagrad), Cell.of(density, adagrad)
    measured.train(FAST, objective)
    train_cell(plain.batches, *plain.words, StepSettings(FAST, 0.1, objective, adagrad))
    for side, other in zip(measured.words, plain.words, strict=True):
        for name, values in vars(side).items():
            assert values.tobytes() == getattr(other, name).tobytes(), name


def test_the_weights_of_cells_add_up_on_the_side_that_is_asked_for():
    cell = Cell.of(0.9)
    rows, _ = cell.train(STILL, OBJECTIVE)
    twice = ReplicaWeight.nothing(90)
    for _ in range(2):
        settings = StepSettings(STILL, 0.1, OBJECTIVE, "row")
        train_cell(cell.batches, *cell.words, settings, row_weight=twice)
    for once, both in zip(rows, twice, strict=True):
        assert once.all()
        np.testing.assert_allclose(both, 2 * once)


def test_a_word_that_is_kept_near_a_reference_weighs_more():
    cell = Cell.of(0.9)
    _, plain = cell.train(STILL, OBJECTIVE)
    near = References(np.array([1, 3]), np.zeros((2, 4), np.float32), visit_share=0.5)
    objective = replace(OBJECTIVE, stay=3.0)
    _, found = cell.train(STILL, objective, col_terms=WordTerms(references=near))
    more = found.curvature - plain.curvature
    # the trace of mu |w - r|^2 in half of an epoch's visits: 2 mu d / 2
    np.testing.assert_allclose(more, [0, 12, 0, 12, *[0] * 76], atol=1e-9)
    np.testing.assert_array_equal(found.f, plain.f)


def test_adam_has_no_weights():
    cell = Cell.of(0.9, "adam")
    with pytest.raises(ValueError, match='adagrad="adam" measures no weights of replicas; omit'):
        cell.train(STILL, OBJECTIVE)
