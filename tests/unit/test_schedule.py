"""Rounds visit every cell once an epoch; a stratified round shares nothing."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.training import schedule
from glove_spark.kernels.training.schedule import averaging_rounds, derived_rng, stratified_rounds

seeds = st.integers(0, 2**63 - 1)


def cells_of(rounds):
    return [(t.row_block, c) for tasks in rounds for t in tasks for c in t.column_blocks]


def test_docstring_examples():
    assert doctest.testmod(schedule).failed == 0


@given(st.integers(1, 20), seeds)
def test_stratified_rounds_cover_all_cells_without_sharing(num_blocks: int, seed: int):
    rounds = stratified_rounds(num_blocks, derived_rng(seed))
    assert len(rounds) == num_blocks
    assert len(set(cells_of(rounds))) == len(cells_of(rounds)) == num_blocks**2
    for tasks in rounds:
        assert len({task.row_block for task in tasks}) == num_blocks
        assert len({c for task in tasks for c in task.column_blocks}) == num_blocks


@given(st.integers(1, 12), seeds, st.data())
def test_averaging_rounds_cover_all_cells(num_blocks: int, seed: int, data: st.DataObject):
    syncs = data.draw(st.integers(1, num_blocks))
    rounds = averaging_rounds(num_blocks, syncs, derived_rng(seed))
    assert len(rounds) == syncs
    assert len(set(cells_of(rounds))) == len(cells_of(rounds)) == num_blocks**2
    assert all([task.row_block for task in tasks] == list(range(num_blocks)) for tasks in rounds)


def test_order_of_strata_changes_with_the_epoch_and_repeats_with_the_seed():
    first, again, second = (stratified_rounds(16, derived_rng(7, epoch)) for epoch in (0, 0, 1))
    assert first == again
    assert first != second


@given(
    seeds, st.lists(st.integers(0, 1000), max_size=3), st.lists(st.integers(0, 1000), max_size=3)
)
def test_derived_generators_differ_by_their_keys(seed: int, one: list[int], other: list[int]):
    def draw(keys: list[int]) -> int:
        return int(derived_rng(seed, *keys).integers(2**62))

    assert (draw(one) == draw(other)) == (one == other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: derived_rng(-1), r"seed=-1 .* must not be negative"),
        (lambda: derived_rng(1, 2, -3), r"keys=\(2, -3\) must not be negative"),
        (lambda: stratified_rounds(0, np.random.default_rng(0)), r"num_blocks=0 must be at least"),
        (
            lambda: averaging_rounds(4, 5, np.random.default_rng(0)),
            r"syncs_per_epoch=5 must be in 1\.\.num_blocks=4; lower it",
        ),
    ],
)
def test_errors_name_value_and_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
