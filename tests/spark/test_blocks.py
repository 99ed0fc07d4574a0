"""Blocks: every nonzero in exactly one cell, whatever the grid."""

import numpy as np
import pytest

from glove_spark.datasets.blocks import cell_file, read_cell
from glove_spark.errors import DatasetError
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.settings.stages import BlocksSettings
from glove_spark.stages.blocks import BLOCKS, LARGEST_CELL, default_num_blocks
from glove_spark.stages.stage import run_stage
from glove_spark.store.location import Location

pytestmark = pytest.mark.spark


def counts_of(blocks, size):
    """Combine the cells again, each from the file from which it is trained."""
    symmetric = blocks.facts["symmetric"]
    grid = BlockGrid(size, blocks.facts["num_blocks"])
    matrix = np.zeros((size, size))
    for p in range(grid.num_blocks):
        for q in range(grid.num_blocks):
            source = cell_file(blocks.location, p, q, symmetric=symmetric)
            for lines in read_cell(source.location).nonzeros():
                i, j = lines[1::-1] if source.transposed else lines[:2]
                rows, cols = grid.global_ids(p)[i], grid.global_ids(q)[j]
                assert (matrix[rows, cols] == 0).all()
                matrix[rows, cols] = np.exp(lines[2].astype(np.float64))
    return matrix


def random_counts(size, symmetric, seed=1):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 9, (size, size)) * (rng.random((size, size)) < 0.4)
    if symmetric:
        counts = np.triu(counts) + np.triu(counts, 1).T
    return counts.astype(np.float64)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("num_blocks", [1, 2, 3, 11])
def test_cells_hold_the_whole_matrix(spark, tmp_path, publish_matrix, symmetric, num_blocks):
    root = Location.of(tmp_path)
    counts = random_counts(9, symmetric)
    publish_matrix(root, counts, symmetric=symmetric, row_group=7)
    blocks = run_stage(BLOCKS, spark, BlocksSettings(num_blocks=num_blocks), root)
    np.testing.assert_allclose(counts_of(blocks, 9), counts, rtol=1e-6)
    assert blocks.facts["nnz"] == np.count_nonzero(counts)
    files = num_blocks * (num_blocks + 1) // 2 if symmetric else num_blocks**2
    assert len(blocks.manifest.files) == files


def test_bytes_do_not_depend_on_how_the_matrix_is_stored(spark, tmp_path, publish_matrix):
    counts = random_counts(30, True)
    found = []
    for name, row_group in (("one", 5), ("two", 1000)):
        root = Location.of(tmp_path / name)
        publish_matrix(root, counts, row_group=row_group)
        blocks = run_stage(BLOCKS, spark, BlocksSettings(num_blocks=3), root)
        found.append([file.read_bytes() for file in blocks.files(".arrow")])
    assert found[0] == found[1]


def test_default_number_of_blocks_follows_cores_and_size():
    assert default_num_blocks(1000, 4) == 4
    assert default_num_blocks(1000, 1024) == 128
    assert default_num_blocks(LARGEST_CELL * 100, 4) == 10
    # 840B tokens: cells of 128 x 128 are large enough for more blocks on 1,024 cores, not on 256
    assert default_num_blocks(135_000_000_000, 256) == 128
    assert default_num_blocks(135_000_000_000, 1024) == 256
    assert default_num_blocks(135_000_000_000, 4096) == 259


def test_cut_cell_is_refused(spark, tmp_path, publish_matrix):
    root = Location.of(tmp_path)
    publish_matrix(root, random_counts(9, True))
    blocks = run_stage(BLOCKS, spark, BlocksSettings(num_blocks=1), root)
    file = cell_file(blocks.location, 0, 0, symmetric=True).location
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"ARROW1" + bytes(100)):
        file.write_bytes(content)
        with pytest.raises(DatasetError, match="cannot be read"):
            read_cell(file)


def test_file_of_other_columns_is_refused(tmp_path):
    import pyarrow as pa

    from glove_spark.datasets.arrow_files import write_record_batch

    file = Location.of(tmp_path / "cell.arrow")
    write_record_batch(pa.record_batch({"a": [1]}), file)
    with pytest.raises(DatasetError, match="has unexpected columns"):
        read_cell(file)
