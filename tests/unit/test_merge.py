"""Merging: exact for one contributor, a sum of small movements, a weighted mean of large ones."""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.cells import BatchedCell
from glove_spark.kernels.training.draws import ONE_DRAW, Draws
from glove_spark.kernels.training.merge import Replica, mean_step, merge_replicas
from glove_spark.kernels.training.objective import NO_TERMS, Objective, References, WordTerms
from glove_spark.kernels.training.parameters import Parameters, initial_parameters
from glove_spark.kernels.training.replica_weight import ReplicaWeight
from glove_spark.kernels.training.update import StepSettings, train_cell

RATE = 0.3
SMALL, LARGE = 1e-7, 1e7
merge = partial(merge_replicas, learning_rate=RATE, arrival=1.0)


def moved(base: Parameters, by: float, gradsq: float) -> Parameters:
    return Parameters(
        base.vectors + np.float32(by),
        base.biases + np.float32(by),
        base.vector_gradsq + np.float32(gradsq),
        base.bias_gradsq + np.float32(gradsq),
    )


def weighing(*weights: float) -> ReplicaWeight:
    return ReplicaWeight(np.array(weights), 4 * np.array(weights))


@pytest.fixture(params=["row", "element"])
def base(request) -> Parameters:
    return initial_parameters(3, 4, np.random.default_rng(1), request.param)


def test_one_contributor_is_returned_as_it_is(base):
    trained = moved(base, 1.0, 2.0)
    idle = Replica(base.copy(), weighing(0, 0, 0))
    merged = merge(base, [idle, Replica(trained, weighing(1.0, 0.0, 2.0)), idle])
    assert merged is trained


def test_without_contributors_the_base_stands(base):
    assert merge(base, []) is base
    assert merge(base, [Replica(moved(base, 1, 1), weighing(0, 0, 0))]) is base


@pytest.mark.parametrize(
    ("scale", "shift"),
    # 1 + 5, nobody's, 1 alone; and (3 * 1 + 1 * 5) / 4
    [(SMALL, [6.0, 0.0, 1.0]), (LARGE, [2.0, 0.0, 1.0])],
    ids=["sum", "mean"],
)
def test_the_two_limits(base, scale, shift):
    first, second = moved(base, 1.0, 2.0), moved(base, 5.0, 4.0)
    for values in (first.vectors, first.biases, second.vectors, second.biases):
        values[1] = base.vectors[1] if values.ndim == 2 else base.biases[1]
    for values, start in ((second.vectors, base.vectors), (second.biases, base.biases)):
        values[2] = start[2]
    merged = merge(
        base,
        [
            Replica(first, weighing(3 * scale, 0.0, scale)),
            Replica(second, weighing(scale, 0.0, 0.0)),
        ],
    )
    shift = np.array(shift)
    np.testing.assert_allclose(merged.vectors, base.vectors + shift[:, None], rtol=1e-5)
    np.testing.assert_allclose(merged.biases, base.biases + shift, rtol=1e-5)
    np.testing.assert_allclose(merged.vector_gradsq, base.vector_gradsq + 6, rtol=1e-6)
    np.testing.assert_allclose(merged.bias_gradsq, base.bias_gradsq + 6, rtol=1e-6)
    assert merged.vectors.dtype == merged.bias_gradsq.dtype == np.float32


def test_in_between_it_is_the_published_formula(base):
    f, curvature = np.array([[2.0, 0.3, 9.0], [1.0, 4.0, 0.1]]), np.array([[3.0, 5, 8], [7, 1, 2]])
    parts = [moved(base, 0.5, 2.0), moved(base, -0.25, 5.0)]
    merged = merge(
        base,
        [
            Replica(p, ReplicaWeight(*w))
            for p, w in zip(parts, zip(f, curvature, strict=True), strict=True)
        ],
        arrival=2.0,
    )
    # every accumulator is 1 + 2 + 5
    for found, start, weights, size in (
        (merged.vectors[:, 0], base.vectors[:, 0], curvature, 4),
        (merged.biases, base.biases, f, 1),
    ):
        x = 2.0 * RATE * weights / (np.sqrt(8.0) * size)
        total = x.sum(axis=0)
        shares = (1 - np.exp(-total)) / total * x / (1 - np.exp(-x))
        expected = start + shares[0] * 0.5 + shares[1] * -0.25
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_one_replica_moved_or_none_keeps_its_bytes(base):
    first, second = moved(base, 0.1, 1.0), moved(base, 0.7, 3.0)
    # anchored biases do not change, and each word was moved by one replica
    first.biases[:], second.biases[:] = base.biases, base.biases
    first.vectors[1:], second.vectors[0] = base.vectors[1:], base.vectors[0]
    weights = weighing(2.0, 0.0, 0.0), weighing(0.0, 5.0, 1e-3)
    merged = merge(base, [Replica(first, weights[0]), Replica(second, weights[1])])
    assert merged.biases.tobytes() == base.biases.tobytes()
    assert merged.vectors[0].tobytes() == first.vectors[0].tobytes()
    assert merged.vectors[1:].tobytes() == second.vectors[1:].tobytes()


@given(
    st.lists(
        st.tuples(st.floats(1e-6, 1e6), st.floats(-10, 10)),
        min_size=2,
        max_size=6,
    )
)
def test_never_further_than_the_furthest_optimum(replicas):
    base = Parameters(*(np.zeros(s, np.float32) for s in ((1, 1), 1)), *np.ones((2, 1), np.float32))
    parts, optima = [], []
    for weight, movement in replicas:
        end = base.copy()
        end.vectors[:] = end.biases[:] = movement
        parts.append(Replica(end, ReplicaWeight(*np.full((2, 1), weight))))
        # of an approach at the rate x; accumulators remain 1
        optima.append(end.biases[0] / -np.expm1(-RATE * weight))
    merged = merge(base, parts)
    for value in (merged.vectors[0, 0], merged.biases[0]):
        assert min(0, *optima) * (1 + 1e-5) - 1e-6 <= value <= max(0, *optima) * (1 + 1e-5) + 1e-6


class Halves:
    """A planted model: words are fixed, and each half of them pulls the contexts separately."""

    def __init__(self, largest_f: float) -> None:
        rng = np.random.default_rng(3)
        self.words, contexts = (rng.normal(size=(n, 2)).astype(np.float32) for n in (64, 5))
        self.logs = self.words @ contexts.T + np.float32(2)
        x_max = float(np.exp(self.logs.max()) / largest_f)
        # where f is not tiny, all have the same
        alpha = 1.0 if largest_f < 1 else 0.0
        self.objective = Objective(x_max, alpha, anchored=True)
        self.base = initial_parameters(5, 2, rng)
        self.base.biases[:] = 2

    def train(self, half: int, contexts: Parameters, passes: int) -> Replica:
        """Train contexts on a half's nonzeros; change them in place."""
        at = slice(32 * half, 32 * half + 32)
        rows, cols = np.indices((32, 5)).reshape(2, -1)
        cell = batch_cell(rows, cols, self.logs[at].ravel())
        fixed = Parameters(self.words[at], *np.zeros((1, 32), np.float32), *np.ones((2, 32)))
        weight = ReplicaWeight.nothing(5)
        for _ in range(passes):
            settings = StepSettings(RATE, 0.0, self.objective, "row")
            train_cell(cell, fixed.copy(), contexts, settings, col_weight=weight)
        return Replica(contexts, weight)


def test_rare_words_of_disjoint_halves_move_as_in_training_one_after_another():
    halves = Halves(largest_f=1e-3)
    apart = [halves.train(half, halves.base.copy(), 1) for half in range(2)]
    in_turn = halves.base.copy()
    for half in range(2):
        halves.train(half, in_turn, 1)
    merged = merge(halves.base, apart)
    wanted = in_turn.vectors - halves.base.vectors
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(merged.vectors - halves.base.vectors, wanted, rtol=0.05)
    assert merged.biases.tobytes() == halves.base.biases.tobytes()


def test_frequent_words_of_disjoint_halves_stay_where_both_arrived():
    halves = Halves(largest_f=1.0)
    apart = [halves.train(half, halves.base.copy(), 300) for half in range(2)]
    merged = merge(halves.base, apart)

    def error(vectors):
        return np.abs(halves.words @ vectors.T + halves.base.biases - halves.logs).max()

    arrived = max(error(replica.parameters.vectors) for replica in apart)
    assert error(merged.vectors) <= 1.01 * arrived < 0.01
    added = halves.base.vectors + sum(r.parameters.vectors - halves.base.vectors for r in apart)
    assert error(added) > 1


def test_mean_step_is_that_of_an_exponential_approach():
    x = np.array([0.0, 1e-12, 0.5, 50.0])
    expected = [1.0, 1.0, (1 - np.exp(-0.5)) / 0.5, 1 / 50]
    np.testing.assert_allclose(mean_step(x), expected, rtol=1e-9)


def weight_of_columns(
    cell: BatchedCell,
    rows: Parameters,
    objective: Objective,
    row_terms: WordTerms,
    col_terms: WordTerms,
    draws: Draws = ONE_DRAW,
) -> ReplicaWeight:
    """Return the weights of two columns at a rate at which nothing moves."""
    weight = ReplicaWeight.nothing(2)
    train_cell(
        cell,
        rows,
        initial_parameters(2, 4, np.random.default_rng(2)),
        StepSettings(1e-12, 0.0, objective, "row"),
        row_terms=row_terms,
        col_terms=col_terms,
        draws=draws,
        col_weight=weight,
    )
    return weight


def test_pairs_that_never_met_draw_a_replica_without_a_nonzero():
    objective = Objective(x_max=10.0, alpha=0.75, unobserved=2.0)
    empty = batch_cell(*np.zeros((2, 0), np.int64), np.zeros(0, np.float32))
    rows = initial_parameters(3, 4, np.random.default_rng(1))
    shares = np.array([1, 2, 3], np.float32), np.array([0.5, 0.0], np.float32)
    terms = [WordTerms(share=share) for share in shares]
    weight = weight_of_columns(empty, rows, objective, *terms)
    expected = 2.0 * shares[1] * (shares[0] @ (rows.vectors**2).sum(axis=1))
    np.testing.assert_allclose(weight.curvature, expected, rtol=1e-6)
    assert weight.contributes
    assert not weight.f.any()
    # the first word is frequent and pulled in every visit, the other in one of four
    shares = shares[0], np.ones(2, np.float32)
    for draws, factors in (
        (Draws((1, 1, 1, 1), (1, 1, 1, 4)), [1, 4]),
        (Draws((1, 1, 1, 0), (1, 1, 1, 4)), [1, 0]),
    ):
        some = weight_of_columns(
            empty, rows, objective, *(WordTerms(share=s) for s in shares), draws=draws
        )
        expected = 2.0 * np.array(factors) * (shares[0] @ (rows.vectors**2).sum(axis=1))
        np.testing.assert_allclose(some.curvature, expected, rtol=1e-6)
    assert not weight_of_columns(empty, rows, Objective(10.0, 0.75), *terms).contributes


def test_words_that_stay_near_a_vector_are_drawn_to_it_as_well():
    objective = Objective(x_max=10.0, alpha=0.75, stay=0.5)
    empty = batch_cell(*np.zeros((2, 0), np.int64), np.zeros(0, np.float32))
    rows = initial_parameters(3, 4, np.random.default_rng(1))
    near = References(np.array([1]), np.ones((1, 4), np.float32), visit_share=0.25)
    weight = weight_of_columns(empty, rows, objective, NO_TERMS, WordTerms(references=near))
    # the rate of the step is 2 eta mu / sqrt(G), and a visit has a quarter of mu
    np.testing.assert_allclose(weight.curvature / 4, [0.0, 2 * 0.5 * 0.25])


def test_nothing_is_mutated(base):
    before = base.copy()
    replicas = [Replica(moved(base, by, 1.0), weighing(1, 1, 1)) for by in (1.0, 2.0)]
    kept = [replica.parameters.copy() for replica in replicas]
    merge(base, replicas)
    for was, now in zip([before, *kept], [base, *(r.parameters for r in replicas)], strict=True):
        np.testing.assert_array_equal(was.vectors, now.vectors)
        np.testing.assert_array_equal(was.vector_gradsq, now.vector_gradsq)


class Files:
    """Replicas that are made when they are read, as files are."""

    def __init__(self, base: Parameters, number: int) -> None:
        self.base, self.number, self.opened = base, number, 0

    def __iter__(self):
        for by in range(1, self.number + 1):
            self.opened += 1
            weight = weighing(*np.ones(len(self.base.biases)))
            yield Replica(moved(self.base, by, 1.0), weight)


def test_replicas_that_are_read_twice_give_the_same_bytes(base):
    files = Files(base, 3)
    merged = merge(base, files)
    assert files.opened == 6
    assert merged.vectors.tobytes() == merge(base, list(files)).vectors.tobytes()


def test_memory_of_a_merge_is_bounded_whatever_the_number_of_replicas():
    words, size = 4000, 100
    base = initial_parameters(words, size, np.random.default_rng(1))
    peaks = []
    for number in (2, 12):
        tracemalloc.start()
        merge(base, Files(base, number))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # docs/SCALE.md; the base, 4 bytes a number, was there before
    assert peaks[0] < (28 - 4) * words * (size + 3) * 1.05
    assert peaks[1] < peaks[0] * 1.02


def test_a_replica_of_another_block_is_refused(base):
    other = initial_parameters(2, 4, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"shape \(2, 4\) cannot be merged .* \(3, 4\)"):
        merge(base, [Replica(other, weighing(1, 1))])
