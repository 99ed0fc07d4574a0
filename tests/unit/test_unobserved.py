"""The term of unobserved pairs: exact steps, gradients, a planted model, special cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.training import objective as dense
from glove_spark.kernels.training.draws import Draws
from glove_spark.kernels.training.margins import anchors, row_margins, shares
from glove_spark.kernels.training.objective import Objective, WordTerms
from glove_spark.kernels.training.parameters import Parameters, initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.unobserved import (
    LEAST_EXACT,
    LEAST_SAMPLED,
    Pull,
    UnobservedPairs,
    gram_cost,
    gram_matrix,
    shrink,
)
from glove_spark.kernels.training.update import StepSettings, train_cell

NO_NONZEROS = batch_cell(np.array([], int), np.array([], int), np.float32([]))


def both_terms(nu: float = 1.0, **given: float) -> Objective:
    return Objective(**({"x_max": 10.0, "alpha": 0.75, "anchored": True} | given), unobserved=nu)


def drawn(n: int, m: int, d: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return vectors of both sides and their shares, float64."""
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n, d)),
        rng.standard_normal((m, d)),
        rng.random(n),
        rng.random(m),
    )


def test_the_gram_matrices_give_the_cost_over_all_pairs():
    w, u, g, h = drawn(7, 5, 3)
    found = gram_cost(gram_matrix(w.astype(np.float32), g), gram_matrix(u.astype(np.float32), h))
    assert found == pytest.approx(dense.dense_unobserved_cost(w, u, g, h), rel=1e-5)
    written_out = sum(
        0.5 * g[i] * h[j] * float(w[i] @ u[j]) ** 2 for i in range(7) for j in range(5)
    )
    assert dense.dense_unobserved_cost(w, u, g, h) == pytest.approx(written_out)


@pytest.mark.parametrize("argument", range(2))
def test_its_gradients_equal_finite_differences(argument):
    w, u, g, h = drawn(4, 5, 3)
    gradient = dense.dense_unobserved_gradients(w, u, g, h)[argument]
    numeric = np.empty_like(gradient)
    step = 1e-6
    for index in np.ndindex(gradient.shape):
        costs = []
        for sign in (1, -1):
            moved = [w.copy(), u.copy()]
            moved[argument][index] += sign * step
            costs.append(dense.dense_unobserved_cost(*moved, g, h))
        numeric[index] = (costs[0] - costs[1]) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(1e-4, 100), d=st.sampled_from([1, 3, LEAST_EXACT]), seed=st.integers(0, 99))
def test_the_step_of_small_vectors_is_the_exact_solution_of_its_quadratic(rate, d, seed):
    w, u, g, h = drawn(6, 9, d, seed)
    stepped = w.astype(np.float32)
    strength = (rate * g).astype(np.float32)
    shrink(stepped, strength, Pull.of(gram_matrix(u.astype(np.float32), h.astype(np.float32))))
    a = (h[:, np.newaxis] * u).T @ u
    for old, new, s in zip(w, stepped, strength.astype(float), strict=True):
        exact = np.linalg.solve(np.eye(d) + s * a, old)
        np.testing.assert_allclose(new, exact, rtol=2e-3, atol=2e-3 * np.abs(old).max())


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(1e-4, 10), d=st.sampled_from([5, 20, 80]), seed=st.integers(0, 99))
def test_the_step_is_exact_along_the_first_eigenvectors_and_close_along_the_others(rate, d, seed):
    w, u, g, h = drawn(6, 100, d, seed)
    gram = gram_matrix(u.astype(np.float32), h.astype(np.float32))
    pull = Pull.of(gram)
    levels, basis = np.linalg.eigh(gram.astype(np.float64))
    first = len(pull.eigenvalues)
    assert LEAST_EXACT <= first < d
    np.testing.assert_allclose(pull.eigenvalues, levels[-first:], rtol=1e-4)
    assert pull.highest == pytest.approx(levels[-first - 1], rel=1e-4)

    stepped = w.astype(np.float32)
    strength = (rate * g).astype(np.float32)
    shrink(stepped, strength, pull)
    before, after = w @ basis, stepped @ basis
    s = strength.astype(float)[:, np.newaxis]
    exact = 1 / (1 + s * levels)
    squared = (s * levels[-first - 1]) ** 2 / 8
    allowed = exact * squared / (1 + s * levels[-first - 1] + squared)
    allowed[:, -first:] = 0
    slack = 2e-4 * np.abs(before).max()
    assert (np.abs(after - exact * before) <= allowed * np.abs(before) + slack).all()


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(1e-4, 1e20), d=st.sampled_from([1, 3, 20, 80]), seed=st.integers(0, 99))
def test_the_step_overshoots_with_no_rate(rate, d, seed):
    w, u, g, h = drawn(6, 100, d, seed)
    stepped = w.astype(np.float32)
    gram = gram_matrix(u.astype(np.float32), h.astype(np.float32))
    shrink(stepped, (rate * g).astype(np.float32), Pull.of(gram))
    basis = np.linalg.eigh(gram.astype(np.float64))[1]
    before, after = w @ basis, stepped @ basis
    # every direction is shorter than before, and none is reversed
    slack = 2e-4 * np.abs(before).max()
    assert (np.abs(after) <= np.abs(before) + slack).all()
    assert (after * before >= -slack * np.abs(before)).all()


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_matrix_of_low_rank_pulls_along_its_directions_only(rank):
    """With fewer words than dimensions on the other side, most eigenvalues are 0."""
    w, u, g, h = drawn(6, rank, 20)
    stepped = w.astype(np.float32)
    gram = gram_matrix(u.astype(np.float32), h.astype(np.float32))
    shrink(stepped, (5 * g).astype(np.float32), Pull.of(gram))
    a = (h[:, np.newaxis] * u).T @ u
    for old, new, s in zip(w, stepped, 5 * g, strict=True):
        np.testing.assert_allclose(new, np.linalg.solve(np.eye(20) + s * a, old), atol=1e-4)


def test_zero_is_its_fixed_point():
    vectors = np.zeros((3, 4), np.float32)
    shrink(vectors, np.full(3, 5, np.float32), Pull.of(np.eye(4, dtype=np.float32)))
    assert not vectors.any()


@pytest.mark.parametrize("adagrad", ["row", "element"])
def test_a_visit_draws_both_sides_from_the_others_old_values(adagrad):
    n, m, d, eta, nu = 6, 5, 3, 0.4, 1.5
    rng = np.random.default_rng(3)
    rows, columns = (initial_parameters(size, d, rng, adagrad) for size in (n, m))
    for side in (rows, columns):
        side.vectors *= 30
        side.vector_gradsq[...] = rng.uniform(1, 4, side.vector_gradsq.shape)
    old = rows.copy(), columns.copy()
    g, h = (rng.random(size).astype(np.float32) for size in (n, m))
    loss = train_cell(
        NO_NONZEROS,
        rows,
        columns,
        StepSettings(eta, 0.1, both_terms(nu), adagrad),
        row_terms=WordTerms(share=g),
        col_terms=WordTerms(share=h),
    )
    w, u = old[0].vectors, old[1].vectors
    assert loss.cost_sum == 0
    assert loss.unobserved_sum == pytest.approx(
        nu * dense.dense_unobserved_cost(w, u, g, h), rel=1e-5
    )
    for side, was, others, mine, theirs in (
        (rows, old[0], u, g, h),
        (columns, old[1], w, h, g),
    ):
        a = (theirs[:, np.newaxis] * others).T @ others
        gradsq = was.vector_gradsq.reshape(len(mine), -1).mean(axis=1)
        for k, share in enumerate(mine):
            strength = eta / np.sqrt(gradsq[k]) * nu * share
            exact = np.linalg.solve(np.eye(d) + strength * a, was.vectors[k])
            np.testing.assert_allclose(side.vectors[k], exact, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(side.vector_gradsq, was.vector_gradsq)
        np.testing.assert_array_equal(side.biases, was.biases)


def dense_matrix(n: int, m: int, rank: int, density: float = 1.0, seed: int = 0) -> np.ndarray:
    """Counts whose logarithms are a bilinear form plus biases, some of them missing."""
    rng = np.random.default_rng(seed)
    w, u = rng.normal(0, 0.6, (n, rank)), rng.normal(0, 0.6, (m, rank))
    counts = np.exp(w @ u.T + rng.normal(1.5, 0.3, (n, 1)) + rng.normal(0, 0.3, m))
    return counts * (rng.random((n, m)) < density)


def cell_of(counts: np.ndarray):
    rows, cols = np.nonzero(counts)
    return batch_cell(rows, cols, np.log(counts[rows, cols]).astype(np.float32))


def start(counts: np.ndarray, d: int, goal: Objective) -> tuple[list[Parameters], list[WordTerms]]:
    """Return initial parameters with anchored biases, and the terms, for a matrix of one cell."""
    cell = cell_of(counts)
    margins = [
        row_margins(cell, size, goal, transposed=turned)
        for size, turned in zip(counts.shape, (False, True), strict=True)
    ]
    sides = [initial_parameters(n, d, derived_rng(1, k)) for k, n in enumerate(counts.shape)]
    fixed = anchors(margins[0].counts, margins[1].counts, goal.context_smoothing)
    for side, biases in zip(sides, fixed, strict=True):
        side.biases[...] = biases
    terms = [WordTerms(share=share) for share in shares(margins[0].weights, margins[1].weights)]
    return sides, terms


def full_cost(counts: np.ndarray, sides: list[Parameters], goal: Objective) -> float:
    """Return both terms of the dense objective in double precision."""
    f = np.where(counts > 0, np.minimum(1, (counts / goal.x_max) ** goal.alpha), 0)
    logs = np.log(np.where(counts > 0, counts, 1))
    w, u = (side.vectors.astype(np.float64) for side in sides)
    observed = dense.dense_cost(w, sides[0].biases, u, sides[1].biases, logs, f)
    root = np.sqrt(f.sum())
    g, h = f.sum(axis=1) / root, f.sum(axis=0) / root
    return observed + goal.unobserved * dense.dense_unobserved_cost(w, u, g, h)


@pytest.mark.parametrize(("nu", "d"), [(0.0, 2), (0.5, 2), (3.0, 2), (3.0, 8)])
def test_training_finds_the_minimum_that_descent_finds(nu, d):
    """A reference in double precision: gradient descent with a line search on both terms."""
    from scipy.optimize import minimize

    counts = dense_matrix(30, 20, d, 0.7)
    goal = both_terms(nu, context_smoothing=0.75)
    sides, terms = start(counts, d, goal)
    cell = cell_of(counts)
    for epoch in range(300):
        rate = 0.5 * 0.02 ** (epoch / 299)
        train_cell(
            cell,
            *sides,
            StepSettings(rate, 0.1, goal, "row"),
            rng=derived_rng(1, epoch),
            row_terms=terms[0],
            col_terms=terms[1],
            draws=Draws((4, 4, 2, 2)),
        )
    trained = full_cost(counts, sides, goal)

    f = np.where(counts > 0, np.minimum(1, (counts / 10) ** 0.75), 0)
    logs = np.log(np.where(counts > 0, counts, 1))
    root = np.sqrt(f.sum())
    g, h = f.sum(axis=1) / root, f.sum(axis=0) / root
    b, c = (side.biases.astype(np.float64) for side in sides)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w, u = flat[: 30 * d].reshape(30, d), flat[30 * d :].reshape(20, d)
        value = dense.dense_cost(w, b, u, c, logs, f)
        value += nu * dense.dense_unobserved_cost(w, u, g, h)
        of_w, _, of_u, _ = dense.dense_gradients(w, b, u, c, logs, f)
        pull_w, pull_u = dense.dense_unobserved_gradients(w, u, g, h)
        return value, np.concatenate([(of_w + nu * pull_w).ravel(), (of_u + nu * pull_u).ravel()])

    rng = np.random.default_rng(1)
    found = [
        minimize(cost, rng.normal(0, 0.5, 50 * d), jac=True, method="L-BFGS-B").fun
        for _ in range(5)
    ]
    assert trained < 1.02 * min(found)


def test_words_that_never_meet_are_drawn_to_independence():
    """Two topics whose words co-occur only within a topic; nu separates the topics."""
    block = np.full((10, 10), 8.0)
    counts = np.block([[block, 0 * block], [0 * block, block]])
    across = {}
    for nu in (0.0, 2.0):
        goal = both_terms(nu)
        sides, terms = start(counts, 4, goal)
        for epoch in range(60):
            train_cell(
                cell_of(counts),
                *sides,
                StepSettings(0.3, 0.1, goal, "row"),
                rng=derived_rng(2, epoch),
                row_terms=terms[0],
                col_terms=terms[1],
            )
        inner = sides[0].vectors @ sides[1].vectors.T
        across[nu] = np.abs(inner[:10, 10:]).mean() / inner[:10, :10].mean()
    assert across[2.0] < 0.05 < across[0.0]


def test_steps_are_distributed_over_all_visits_of_a_mirrored_cell(monkeypatch):
    """Most batches of a cell on the diagonal are visited twice."""
    counts = dense_matrix(200, 200, 2)
    rows, cols = np.triu_indices(200)
    logs = np.log(counts[rows, cols]).astype(np.float32)
    cell = batch_cell(rows, cols, logs, triangle=True)
    assert cell.num_visits > 1.5 * cell.num_batches
    goal = both_terms(1.0)
    sides, terms = start(counts, 3, goal)
    taken = []
    after_batch = UnobservedPairs.after_batch

    def counted(pairs):
        after_batch(pairs)
        taken.append(pairs._taken)

    monkeypatch.setattr(UnobservedPairs, "after_batch", counted)
    train_cell(
        cell,
        *sides,
        StepSettings(0.3, 0.1, goal, "row"),
        row_terms=terms[0],
        col_terms=terms[1],
        draws=Draws((8, 4, 2, 1)),
    )
    assert len(taken) == cell.num_visits
    due = np.arange(1, len(taken) + 1) * 8 / len(taken)
    assert (np.abs(taken - due) <= 1).all()
    assert taken[-1] == 8


def test_anchored_biases_keep_their_bytes():
    counts = dense_matrix(30, 20, 2, 0.7)
    goal = both_terms(1.0)
    sides, terms = start(counts, 3, goal)
    before = [side.copy() for side in sides]
    train_cell(
        cell_of(counts),
        *sides,
        StepSettings(0.3, 0.1, goal, "row"),
        row_terms=terms[0],
        col_terms=terms[1],
    )
    for side, was in zip(sides, before, strict=True):
        np.testing.assert_array_equal(side.biases, was.biases)
        assert (side.vectors != was.vectors).any()


def test_a_term_without_shares_is_refused():
    sides, _ = start(dense_matrix(4, 4, 1), 2, both_terms())
    with pytest.raises(ValueError, match="unobserved > 0 needs the share of every word"):
        train_cell(NO_NONZEROS, *sides, StepSettings(0.3, 0.1, both_terms(), "row"))


def test_vectors_that_are_not_finite_are_flagged():
    sides, terms = start(dense_matrix(4, 4, 1), 2, both_terms())
    sides[0].vectors[2] = np.inf
    loss = train_cell(
        NO_NONZEROS,
        *sides,
        StepSettings(0.3, 0.1, both_terms(), "row"),
        row_terms=terms[0],
        col_terms=terms[1],
    )
    assert not loss.finite


def measured_cost(words: int, d: int, seed: int | None) -> tuple[float, float]:
    """Return the cost of both blocks' pairs before a step, and the one that the step measured."""
    rng = np.random.default_rng(0)
    sides = [initial_parameters(words, d, rng, "row") for _ in range(2)]
    share = (1 / np.arange(1, words + 1)).astype(np.float32)
    terms = WordTerms(share=share)
    exact = gram_cost(*(gram_matrix(side.vectors, share) for side in sides))
    loss = train_cell(
        NO_NONZEROS,
        *sides,
        StepSettings(0.3, 0.1, both_terms(), "row"),
        rng=None if seed is None else derived_rng(seed),
        row_terms=terms,
        col_terms=terms,
    )
    return exact, loss.unobserved_sum


def test_a_sample_of_rare_words_measures_all_of_them():
    exact, _ = measured_cost(4000, 3, None)
    measured = np.array([measured_cost(4000, 3, seed)[1] for seed in range(50)])
    error = measured.std() / np.sqrt(len(measured))
    assert 0 < error < 0.01 * exact
    assert abs(measured.mean() - exact) < 4 * error
    # rare words have a third of the share
    assert (np.abs(measured / exact - 1) < 0.15).all()


def test_few_words_are_measured_without_sampling():
    words = 2 * LEAST_SAMPLED * 3
    for seed in (None, 1, 2):
        exact, measured = measured_cost(words, 3, seed)
        assert measured == pytest.approx(exact, rel=1e-5)


def test_words_that_take_no_step_in_a_visit_keep_their_bytes():
    counts = dense_matrix(40, 40, 2)
    sides, terms = start(counts, 3, both_terms())
    before = sides[0].copy()
    train_cell(
        NO_NONZEROS,
        *sides,
        StepSettings(0.3, 0.1, both_terms(), "row"),
        row_terms=terms[0],
        col_terms=terms[1],
        draws=Draws((2, 1, 0, 0)),
    )
    moved = (sides[0].vectors != before.vectors).any(axis=1)
    # tiers of 40 words end with the words 1, 3, 10 and 40
    assert moved[:3].all()
    assert not moved[3:].any()
