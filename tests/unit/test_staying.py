"""Words that stay near reference vectors: exact steps, and where a pulled word ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.exchange.held_words import hold_words
from glove_spark.exchange.source import Chunk, MemorySource
from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.starting.published_start import Sample, fit_scale
from glove_spark.kernels.training.draws import Draws
from glove_spark.kernels.training.objective import Objective, References, WordTerms
from glove_spark.kernels.training.parameters import initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.kernels.training.staying import pull
from glove_spark.kernels.training.update import StepSettings, train_cell
from glove_spark.settings.stages import TrainSettings


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(1e-4, 1e4), mu=st.floats(1e-4, 1e4), seed=st.integers(0, 99))
def test_the_step_is_the_exact_minimiser_of_its_quadratic(rate, mu, seed):
    old, reference = np.random.default_rng(seed).normal(size=(2, 3, 5)).astype(np.float32)
    stepped = pull(old, reference, np.full((3, 1), 2 * rate * mu, np.float32))

    def gradient(w):
        return 2 * mu * (w - reference) + (w - old) / rate

    # the gradient is 0 there, relative to the curvature
    np.testing.assert_allclose(
        gradient(stepped.astype(np.float64)) / (2 * mu + 1 / rate), 0, atol=1e-5
    )


def test_a_numeric_minimiser_agrees():
    old, reference = np.float32([1, -2, 3]), np.float32([0, 5, 0.5])
    mu, rho = 0.7, 0.3

    def quadratic(w):
        return mu * np.sum((w - reference) ** 2) + np.sum((w - old) ** 2) / (2 * rho)

    found = minimize(quadratic, np.zeros(3)).x
    stepped = pull(old[None], reference[None], np.full((1, 1), 2 * rho * mu, np.float32))
    np.testing.assert_allclose(stepped[0], found, atol=1e-4)


@pytest.mark.parametrize("adagrad", ["row", "element"])
@pytest.mark.parametrize("steps", [1, 8])
def test_only_words_with_a_reference_are_pulled(adagrad, steps):
    rows = initial_parameters(6, 3, derived_rng(1), adagrad)
    columns = initial_parameters(5, 3, derived_rng(2), adagrad)
    before = rows.copy()
    references = References(np.array([1, 4]), np.ones((2, 3), np.float32), visit_share=0.5)
    objective = Objective(x_max=10, alpha=0.75, stay=2.0)
    empty = batch_cell(np.array([], int), np.array([], int), np.float32([]))
    train_cell(
        empty,
        rows,
        columns,
        StepSettings(0.1, 0.1, objective, adagrad),
        row_terms=WordTerms(references=references),
        draws=Draws((4 * steps, 1, 1, 1)),
    )
    s = 2 * 0.1 * 2.0 * 0.5 / steps
    for place in (1, 4):
        expected = 1 + (before.vectors[place] - 1) / (1 + s) ** steps
        np.testing.assert_allclose(rows.vectors[place], expected, rtol=1e-5)
    for place in (0, 2, 3, 5):
        np.testing.assert_array_equal(rows.vectors[place], before.vectors[place])
    np.testing.assert_array_equal(rows.biases, before.biases)


def test_something_to_stay_near_is_needed():
    message = r"stay=1 needs a warm start.*give --warm-start, or omit --stay"
    with pytest.raises(ConfigurationError, match=message):
        TrainSettings(stay=1.0).check_together()


def test_the_scale_and_the_intercept_of_planted_products_are_found():
    rng = np.random.default_rng(0)
    q, f = rng.normal(size=500), rng.random(500)
    parts = [Sample(f[:200], q[:200], 0.25 * q[:200]), Sample(f[200:], q[200:], 0.25 * q[200:])]
    found = fit_scale(parts, unobserved=0, sample_share=1, with_intercept=False)
    assert found.scale == pytest.approx(0.5)
    assert found.bias == 0
    lifted = fit_scale([Sample(f, q, 0.25 * q + 3)], unobserved=0, sample_share=1,
                       with_intercept=True)  # fmt: skip
    assert lifted == pytest.approx((0.5, 1.5))
    short = fit_scale([Sample(f, q, 0.25 * q + 3)], unobserved=0, sample_share=1,
                      with_intercept=True, length=0.5)  # fmt: skip
    assert short.scale == pytest.approx(0.5)
    # with products of a quarter, the weighted residuals add up to 0
    assert np.sum(f * (2 * short.bias + q / 16 - 0.25 * q - 3)) == pytest.approx(0, abs=1e-9)
    assert fit_scale([Sample(f, q, -q)], unobserved=0, sample_share=1, with_intercept=True) is None
    assert fit_scale([], unobserved=0, sample_share=1, with_intercept=True) is None


def held(words, vectors, ours, case="exact"):
    source = MemorySource(words, np.asarray(vectors, np.float32))
    return hold_words(source, Vocabulary(ours, np.ones(len(ours), np.int64)), case)


def test_the_first_of_several_vectors_counts_with_one_warning(caplog):
    found = held(["a", "b", "a", "x", "x"], [[1], [2], [3], [4], [5]], ["b", "a"])
    np.testing.assert_array_equal(found.of(np.array([1, 0])), [[1], [2]])
    assert found.repeated == 1
    assert [record.message for record in caplog.records] == [
        "the vectors: 1 more vectors of repeated words; the first vector of each word is used"
    ]


def test_a_vector_of_zeros_makes_no_word_known(caplog):
    found = held(["a", "b"], [[0, 0], [1, 2]], ["a", "b"])
    np.testing.assert_array_equal(found.known, [False, True])
    assert "1 words have a vector of zeros and are treated as unknown" in caplog.text


def test_lower_takes_the_exact_spelling_before_any_other():
    words, vectors = ["Apple", "apple", "Pear", "PEAR", "plum"], [[1], [2], [3], [4], [5]]
    exact = held(words, vectors, ["apple", "pear", "Plum"])
    np.testing.assert_array_equal(exact.known, [True, False, False])
    lower = held(words, vectors, ["apple", "pear", "Plum", "plum"], "lower")
    np.testing.assert_array_equal(lower.of(np.arange(4)), [[2], [3], [5], [5]])


def test_of_a_large_file_only_our_words_are_held():
    class Large(MemorySource):
        def __init__(self):
            self.shown, self.num_words, self.vector_size = "large", 300_000, 2

        def chunks(self):
            for start in range(0, self.num_words, 1000):
                numbers = np.arange(start, start + 1000)
                yield Chunk([f"w{k}" for k in numbers], np.stack([numbers + 1, numbers], axis=1))

    vocabulary = Vocabulary(["w299999", "w5", "no"], np.ones(3, np.int64))
    found = hold_words(Large(), vocabulary, "lower")
    assert found.rows.shape == (3, 2)
    np.testing.assert_array_equal(found.of(np.array([0, 1])), [[300_000, 299_999], [6, 5]])


@pytest.mark.parametrize(
    ("said", "message"), [(3, "cut short: its header says 3"), (1, "more words than the 1")]
)
def test_a_source_that_lies_about_its_length_is_refused(said, message):
    source = MemorySource(["a", "b"], np.ones((2, 2), np.float32))
    source.num_words = said
    source.chunks = lambda: iter([Chunk(["a", "b"], np.ones((2, 2), np.float32))])
    with pytest.raises(InputError, match=message):
        hold_words(source, Vocabulary(["a", "b"], np.ones(2, np.int64)), "exact")


def test_the_last_step_follows_the_last_batch_also_of_mirrored_ones():
    rng = np.random.default_rng(0)
    ids = np.arange(200)
    rows, cols = (part.ravel() for part in np.meshgrid(ids, ids, indexing="ij"))
    logs = rng.normal(1, 1, (200, 200)).astype(np.float32)
    logs = np.abs(logs + logs.T).ravel()
    half = rows <= cols
    cell = batch_cell(rows[half], cols[half], logs[half], triangle=True)
    assert cell.num_visits > cell.num_batches
    assert cell.num_visits == len(list(cell.visits()))
    sides = [initial_parameters(200, 3, derived_rng(seed)) for seed in (1, 2)]
    references = References(np.arange(100), np.ones((100, 3), np.float32))
    objective = Objective(x_max=10, alpha=0.75, stay=1e7)
    terms = WordTerms(references=references)
    train_cell(cell, *sides, StepSettings(0.5, 0.1, objective, "row"), row_terms=terms,
               col_terms=terms, draws=Draws((16, 1, 1, 1)), rng=rng)  # fmt: skip
    for side in sides:
        np.testing.assert_allclose(side.vectors[:100], 1, atol=1e-3)
        assert np.abs(side.vectors[100:] - 1).max() > 0.1
