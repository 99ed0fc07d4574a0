"""Rounds visit every cell once per epoch; tasks of a stratified round share no block."""

from __future__ import annotations

import doctest
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.training import schedule
from glove_spark.kernels.training.merge import arrival_of
from glove_spark.kernels.training.schedule import averaging_rounds, derived_rng, stratified_rounds
from glove_spark.settings.stages import TrainSettings
from glove_spark.training.epoch_files import ROWS
from glove_spark.training.epoch_plan import idle_cores_hint, rounds_of, schedule_of
from glove_spark.training.merging import places_of_several, row_replicas

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
    row_tasks = data.draw(st.integers(1, num_blocks))
    rounds = averaging_rounds(num_blocks, syncs, derived_rng(seed), row_tasks)
    assert len(rounds) == syncs
    assert len(set(cells_of(rounds))) == len(cells_of(rounds)) == num_blocks**2
    for tasks in rounds:
        assert all(task.column_blocks for task in tasks)
        visits = len(cells_of([tasks])) // num_blocks
        assert num_blocks // syncs <= visits <= -(-num_blocks // syncs)
        # every row block has as many tasks, and every column block as many visitors
        for counted, times in (
            ([task.row_block for task in tasks], min(row_tasks, visits)),
            ([column for _, column in cells_of([tasks])], visits),
        ):
            assert Counter(counted) == dict.fromkeys(range(num_blocks), times)


@given(st.integers(1, 12), seeds)
def test_as_many_merges_as_blocks_are_the_strata(num_blocks: int, seed: int):
    merged = averaging_rounds(num_blocks, num_blocks, derived_rng(seed))
    assert merged == stratified_rounds(num_blocks, derived_rng(seed))


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
        (
            lambda: averaging_rounds(4, 2, np.random.default_rng(0), 5),
            r"row_tasks=5 must be in 1\.\.num_blocks=4; lower it",
        ),
    ],
)
def test_errors_name_value_and_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("asked", "num_blocks", "name", "rounds"),
    [
        ({}, 2, "stratified", 2),
        ({}, 64, "stratified", 64),
        ({}, 65, "averaging", 16),
        ({}, 128, "averaging", 16),
        ({}, 1024, "averaging", 16),
        ({"schedule": "stratified"}, 128, "stratified", 128),
        ({"schedule": "averaging"}, 2, "averaging", 2),
        ({"schedule": "averaging"}, 8, "averaging", 4),
        ({"schedule": "averaging"}, 16, "averaging", 8),
        ({"schedule": "averaging"}, 32, "averaging", 16),
        ({"schedule": "averaging"}, 64, "averaging", 16),
        ({"schedule": "averaging", "syncs_per_epoch": 1}, 64, "averaging", 1),
    ],
)
def test_the_number_of_blocks_decides_what_is_left_open(asked, num_blocks, name, rounds):
    settings = TrainSettings(**asked)
    schedule = schedule_of(settings, num_blocks, 1e6)
    assert (schedule.name, schedule.rounds, schedule.row_tasks) == (name, rounds, 1)
    assert name in schedule.described
    assert ("schedule=auto" in schedule.described) == (not asked)
    assert len(rounds_of(schedule, settings.seed, 1)) == rounds


@pytest.mark.parametrize(
    ("asked", "num_blocks", "nnz_per_cell", "row_tasks"),
    [
        ({}, 128, 2e6, 4),
        ({}, 128, 1.9e6, 1),
        ({}, 127, 3e7, 1),
        ({"schedule": "averaging"}, 64, 3e7, 1),
        ({"schedule": "stratified"}, 128, 3e7, 1),
        ({"row_tasks": 2}, 128, 3e7, 2),
        ({"row_tasks": 8}, 128, 10, 8),
        # no more than the column blocks of a round
        ({"syncs_per_epoch": 64}, 128, 3e7, 2),
    ],
)
def test_full_cells_get_several_row_tasks(asked, num_blocks, nnz_per_cell, row_tasks):
    settings = TrainSettings(**asked)
    schedule = schedule_of(settings, num_blocks, nnz_per_cell * num_blocks**2)
    assert schedule.row_tasks == row_tasks
    assert ("tasks per row block" in schedule.described) == (row_tasks > 1)
    tasks = rounds_of(schedule, settings.seed, 1)[0]
    assert len(tasks) == num_blocks * row_tasks


@pytest.mark.parametrize(
    ("schedule", "row_tasks", "cores", "wanted"),
    [
        ("averaging", 1, 1024, "a round has 128 tasks, but there are 1024 cores; --row-tasks 4"),
        ("averaging", 1, 256, "--row-tasks 2 makes 256 tasks"),
        # more than four row tasks can lower the quality
        ("averaging", 1, 4096, "--row-tasks 4 makes 512 tasks"),
        ("averaging", 8, 4096, None),
        ("averaging", 2, 1024, "a round has 256 tasks"),
        ("averaging", 2, 256, None),
        ("averaging", 1, 255, None),
        ("stratified", 1, 1024, None),
    ],
)
def test_cores_without_a_task_are_told_of(schedule, row_tasks, cores, wanted):
    settings = TrainSettings(schedule=schedule, row_tasks=row_tasks)
    hint = idle_cores_hint(schedule_of(settings, 128, 1e6), cores)
    assert hint is None if wanted is None else wanted in hint


@pytest.mark.parametrize(("row_tasks", "arrival"), [(1, 2), (2, 2), (4, 4), (8, 4)])
def test_replicas_of_rows_arrive_as_fast_as_there_are_many(row_tasks, arrival):
    for tasks in averaging_rounds(16, 4, derived_rng(1), row_tasks):
        shared = places_of_several(tasks)
        replicas = {place: [] for place in shared}
        for task in tasks:
            replicas.setdefault((ROWS, task.row_block), []).append(task)
        kept = {place: found for place, found in replicas.items() if place in shared}
        assert arrival_of(row_replicas(kept)) == arrival
    # in a round of one stratum, row tasks have nothing to share
    assert not any(map(places_of_several, averaging_rounds(16, 16, derived_rng(1), row_tasks)))
