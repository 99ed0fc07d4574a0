"""The fast update: equal to the reference on one nonzero, bounded, and it finds planted models."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.cells import ABSENT, BatchedCell, Lists
from glove_spark.kernels.reference import ReferenceSide, train_epoch
from glove_spark.kernels.training import objective, products
from glove_spark.kernels.training.objective import Objective, WordTerms
from glove_spark.kernels.training.parameters import Parameters, initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.update import StepSettings, train_cell

OBJECTIVE = [field.name for field in fields(Objective)]


def update_settings(**given) -> StepSettings:
    """Use the usual constants unless the test sets them."""
    usual = {"x_max": 10.0, "alpha": 0.75}
    terms = {name: given.pop(name) for name in OBJECTIVE if name in given}
    step = {"learning_rate": 0.5, "damping": 0.1, "adagrad": "row"}
    return StepSettings(objective=Objective(**(usual | terms)), **(step | given))


def dense_cell(log_counts: np.ndarray, **leaf_settings: float) -> BatchedCell:
    n, m = log_counts.shape
    rows, cols = np.divmod(np.arange(n * m), m)
    return batch_cell(rows, cols, log_counts.ravel().astype(np.float32), **leaf_settings)


def planted_log_counts(seed: int, n: int, rank: int) -> np.ndarray:
    """Make ``w.u + b + c`` of random parameters: a model of size `rank` fits it exactly."""
    rng = np.random.default_rng(seed)
    w, u = rng.standard_normal((2, n, rank)) / math.sqrt(rank)
    return w @ u.T + 0.5 * rng.standard_normal((n, 1)) + 0.5 * rng.standard_normal(n)


def train(
    cell: BatchedCell, n: int, d: int, epochs: int, start: float = 0.5, **constants
) -> list[float]:
    """Train from fresh parameters, eta falling to a tenth; return the mean cost of each epoch."""
    adagrad = constants.get("adagrad", "row")
    rows = initial_parameters(n, d, derived_rng(1, 0), adagrad)
    columns = initial_parameters(n, d, derived_rng(1, 1), adagrad)
    costs = []
    for epoch in range(epochs):
        rate = start * 0.1 ** (epoch / max(1, epochs - 1))
        loss = train_cell(
            cell,
            rows,
            columns,
            update_settings(learning_rate=rate, **constants),
            rng=derived_rng(1, 2, epoch),
        )
        costs.append(loss.cost_sum / loss.nnz)
    return costs


def joined(vectors: np.ndarray, biases: np.ndarray) -> np.ndarray:
    return np.concatenate([vectors, biases[:, np.newaxis]], axis=1)


@pytest.mark.parametrize("count", [0.3, 2.0, 40.0])
def test_one_nonzero_equals_the_oracle_without_damping(count):
    # At eta = 1, the biases of the reference, which do not use eta, take the same steps as ours.
    rng = np.random.default_rng(4)
    rows, columns = (initial_parameters(3, 5, rng, "element") for _ in range(2))
    oracle = [
        ReferenceSide.start(joined(side.vectors, side.biases).tolist()) for side in (rows, columns)
    ]
    expected = train_epoch([(1, 2, count)], *oracle, learning_rate=1.0, x_max=200.0, alpha=0.75)
    loss = train_cell(
        batch_cell(np.array([1]), np.array([2]), np.log([count], dtype=np.float32)),
        rows,
        columns,
        update_settings(learning_rate=1.0, damping=0.0, x_max=200.0, adagrad="element"),
    )
    assert loss.cost_sum == pytest.approx(expected, rel=1e-5)
    for side, truth in zip((rows, columns), oracle, strict=True):
        np.testing.assert_allclose(joined(side.vectors, side.biases), truth.vectors, atol=1e-6)
        np.testing.assert_allclose(
            joined(side.vector_gradsq, side.bias_gradsq), truth.gradsq, atol=1e-6
        )


def one_batch(log_counts: np.ndarray, present: np.ndarray, kind: str) -> BatchedCell:
    """Make one batch of all nonzeros by hand: the rule for leaves would not make such a batch."""
    n, m = log_counts.shape
    i, j = np.nonzero(present)
    fields = {
        "row_ids": np.arange(n, dtype=np.int32),
        "col_ids": np.arange(m, dtype=np.int32),
        "row_ptr": np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32),
        "col_index": j.astype(np.uint16),
        "log_count": log_counts[i, j].astype(np.float32),
    }
    if kind == "tiles":
        # two tiles of 8 x 8; the second is beyond the words and empty
        tiles = np.full((2, 8, 8), ABSENT)
        tiles[0, :n, :m] = np.where(present, log_counts, ABSENT)
        fields |= dict.fromkeys(("row_ids", "col_ids"), np.arange(2, dtype=np.int32))
        fields |= {"row_ptr": np.int32([]), "col_index": np.uint16([])}
        fields["log_count"] = tiles.ravel().astype(np.float32)
    return BatchedCell(
        side=np.int32([8 if kind == "tiles" else 0]),
        nnz=np.int32([len(i)]),
        mirrored=np.array([False]),
        **{name: Lists(np.array([0, len(array)]), array) for name, array in fields.items()},
    )


@pytest.mark.parametrize("kind", ["sparse", "tiles"])
@pytest.mark.parametrize("adagrad", ["row", "element"])
@pytest.mark.parametrize("keep", [False, True])
def test_a_batch_follows_the_documented_formula(kind, adagrad, keep):
    rng = np.random.default_rng(7)
    n, d, eta, kappa = 6, 3, 0.3, 0.2
    log_counts = rng.standard_normal((n, n))
    present = rng.random((n, n)) < 0.6
    cell = one_batch(log_counts, present, kind)
    sides = [initial_parameters(n, d, rng, adagrad) for _ in range(2)]
    log_keeps = [np.log(rng.random(n)).astype(np.float32) for _ in range(2)]
    old = [Parameters(*(x.astype(np.float64) for x in vars(side).values())) for side in sides]
    loss = train_cell(
        cell,
        *sides,
        update_settings(learning_rate=eta, damping=kappa, x_max=2.0, adagrad=adagrad),
        row_terms=WordTerms(log_keeps[0] if keep else None),
        col_terms=WordTerms(log_keeps[1] if keep else None),
    )

    keep_sum = log_keeps[0][:, np.newaxis] + log_keeps[1] if keep else 0.0
    f = np.where(present, np.minimum(1, (np.exp(log_counts + keep_sum) / 2.0) ** 0.75), 0)
    terms = (*(x for side in old for x in (side.vectors, side.biases)), log_counts, f)
    gradients = objective.dense_gradients(*terms)
    assert loss.cost_sum == pytest.approx(objective.dense_cost(*terms), rel=1e-5)
    squared_e = (f * objective.residuals(*terms[:5])) ** 2
    for side, was, other, gradient, bias_gradient, sq, weight in (
        (sides[0], old[0], old[1].vectors, *gradients[:2], squared_e, f),
        (sides[1], old[1], old[0].vectors, *gradients[2:], squared_e.T, f.T),
    ):
        h = weight @ ((other**2).sum(axis=1) + 1)
        bound = np.maximum(1 + kappa * eta * h, eta * h)  # every accumulator is still 1
        np.testing.assert_allclose(
            side.vectors, was.vectors - eta * gradient / bound[:, np.newaxis], atol=1e-6
        )
        np.testing.assert_allclose(side.biases, was.biases - eta * bias_gradient / bound, atol=1e-6)
        squares = sq @ other**2 if adagrad == "element" else sq @ (other**2).mean(axis=1)
        np.testing.assert_allclose(side.vector_gradsq, 1 + eta**2 * squares, rtol=1e-5)
        np.testing.assert_allclose(side.bias_gradsq, 1 + eta**2 * sq.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("kind", ["sparse", "tiles"])
def test_a_transposed_cell_is_the_cell_of_the_transposed_matrix(kind):
    rng = np.random.default_rng(3)
    log_counts, present = rng.standard_normal((5, 5)), rng.random((5, 5)) < 0.7
    results = []
    for matrix, where, transposed in (
        (log_counts, present, False),
        (log_counts.T, present.T, True),
    ):
        rows, columns = (initial_parameters(5, 4, derived_rng(1, s)) for s in range(2))
        cell = one_batch(matrix, where, kind)
        loss = train_cell(cell, rows, columns, update_settings(), transposed=transposed)
        results.append((loss.cost_sum, *vars(rows).values(), *vars(columns).values()))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_a_mirrored_batch_is_trained_as_itself_and_as_its_transpose():
    rng = np.random.default_rng(3)
    log_counts = rng.standard_normal((5, 5))
    present = np.triu(rng.random((5, 5)) < 0.8, 1)
    cell = one_batch(log_counts, present, "sparse")
    mirrored, twice = (
        [initial_parameters(5, 4, derived_rng(1, s)) for s in range(2)] for _ in "ab"
    )
    loss = train_cell(cell.as_mirrored(), *mirrored, update_settings())
    for transposed in (False, True):
        train_cell(cell, *twice, update_settings(), transposed=transposed)
    assert loss.nnz == 2 * present.sum()
    for one, other in zip(mirrored, twice, strict=True):
        np.testing.assert_array_equal(one.vectors, other.vectors)
        np.testing.assert_array_equal(one.bias_gradsq, other.bias_gradsq)


def test_words_without_nonzeros_keep_their_bytes():
    rows, columns = (initial_parameters(4, 3, np.random.default_rng(s)) for s in range(2))
    before = rows.copy(), columns.copy()
    train_cell(
        batch_cell(np.array([2]), np.array([0]), np.float32([1.6])),
        rows,
        columns,
        update_settings(),
    )
    for side, was, touched in ((rows, before[0], 2), (columns, before[1], 0)):
        for name in vars(side):
            now, then = getattr(side, name), getattr(was, name)
            assert now.dtype == np.float32
            assert (now[touched] != then[touched]).all()
            np.testing.assert_array_equal(np.delete(now, touched, 0), np.delete(then, touched, 0))


def test_an_empty_cell_changes_nothing():
    rows, columns = (initial_parameters(2, 3, np.random.default_rng(s)) for s in range(2))
    before = rows.copy()
    cell = batch_cell(np.array([], int), np.array([], int), np.float32([]))
    loss = train_cell(cell, rows, columns, update_settings(), rng=derived_rng(0))
    assert (loss.cost_sum, loss.nnz, loss.finite) == (0, 0, True)
    np.testing.assert_array_equal(rows.vectors, before.vectors)


def test_the_same_seed_gives_the_same_bytes():
    cell = dense_cell(planted_log_counts(3, 40, 4), max_staleness=2.0)
    results = []
    for _ in range(2):
        rows, columns = (initial_parameters(40, 4, derived_rng(1, s)) for s in range(2))
        train_cell(cell, rows, columns, update_settings(), rng=derived_rng(5))
        results.append((rows, columns))
    for one, other in zip(*results, strict=True):
        for name in vars(one):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(("n", "rank", "x_max"), [(40, 4, 1.0), (40, 4, 10.0), (200, 8, 1.0)])
@pytest.mark.parametrize("adagrad", ["row", "element"])
def test_a_planted_model_is_found(n, rank, x_max, adagrad):
    cell = dense_cell(planted_log_counts(0, n, rank))
    costs = train(cell, n, rank, epochs=60, x_max=x_max, adagrad=adagrad)
    assert max(costs) == costs[0]
    assert costs[-1] < 1e-3 * costs[0]


def test_fourteen_words_are_learnt_by_heart():
    costs = train(dense_cell(planted_log_counts(5, 14, 6)), 14, 20, epochs=100)
    assert max(costs) == costs[0]
    assert costs[-1] < 1e-2 * costs[0]


@settings(max_examples=25)
@given(
    start=st.floats(0.05, 1.0),
    x_max=st.sampled_from([1.0, 10.0, 100.0]),
    scale=st.sampled_from([1.0, 1e3]),
    d=st.sampled_from([10, 50, 300]),
    max_staleness=st.sampled_from([4.0, 20.0, 64.0]),
    damping=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_training_stays_finite_and_falls(start, x_max, scale, d, max_staleness, damping):
    log_counts = planted_log_counts(2, 120, 5) + math.log(scale)
    cell = dense_cell(log_counts, max_staleness=max_staleness)
    costs = train(cell, 120, d, 6, start=start, x_max=x_max, damping=damping)
    assert np.isfinite(costs).all()
    assert costs[-1] < 0.9 * costs[0]


def test_a_cost_that_is_not_finite_is_flagged():
    rows, columns = (initial_parameters(1, 3, np.random.default_rng(s)) for s in range(2))
    rows.vectors[...] = np.float32(1e30)
    columns.vectors[...] = np.float32(1e30)
    cell = batch_cell(np.array([0]), np.array([0]), np.float32([0]))
    assert not train_cell(cell, rows, columns, update_settings()).finite


@pytest.mark.parametrize("width", [1, 2, 63, 64, 400])
def test_products_without_scipys_compiled_kernels_are_the_same(monkeypatch, width):
    cell = dense_cell(planted_log_counts(1, 30, 3), max_staleness=3.0)
    results = []
    for compiled in (products.HAS_COMPILED, False):
        monkeypatch.setattr(products, "HAS_COMPILED", compiled)
        rows, columns = (initial_parameters(30, width, derived_rng(1, s)) for s in range(2))
        train_cell(cell, rows, columns, update_settings())
        results.append(rows)
    np.testing.assert_allclose(results[0].vectors, results[1].vectors, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(results[0].biases, results[1].biases, rtol=1e-5, atol=1e-7)


def test_initial_parameters_follow_the_reference():
    side = initial_parameters(500, 10, np.random.default_rng(1))
    values = joined(side.vectors, side.biases) * 10
    assert -0.5 <= values.min() < -0.49
    assert 0.49 < values.max() < 0.5
    assert (side.vector_gradsq == 1).all()
    assert side.vector_gradsq.shape == side.bias_gradsq.shape == (500,)
    assert initial_parameters(3, 2, np.random.default_rng(1), "element").vector_gradsq.shape == (
        3,
        2,
    )
