"""Leaves and batches: every nonzero once, leaves of a batch disjoint, staleness bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.blocks.cells import BatchedCell, Lists, Tiles
from glove_spark.kernels.blocks.leaves import Leaves, cut_leaves, group_by_root
from glove_spark.kernels.blocks.packing import pack_leaves


def random_cell(seed: int, rows: int, cols: int, density: float):
    """Make a cell with fewer nonzeros for higher ids, sorted by row and column."""
    rng = np.random.default_rng(seed)
    rank = np.add.outer(np.arange(rows), np.arange(cols))
    chosen = rng.random((rows, cols)) < density / (1 + rank / 10)
    i, j = np.nonzero(chosen)
    return i, j, (rng.random(len(i)) + 0.1).astype(np.float32)


cells = st.builds(
    random_cell,
    st.integers(0, 1000),
    st.integers(1, 150),
    st.integers(1, 150),
    st.floats(0, 1.5),
)


def restored(cell: BatchedCell):
    """Return (row, col, log count) of every nonzero, from the batches."""
    return tuple(np.concatenate(part) for part in zip(*cell.nonzeros(), strict=True))


@given(cells, st.sampled_from([1.0, 2.0, 16.0, 1e9]), st.sampled_from([1, 50, 20_000]))
def test_every_nonzero_is_in_exactly_one_batch(coo, max_staleness, batch_nnz):
    rows, cols, logs = coo
    cell = batch_cell(rows, cols, logs, max_staleness=max_staleness, batch_nnz=batch_nnz)
    assert cell.total_nnz == cell.nnz.sum() == len(rows)
    if len(rows) == 0:
        assert cell.num_batches == 0
        return
    got_rows, got_cols, got_logs = restored(cell)
    order = np.lexsort((got_cols, got_rows))
    np.testing.assert_array_equal(got_rows[order], rows)
    np.testing.assert_array_equal(got_cols[order], cols)
    np.testing.assert_array_equal(got_logs[order], logs)


@given(cells, st.sampled_from([1.0, 16.0]))
def test_a_triangle_stands_for_both_triangles(coo, max_staleness):
    rows, cols, logs = coo
    above = rows <= cols
    rows, cols, logs = rows[above], cols[above], logs[above]
    cell = batch_cell(rows, cols, logs, triangle=True, max_staleness=max_staleness)
    expected = np.zeros((150, 150), np.float32)
    expected[rows, cols] = expected[cols, rows] = logs
    found = np.zeros_like(expected)
    for i, j, values in cell.nonzeros():
        assert (found[i, j] == 0).all()
        found[i, j] = values
    np.testing.assert_array_equal(found, expected)
    assert cell.total_nnz == np.count_nonzero(expected)


@pytest.mark.parametrize("joint_places", [0, 2048, 1 << 16])
def test_tiles_visited_with_their_transposes_share_no_row_and_no_column(monkeypatch, joint_places):
    monkeypatch.setattr("glove_spark.kernels.blocks.cells.JOINT_PLACES", joint_places)
    rows, cols = np.triu_indices(150)
    cell = batch_cell(rows, cols, np.arange(len(rows), dtype=np.float32), triangle=True)
    once, twice = 0, 0
    for batch, transposed in cell.visits(np.random.default_rng(1)):
        if not isinstance(batch, Tiles):
            continue
        assert len(set(batch.row_ids.tolist())) == len(set(batch.col_ids.tolist()))
        assert len(set(batch.row_ids.tolist())) == len(batch.row_ids)
        joint = set(batch.row_ids.tolist()) == set(batch.col_ids.tolist())
        joint &= (batch.row_ids != batch.col_ids).all()
        once, twice = once + joint, twice + transposed
    # batches with a tile on the diagonal, with one stored triangle, are always visited twice
    assert twice > 0
    assert (once > 0) == (joint_places > 0)
    places = [(i, j) for row, col, _ in cell.nonzeros() for i, j in zip(row, col, strict=True)]
    assert len(places) == len(set(places)) == cell.total_nnz == 150 * 150


@given(cells, st.sampled_from([1.0, 4.0, 1e9]))
def test_sparse_batches_are_canonical_csr(coo, max_staleness):
    cell = batch_cell(*coo, max_staleness=max_staleness, batch_nnz=100)
    for batch, _ in cell.visits():
        assert (np.diff(batch.row_ids) > 0).all()
        if isinstance(batch, Tiles):
            continue
        assert (np.diff(batch.col_ids) > 0).all()
        assert batch.row_ptr[0] == 0
        assert batch.row_ptr[-1] == len(batch.col_index) == len(batch.log_count) > 0
        assert (np.diff(batch.row_ptr) > 0).all()
        assert set(batch.col_index.tolist()) == set(range(len(batch.col_ids)))
        columns = np.split(batch.col_index.astype(int), batch.row_ptr[1:-1])
        assert all((np.diff(row) > 0).all() for row in columns)


def test_a_dense_corner_becomes_tiles_and_a_thin_tail_does_not():
    i, j = np.divmod(np.arange(64 * 64), 64)
    tail = np.arange(100, 1100)
    rows, cols = np.concatenate([i, tail]), np.concatenate([j, tail])
    cell = batch_cell(rows, cols, np.ones(len(rows), np.float32))
    assert sorted(set(cell.side.tolist())) == [0, 16]
    assert cell.nnz[cell.side == 16].sum() == 64 * 64
    # 16 tiles of 16 x 16, of which four share no row and no column
    assert (cell.side == 16).sum() == 4


def leaves_of(rows, cols, max_staleness) -> tuple[Leaves, np.ndarray, np.ndarray]:
    """Cut the leaves; return them, and rows and columns in the order of `leaf_of`."""
    roots = group_by_root(rows, cols, np.arange(len(rows)))
    leaves = cut_leaves(roots, int(max(rows.max(), cols.max())) + 1, max_staleness)
    return leaves, rows[roots.values], cols[roots.values]


@given(cells, st.sampled_from([1.0, 3.0, 16.0]), st.sampled_from([1, 100, 20_000]))
def test_leaves_of_a_batch_share_no_row_and_no_column(coo, max_staleness, batch_nnz):
    rows, cols, _ = coo
    if len(rows) == 0:
        return
    leaves, _, _ = leaves_of(rows, cols, max_staleness)
    kind = leaves.nnz % 2 == 0
    batches = pack_leaves(leaves, kind, leaves.nnz / batch_nnz)
    assert set(batches.tolist()) == set(range(batches.max() + 1))
    for batch in range(batches.max() + 1):
        members = np.flatnonzero(batches == batch)
        assert len(set(leaves.level[members])) == len(set(kind[members])) == 1
        # as many parts as needed, divided evenly, so that none exceeds a batch and a leaf
        load = leaves.nnz[members] / batch_nnz
        assert load.sum() <= 1 + load.max()
        for corner in (leaves.row, leaves.col):
            assert len(set(corner[members].tolist())) == len(members)


@given(cells, st.sampled_from([1.0, 3.0, 16.0]))
def test_leaves_hold_the_staleness_bound_and_are_largest(coo, max_staleness):
    rows, cols, _ = coo
    if len(rows) == 0:
        return
    leaves, rows, cols = leaves_of(rows, cols, max_staleness)
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
    rows, cols, logs = random_cell(1, 90, 80, 1.0)
    shuffled = np.random.default_rng(2).permutation(len(rows))
    one = batch_cell(rows, cols, logs, batch_nnz=100)
    other = batch_cell(
        rows[shuffled].astype(np.uint32),
        cols[shuffled].astype(np.uint16),
        logs[shuffled],
        batch_nnz=100,
    )
    for mine, others in zip(arrays_of(one), arrays_of(other), strict=True):
        np.testing.assert_array_equal(mine, others)
        assert mine.dtype == others.dtype


def arrays_of(cell: BatchedCell) -> list[np.ndarray]:
    found = []
    for field in vars(cell).values():
        found += [field.offsets, field.values] if isinstance(field, Lists) else [field]
    return found


def test_an_empty_and_a_single_nonzero_cell():
    empty = batch_cell(np.array([], int), np.array([], int), np.float32([]))
    assert (empty.num_batches, empty.total_nnz) == (0, 0)
    assert empty.log_count.offsets.tolist() == empty.row_ids.offsets.tolist() == [0]
    single = batch_cell(np.array([7]), np.array([3]), np.float32([1]))
    ((batch, _),) = single.visits()
    assert batch.row_ids.tolist() == [7]
    assert batch.col_ids.tolist() == [3]
    assert batch.row_ptr.tolist() == [0, 1]
    assert batch.col_index.tolist() == [0]
    assert batch.log_count.tolist() == [1.0]


def test_staleness_one_of_a_dense_square_gives_permutation_batches():
    i, j = np.divmod(np.arange(64), 8)
    cell = batch_cell(i, j, np.ones(64, np.float32), max_staleness=1.0)
    assert [len(batch.log_count) for batch, _ in cell.visits()] == [8] * 8


def test_a_star_is_one_leaf_however_many_rays_it_has():
    rays = np.arange(1000)
    leaves, _, _ = leaves_of(np.zeros_like(rays), rays, max_staleness=1.0)
    assert leaves.nnz.tolist() == [1000]


def test_a_full_square_needs_one_batch_a_diagonal():
    rows, cols = np.divmod(np.arange(48 * 48), 48)
    leaves, _, _ = leaves_of(rows, cols, max_staleness=4.0)
    assert leaves.level.tolist() == [2] * 144
    batches = pack_leaves(leaves, np.zeros(144, bool), np.zeros(144) + 1e-3)
    assert np.bincount(batches).tolist() == [12] * 12


def test_a_nonzero_takes_few_bytes():
    cell = batch_cell(*random_cell(3, 1000, 1000, 1.0))
    assert sum(array.nbytes for array in arrays_of(cell)) / cell.total_nnz < 12


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
        batch_cell(np.array([0]), np.array([0]), np.float32([1]), **settings)
