"""The grid assigns every nonzero to one cell, and strata share no row or column."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.blocks import grid as grid_module
from glove_spark.kernels.blocks.grid import BlockGrid

grids = st.builds(BlockGrid, vocabulary_size=st.integers(1, 60), num_blocks=st.integers(1, 70))


def test_docstring_example():
    assert doctest.testmod(grid_module).failed == 0


@given(grids)
def test_blocks_partition_the_vocabulary_in_order(grid: BlockGrid):
    blocks = [grid.global_ids(block) for block in range(grid.num_blocks)]
    assert sorted(np.concatenate(blocks).tolist()) == list(range(grid.vocabulary_size))
    for block, ids in enumerate(blocks):
        assert len(ids) == grid.block_size(block)
        np.testing.assert_array_equal(grid.block_of(ids), block)
        np.testing.assert_array_equal(grid.local_of(ids), np.arange(len(ids)))


@given(grids, st.data())
def test_locate_agrees_with_global_ids(grid: BlockGrid, data: st.DataObject):
    ids = st.integers(0, grid.vocabulary_size - 1)
    row_id, col_id = data.draw(ids), data.draw(ids)
    (p, q), (row, col) = grid.locate(row_id, col_id)
    assert grid.global_ids(p)[row] == row_id
    assert grid.global_ids(q)[col] == col_id


@given(st.integers(1, 40))
def test_strata_cover_every_cell_once_and_share_nothing(num_blocks: int):
    strata = list(BlockGrid(100, num_blocks).strata())
    cells = [cell for stratum in strata for cell in stratum]
    assert len(cells) == len(set(cells)) == num_blocks**2
    for stratum in strata:
        assert {row for row, _ in stratum} == set(range(num_blocks))
        assert {col for _, col in stratum} == set(range(num_blocks))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BlockGrid(0, 1), r"vocabulary_size=0 must be at least 1; lower min_count"),
        (lambda: BlockGrid(5, 0), r"num_blocks=0 must be at least 1"),
        (lambda: BlockGrid(5, 2).locate(5, 0), r"row_id=5 is outside 0\.\.4"),
        (lambda: BlockGrid(5, 2).locate(0, -1), r"col_id=-1 is outside 0\.\.4"),
        (lambda: BlockGrid(5, 2).block_size(2), r"block=2 is outside 0\.\.1"),
        (lambda: BlockGrid(5, 2).global_ids(-1), r"block=-1 is outside 0\.\.1"),
    ],
)
def test_errors_name_value_and_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
