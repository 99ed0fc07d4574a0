"""Invalid cells are distinguished from valid ones."""

from dataclasses import replace

import numpy as np
import pytest

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.cell_check import cell_problem
from glove_spark.kernels.blocks.cells import BatchedCell, Lists

ROWS, COLS = 300, 200


@pytest.fixture(scope="module")
def cell():
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 40, (2, 3000))
    sparse = np.stack([rng.integers(0, ROWS, 2000), rng.integers(0, COLS, 2000)])
    places = np.unique(np.concatenate([dense, sparse], axis=1), axis=1).astype(np.uint32)
    values = rng.normal(size=places.shape[1]).astype(np.float32)
    made = batch_cell(places[0], places[1], values, triangle=False)
    assert (made.side > 0).any()
    assert (made.side == 0).any()
    return made


def test_what_we_cut_is_fine(cell):
    assert cell_problem(cell, ROWS, COLS) is None
    assert cell_problem(BatchedCell.empty(), 1, 1) is None


def changed(lists, place, value):
    values = np.array(lists.values)
    values[place] = value
    return Lists(lists.offsets, values)


def moved(lists, place, by):
    offsets = np.array(lists.offsets)
    offsets[place] += by
    return Lists(offsets, lists.values)


def sparse_batch(cell):
    return int(np.flatnonzero(cell.side == 0)[-1])


TAMPERED = {
    "negative row": lambda c: replace(c, row_ids=changed(c.row_ids, 0, -1)),
    "row beyond": lambda c: replace(c, row_ids=changed(c.row_ids, -1, ROWS)),
    "column beyond": lambda c: replace(c, col_ids=changed(c.col_ids, -1, COLS)),
    "index beyond": lambda c: replace(
        c, col_index=changed(c.col_index, -1, len(c.col_ids[sparse_batch(c)]))
    ),
    "pointer falls": lambda c: replace(
        c, row_ptr=changed(c.row_ptr, c.row_ptr.offsets[sparse_batch(c)] + 1, 10**6)
    ),
    "pointer begins late": lambda c: replace(
        c, row_ptr=changed(c.row_ptr, c.row_ptr.offsets[sparse_batch(c)], 1)
    ),
    "pointer ends early": lambda c: replace(c, row_ptr=changed(c.row_ptr, -1, 0)),
    "offsets fall": lambda c: replace(c, log_count=moved(c.log_count, 1, 10**9)),
    "values end early": lambda c: replace(c, log_count=moved(c.log_count, -1, 1)),
    "values missing": lambda c: replace(c, log_count=moved(c.log_count, -1, -1)),
    "odd side": lambda c: replace(c, side=np.where(c.side > 0, c.side - 1, 0).astype(np.int32)),
    "negative side": lambda c: replace(c, side=np.full_like(c.side, -2)),
    "huge side": lambda c: replace(c, side=np.where(c.side > 0, 1 << 20, 0).astype(np.int32)),
    "all sparse": lambda c: replace(c, side=np.zeros_like(c.side)),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_tampered_with_is_not(cell, name):
    assert cell_problem(TAMPERED[name](cell), ROWS, COLS) is not None
