"""Windowed counting and sorted runs equal a reference with plain loops, for any division."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glove_spark.kernels.counting.runs import Run, RunStack, add_up, cut_rows, merge_two, stack_rows
from glove_spark.kernels.counting.windows import (
    Weights,
    count_windows,
    distance_weights,
    gap,
    lay_out,
    pair_counts,
)

VOCABULARY_SIZE = 6


def oracle(documents, window, weighting, symmetric):
    """Count by the definition: a dictionary and exact fractions."""
    counts = defaultdict(Fraction)
    for document in documents:
        for right in range(len(document)):
            for distance in range(1, min(window, right) + 1):
                word, other = document[right], document[right - distance]
                if word < 0 or other < 0:
                    continue
                weight = Fraction(1, distance) if weighting == "harmonic" else Fraction(1)
                counts[other, word] += weight
                if symmetric:
                    counts[word, other] += weight
    return {cell: count for cell, count in counts.items() if not symmetric or cell[0] <= cell[1]}


def as_dictionary(run: Run, unit: int) -> dict[tuple[int, int], Fraction]:
    return {
        (int(row), int(col)): Fraction(int(units), unit)
        for row, col, units in zip(run.rows, run.cols, run.units, strict=True)
    }


def text_of(documents, window):
    ids = np.array([word for document in documents for word in document], np.int32)
    lengths = np.array([len(document) for document in documents], np.int64)
    return np.concatenate([gap(window), lay_out(ids, lengths, window)])


def count(text, weights, *, vocabulary_size=VOCABULARY_SIZE, symmetric=True, blocks=1, **cuts):
    """Count one stretch in blocks of rows; return one run."""
    edges = np.linspace(0, vocabulary_size, blocks + 1).astype(np.int64)
    runs = list(count_windows(text, weights, edges, symmetric=symmetric, **cuts))
    assert [len(run.indptr) - 1 for run in runs] == np.diff(edges).tolist()
    return stack_rows(runs)


corpora = st.lists(
    st.lists(st.integers(-1, VOCABULARY_SIZE - 1), max_size=25), min_size=1, max_size=6
)


@settings(max_examples=150)
@given(
    corpora,
    st.integers(1, 12),
    st.sampled_from(["harmonic", "flat"]),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([1, 100, 10**6]),
)
def test_counts_equal_the_definition(documents, window, weighting, symmetric, blocks, at_once):
    weights = distance_weights(window, weighting, sum(map(len, documents)) + 1)
    run = count(
        text_of(documents, window),
        weights,
        symmetric=symmetric,
        blocks=blocks,
        neighbors_at_once=at_once,
    )
    assert as_dictionary(run, weights.unit) == oracle(documents, window, weighting, symmetric)
    assert all(np.all(np.diff(run.cols[a:b]) > 0) for a, b in pairwise(run.indptr))


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_word_of_more_places_than_are_counted_at_once_is_counted_by_parts(monkeypatch, symmetric):
    pushed = []
    push = RunStack.push
    monkeypatch.setattr(RunStack, "push", lambda stack, run: (pushed.append(run), push(stack, run)))
    rng = np.random.default_rng(5)
    documents = [rng.choice(VOCABULARY_SIZE, 40, p=[0.75] + [0.05] * 5) for _ in range(20)]
    weights = distance_weights(3, "harmonic", 800)
    text = text_of(documents, 3)
    run = count(text, weights, symmetric=symmetric, neighbors_at_once=1)
    assert sum(run.cols[run.indptr[0] : run.indptr[1]] >= 0) == VOCABULARY_SIZE
    assert sum(bool(part.nnz) and len(part.indptr) == 2 for part in pushed) > 20
    assert as_dictionary(run, weights.unit) == oracle(documents, 3, "harmonic", symmetric)


@settings(max_examples=100)
@given(corpora, st.integers(1, 5), st.integers(1, 30), st.booleans())
def test_text_cut_with_an_overlap_of_two_windows_counts_every_pair_once(
    documents, window, step, symmetric
):
    text = text_of(documents, window)
    weights = distance_weights(window, "harmonic", len(text))
    runs = []
    pairs = np.zeros(window, np.int64)
    for start in range(0, len(text) - 2 * window + 1, step):
        cut = text[start : start + step + 2 * window]
        pairs += pair_counts(cut, window)
        runs.append(count(cut, weights, symmetric=symmetric))
    merged = RunStack(runs).merged()
    assert as_dictionary(merged, weights.unit) == oracle(documents, window, "harmonic", symmetric)
    total = int(merged.units.sum())
    if symmetric:
        total = 2 * total - int(merged.units[merged.rows == merged.cols].sum())
    assert total == (2 if symmetric else 1) * int(pairs @ weights.units)


def test_documents_are_laid_out_with_gaps():
    ids = np.array([3, 1, -1, 2], np.int32)
    text = lay_out(ids, np.array([2, 0, 2]), 2)
    assert text.tolist() == [3, 1, -1, -1, -1, -1, -1, 2, -1, -1]


def test_the_worked_example():
    words = ["an", "apple", "a", "day", "keeps"]
    document = [
        words.index(w) for w in ["an", "apple", "a", "day", "keeps", "an", "apple", "a", "day"]
    ]
    run = count(text_of([document], 2), distance_weights(2, "flat", 2), vocabulary_size=5)
    found = {
        f"{words[row]}-{words[col]}": int(units)
        for row, col, units in zip(run.rows, run.cols, run.units, strict=True)
    }
    assert found == {
        "an-apple": 2,
        "an-a": 2,
        "an-day": 1,
        "an-keeps": 1,
        "apple-a": 2,
        "apple-day": 2,
        "apple-keeps": 1,
        "a-day": 2,
        "a-keeps": 1,
        "day-keeps": 1,
    }


def test_a_word_next_to_itself_counts_twice():
    run = count(text_of([[0, 0]], 1), distance_weights(1, "flat", 2), vocabulary_size=1)
    assert run.units.tolist() == [2]


@pytest.mark.parametrize("documents", [[[]], [[-1], []]])
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_text_without_words_has_no_pairs(documents, symmetric):
    text = text_of(documents, 3)
    run = count(text, distance_weights(3, "harmonic", 1), vocabulary_size=4, symmetric=symmetric)
    assert (run.nnz, run.indptr.tolist()) == (0, [0] * 5)
    assert pair_counts(text, 3).tolist() == [0] * 3


@pytest.mark.parametrize(("window", "unit"), [(10, 2520), (15, 360_360), (20, 232_792_560)])
def test_the_unit_makes_every_weight_whole(window, unit):
    weights = distance_weights(window, "harmonic", 10**7)
    assert weights.unit == unit
    assert weights.exact
    assert all(weights.units[d - 1] * d == unit for d in range(1, window + 1))


@pytest.mark.parametrize("window", [45, 100, 1000])
def test_weights_of_wide_windows_are_rounded_by_half_a_unit_at_most(window):
    weights = distance_weights(window, "harmonic", 10**6)
    assert not weights.exact
    for distance, units in enumerate(weights.units.tolist(), start=1):
        assert abs(Fraction(units, weights.unit) - Fraction(1, distance)) <= Fraction(
            1, 2 * weights.unit
        )
    largest = 4 * 10**6 * int(weights.units.sum())
    assert largest < 2**63
    assert weights.unit > 2**30


def test_the_unit_shrinks_where_counts_are_too_large_for_it():
    few, many = distance_weights(20, "harmonic", 10**6), distance_weights(20, "harmonic", 10**10)
    assert few.exact
    assert not many.exact
    assert 4 * 10**10 * int(many.units.sum()) < 2**63


def run_of(rows, cols, units, size: int) -> Run:
    """Add up entries given in any order."""
    order = np.argsort(rows, kind="stable")
    indptr = np.searchsorted(rows[order], np.arange(size + 1))
    return add_up(indptr, cols[order], units[order], size)


def dense(run: Run, size: int):
    matrix = np.zeros((len(run.indptr) - 1, size), np.int64)
    matrix[run.rows, run.cols] = run.units
    return matrix


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 9)), max_size=40))
def test_adding_up_equals_a_dense_sum(entries):
    rows, cols, units = (
        np.array([entry[k] for entry in entries], dtype)
        for k, dtype in enumerate([np.int32, np.int32, np.int64])
    )
    run = run_of(rows, cols, units, 5)
    expected = np.zeros((5, 5), np.int64)
    np.add.at(expected, (rows, cols), units)
    assert np.array_equal(dense(run, 5), expected)
    assert all(np.all(np.diff(run.cols[a:b]) > 0) for a, b in pairwise(run.indptr))


def random_run(seed: int, entries: int = 50, size: int = 8) -> Run:
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(0, size, (2, entries)).astype(np.int32)
    return run_of(rows, cols, rng.integers(1, 100, entries), size)


@pytest.mark.parametrize("seed", range(3))
def test_a_stack_gives_the_same_run_in_any_order(seed):
    runs = [random_run(number, entries=1 + 7 * number) for number in range(12)]
    expected = sum(dense(run, 8) for run in runs)
    order = np.random.default_rng(seed).permutation(12)
    first = RunStack(runs[k] for k in order[:5])
    second = RunStack(runs[k] for k in order[5:])
    assert np.array_equal(dense(first.absorb(second).merged(), 8), expected)


def test_a_stack_holds_few_runs_however_many_arrive(monkeypatch):
    moved = []

    def counting(first, second):
        moved.append(first.nnz + second.nnz)
        return merge_two(first, second)

    monkeypatch.setattr("glove_spark.kernels.counting.runs.merge_two", counting)
    stack = RunStack()
    size = 20_000
    for number in range(256):
        # runs without a common entry: the worst case
        cols = np.arange(number * 64, number * 64 + 64, dtype=np.int32)
        stack.push(run_of(np.zeros(64, np.int32), cols, np.ones(64, np.int64), size))
        assert len(stack._runs) <= 10
    assert stack.merged().nnz == 256 * 64
    # merging every new run with all earlier ones would move 128 times the result
    assert sum(moved) <= 10 * 256 * 64


def test_stacked_rows_take_the_smallest_type_of_units():
    cols = np.array([0, 2, 1], np.int32)
    small = add_up(np.array([0, 1, 3]), cols, np.array([4, 5, 6]), 3)
    large = add_up(np.array([0, 1]), cols[:1], np.array([2**40]), 3)
    both, twice = stack_rows([small, large]), stack_rows([small, small])
    assert (both.units.dtype, twice.units.dtype) == (np.int64, np.int32)
    assert both.indptr.tolist() == [0, 1, 3, 4]
    assert both.cols.tolist() == [0, 1, 2, 0]
    assert both.units.tolist() == [4, 6, 5, 2**40]
    assert merge_two(twice, twice).units.tolist() == [8, 12, 10, 8, 12, 10]


def zipf_counts(size: int):
    return np.sort((10**6 / np.arange(1, size + 1)).astype(np.int64) + 1)[::-1]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("size", [2, 3, 1000, 30_000])
def test_blocks_of_rows_cover_the_vocabulary_and_bound_the_nonzeros(size, symmetric):
    counts = zipf_counts(size)
    target = 100_000
    edges = cut_rows(counts, 5, symmetric=symmetric, target=target)
    assert edges[0] == 0
    assert edges[-1] == size
    assert np.all(np.diff(edges) > 0)
    meetings = (10.0 if symmetric else 5.0) * counts / counts.sum()
    for start, stop in list(pairwise(edges))[:8]:
        expected = sum(
            np.minimum(1, meetings[row] * counts[row if symmetric else 0 :]).sum()
            for row in range(start, min(stop, start + 200))
        )
        assert expected <= 1.3 * target + size


def test_blocks_of_rows_depend_on_the_vocabulary_alone():
    counts = zipf_counts(5000)
    first, again = (cut_rows(counts, 10, symmetric=True, target=50_000) for _ in range(2))
    assert first.tolist() == again.tolist()
    assert len(first) > 5


def test_weights_are_plain_integers_in_flat_mode():
    assert distance_weights(3, "flat", 10**12) == Weights(pytest.approx([1, 1, 1]), 1, True)
