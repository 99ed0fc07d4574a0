"""A model on disk: parameters gathered by id, and its own words."""

import numpy as np
import pytest

from glove_spark.datasets.model import SIDES, block_file, gather_parameters, write_parameters
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import DatasetError, InputError
from glove_spark.exchange.formats import open_vectors
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.parameters import Parameters, initial_parameters
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe, list_files

WORDS, SIZE, EPOCH = 11, 3, 2


def publish_model(folder, num_blocks, adagrad, *, words=WORDS):
    """Write a model and return it with the parameters of both sides, by id."""
    model, grid = Location.of(folder) / "model", BlockGrid(WORDS, num_blocks)
    rng = np.random.default_rng(0)
    sides = [initial_parameters(WORDS, SIZE, rng, adagrad) for _ in SIDES]
    for side, whole in zip(SIDES, sides, strict=True):
        whole.vector_gradsq[:] = rng.random(whole.vector_gradsq.shape)
        for block in range(num_blocks):
            file = block_file(model, EPOCH, side, block)
            file.parent.make_folder()
            ids = grid.global_ids(block)
            write_parameters(Parameters(*(values[ids] for values in vars(whole).values())), file)
    Vocabulary([f"w{k}" for k in range(words)], np.arange(words, 0, -1)).write(model)
    facts = {
        "epoch": EPOCH,
        "vector_size": SIZE,
        "adagrad": adagrad,
        "num_blocks": num_blocks,
        "vocabulary_size": WORDS,
    }
    manifest = Manifest(Recipe("train", FORMAT_VERSIONS["model"], {}, {}), list_files(model), facts)
    manifest.write(model)
    return Dataset(model, manifest), sides


@pytest.mark.parametrize("adagrad", ["row", "element"])
@pytest.mark.parametrize("num_blocks", [1, 4, 20])
@pytest.mark.parametrize("ids", [[], [7], [10, 0, 3, 3, 9, 1]])
def test_parameters_are_gathered_in_the_order_of_ids(tmp_path, num_blocks, adagrad, ids):
    model, sides = publish_model(tmp_path, num_blocks, adagrad)
    for side, whole in zip(SIDES, sides, strict=True):
        found = gather_parameters(model, side, np.array(ids, np.int32))
        for values, wanted in zip(vars(found).values(), vars(whole).values(), strict=True):
            np.testing.assert_array_equal(values, wanted[ids])
            assert values.dtype == np.float32


def test_its_vectors_are_read_without_a_vocabulary(tmp_path):
    _, sides = publish_model(tmp_path, 3, "row")
    source = open_vectors(str(tmp_path), side="sum")
    rows = np.vstack([chunk.rows for chunk in source.chunks()])
    np.testing.assert_allclose(rows, sides[0].vectors + sides[1].vectors, rtol=1e-6)
    assert [word for part in source.words() for word in part] == [f"w{k}" for k in range(WORDS)]


def test_another_number_of_words_is_refused(tmp_path):
    publish_model(tmp_path, 1, "row", words=9)
    with pytest.raises(DatasetError, match="has 11 vectors but 9 words; run train again"):
        open_vectors(str(tmp_path), side="sum")


def test_its_words_are_not_taken_for_vectors(tmp_path):
    publish_model(tmp_path, 1, "row")
    with pytest.raises(
        InputError, match="model is not a dataset of vectors; name an output folder"
    ):
        open_vectors(str(tmp_path / "model"))
