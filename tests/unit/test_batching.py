"""Leaves and batches: every nonzero once, leaves of a batch disjoint, staleness bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.batching import BatchedCell, batch_cell
from glove_spark.kernels.leaves import cut_leaves
from glove_spark.kernels.packing import pack_leaves


def random_cell(seed: int, rows: int, cols: int, density: float):
    """Make a cell whose nonzeros thin out towards high ids, sorted by row and column."""
    rng = np.random.default_rng(seed)
    rank = np.add.outer(np.arange(rows), np.arange(cols))
    chosen = rng.random((rows, cols)) < density / (1 + rank / 10)
    i, j = np.nonzero(chosen)
    return i, j, rng.random(len(i)) + 0.1


cells = st.builds(
    random_cell,
    st.integers(0, 1000),
    st.integers(1, 150),
    st.integers(1, 150),
    st.floats(0, 1.5),
)


def restored(cell: BatchedCell):
    """Return (row, col, log count) of every nonzero, from the batches."""
    parts = [
        (
            np.repeat(batch.row_ids, np.diff(batch.row_ptr)),
            batch.col_ids[batch.col_index],
            batch.log_count,
        )
        for batch in cell.batches()
    ]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


@given(cells, st.sampled_from([1.0, 2.0, 16.0, 1e9]), st.sampled_from([1, 50, 20_000]))
def test_every_nonzero_is_in_exactly_one_batch(coo, max_staleness, batch_nnz):
    rows, cols, counts = coo
    cell = batch_cell(rows, cols, counts, max_staleness=max_staleness, batch_nnz=batch_nnz)
    assert cell.nnz == len(rows)
    if len(rows) == 0:
        assert cell.num_batches == 0
        return
    got_rows, got_cols, logs = restored(cell)
    order = np.lexsort((got_cols, got_rows))
    np.testing.assert_array_equal(got_rows[order], rows)
    np.testing.assert_array_equal(got_cols[order], cols)
    np.testing.assert_allclose(logs[order], np.log(counts), rtol=1e-6, atol=1e-7)


@given(cells, st.sampled_from([1.0, 4.0, 1e9]))
def test_batches_are_canonical_csr(coo, max_staleness):
    for batch in batch_cell(*coo, max_staleness=max_staleness, batch_nnz=100).batches():
        assert (np.diff(batch.row_ids) > 0).all()
        assert (np.diff(batch.col_ids) > 0).all()
        assert batch.row_ptr[0] == 0
        assert batch.row_ptr[-1] == len(batch.col_index) == len(batch.log_count) > 0
        assert (np.diff(batch.row_ptr) > 0).all()
        assert set(batch.col_index.tolist()) == set(range(len(batch.col_ids)))


@given(cells, st.sampled_from([1.0, 3.0, 16.0]), st.sampled_from([1, 100, 20_000]))
def test_leaves_of_a_batch_share_no_row_and_no_column(coo, max_staleness, batch_nnz):
    rows, cols, _ = coo
    if len(rows) == 0:
        return
    leaves = cut_leaves(rows, cols, max_staleness)
    batches = pack_leaves(leaves, batch_nnz)
    assert set(batches.tolist()) == set(range(batches.max() + 1))
    for batch in range(batches.max() + 1):
        members = np.flatnonzero(batches == batch)
        for corner in (leaves.row, leaves.col):
            start = corner[members] << leaves.level[members]
            stop = start + (1 << leaves.level[members])
            order = np.argsort(start)
            assert (start[order][1:] >= stop[order][:-1]).all()


@given(cells, st.sampled_from([1.0, 3.0, 16.0]))
def test_leaves_hold_the_staleness_bound_and_are_largest(coo, max_staleness):
    rows, cols, _ = coo
    if len(rows) == 0:
        return
    leaves = cut_leaves(rows, cols, max_staleness)
    bound = min(max_staleness, (max(rows.max(), cols.max()) + 1) / 8)

    def staleness(inside):
        n_row, n_col = np.bincount(rows[inside]), np.bincount(cols[inside])
        return np.minimum(n_row[rows[inside]], n_col[cols[inside]]).mean()

    for leaf in range(len(leaves.level)):
        level, row, col = leaves.level[leaf], leaves.row[leaf], leaves.col[leaf]
        inside = (rows >> level == row) & (cols >> level == col)
        np.testing.assert_array_equal(inside, leaves.leaf_of == leaf)
        assert inside.sum() == leaves.nnz[leaf]
        assert level == 0 or staleness(inside) <= bound
        parent = (rows >> level + 1 == row >> 1) & (cols >> level + 1 == col >> 1)
        whole = 1 << level > max(rows.max(), cols.max())
        assert whole or staleness(parent) > bound


def test_the_order_of_the_nonzeros_does_not_matter():
    rows, cols, counts = random_cell(1, 90, 80, 1.0)
    shuffled = np.random.default_rng(2).permutation(len(rows))
    one = batch_cell(rows, cols, counts, batch_nnz=100)
    other = batch_cell(
        rows[shuffled].astype(np.int32),
        cols[shuffled].astype(np.uint16),
        counts[shuffled],
        batch_nnz=100,
    )
    for name in BatchedCell.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype


def test_an_empty_and_a_single_nonzero_cell():
    empty = batch_cell(np.array([], int), np.array([], int), np.array([]))
    assert (empty.num_batches, empty.nnz) == (0, 0)
    assert empty.nnz_offsets.tolist() == empty.row_offsets.tolist() == [0]
    single = batch_cell(np.array([7]), np.array([3]), np.array([np.e]))
    (batch,) = single.batches()
    assert batch.row_ids.tolist() == [7]
    assert batch.col_ids.tolist() == [3]
    assert batch.row_ptr.tolist() == [0, 1]
    assert batch.col_index.tolist() == [0]
    assert batch.log_count.tolist() == [1.0]


def test_staleness_one_of_a_dense_square_gives_permutation_batches():
    i, j = np.divmod(np.arange(64), 8)
    cell = batch_cell(i, j, np.ones(64), max_staleness=1.0)
    assert [len(batch.log_count) for batch in cell.batches()] == [8] * 8


def test_a_star_is_one_leaf_however_many_rays_it_has():
    rays = np.arange(1000)
    leaves = cut_leaves(np.zeros_like(rays), rays, max_staleness=1.0)
    assert leaves.nnz.tolist() == [1000]


def test_small_leaves_fill_up_batches_of_larger_ones():
    # Dense 16 x 16 corner, diagonal elsewhere: without mixing sizes, 17 batches or more.
    corner_i, corner_j = np.divmod(np.arange(256), 16)
    tail = np.arange(16, 256)
    rows, cols = np.concatenate([corner_i, tail]), np.concatenate([corner_j, tail])
    cell = batch_cell(rows, cols, np.ones(len(rows)), max_staleness=1.0)
    assert cell.num_batches == 16


def test_a_nonzero_takes_ten_bytes_or_so():
    rows, cols, counts = random_cell(3, 1000, 1000, 1.0)
    cell = batch_cell(rows, cols, counts)
    size = sum(getattr(cell, name).nbytes for name in BatchedCell.__dataclass_fields__)
    assert size / cell.nnz < 12


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_staleness": 0.5}, r"max_staleness=0.5 must be at least 1; use 1"),
        ({"max_staleness": float("nan")}, r"max_staleness=nan must be at least 1"),
        ({"batch_nnz": 0}, r"batch_nnz=0 must be in 1\.\.32768"),
        ({"batch_nnz": 40_000}, r"batch_nnz=40000 must be in 1\.\.32768"),
    ],
)
def test_errors_name_value_and_rule(settings, message):
    with pytest.raises(ValueError, match=message):
        batch_cell(np.array([0]), np.array([0]), np.array([1.0]), **settings)
