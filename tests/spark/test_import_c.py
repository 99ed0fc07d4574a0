"""The stages continue from files that the C program counted and trained."""

from __future__ import annotations

import numpy as np
import pytest

from glove_spark.c_program.exporting import export_c
from glove_spark.c_program.importing import import_c
from glove_spark.exchange.c_program import RECORD
from glove_spark.settings.stages import BlocksSettings, ExportSettings, TrainSettings
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.export import VECTORS, VECTORS_TEXT
from glove_spark.stages.stage import run_stage
from glove_spark.stages.train import MODEL
from glove_spark.store.location import Location
from glove_spark.vectors.word_vectors import WordVectors

pytestmark = pytest.mark.spark


@pytest.fixture
def files(tmp_path):
    """A vocabulary, symmetric counts and parameters as the program would write them."""
    rng = np.random.default_rng(10)
    size = 30
    (tmp_path / "vocab.txt").write_text("".join(f"w{k:02d} {99 - k}\n" for k in range(size)))
    half = np.triu(rng.integers(0, 4, (size, size))).astype(float)
    matrix = half + half.T
    rows, cols = np.nonzero(matrix)
    records = np.empty(len(rows), RECORD)
    records["row"], records["col"], records["count"] = rows + 1, cols + 1, matrix[rows, cols]
    rng.permutation(records).tofile(tmp_path / "cooccurrence.bin")
    rng.standard_normal((2 * size, 5)).tofile(tmp_path / "parameters.bin")
    return tmp_path


def test_training_goes_on_from_counts(spark, files):
    out = str(files / "out")
    vocab = str(files / "vocab.txt")
    _, counted = import_c(out, vocab=vocab, cooccurrence=str(files / "cooccurrence.bin"))
    root = Location.of(out)
    blocks = run_stage(BLOCKS, spark, BlocksSettings(num_blocks=2), root)
    assert blocks.facts["nnz"] == counted.facts["nnz"]
    model = run_stage(MODEL, spark, TrainSettings(vector_size=4, epochs=2), root)
    assert model.facts["costs"][1] < model.facts["costs"][0]
    # and its parameters are exported again
    export_c(out, parameters=str(files / "trained.bin"))
    back = WordVectors.load(str(files / "trained.bin"), vocab=vocab)
    np.testing.assert_allclose(
        back.vectors, WordVectors.load(out, side="sum").vectors, rtol=1e-5, atol=1e-7
    )


def test_export_goes_on_from_parameters(spark, files):
    out, vocab = str(files / "out"), str(files / "vocab.txt")
    import_c(out, vocab=vocab, parameters=str(files / "parameters.bin"))
    root = Location.of(out)
    run_stage(VECTORS, spark, ExportSettings(vectors="context"), root)
    run_stage(VECTORS_TEXT, spark, ExportSettings(vectors="context"), root)
    parameters = np.fromfile(files / "parameters.bin").reshape(2, 30, 5)
    for path in (out, f"{out}/vectors", f"{out}/vectors.txt"):
        found = WordVectors.load(path)
        assert found.words == [f"w{k:02d}" for k in range(30)]
        np.testing.assert_array_equal(found.vectors, parameters[1, :, :4].astype("f4"))
