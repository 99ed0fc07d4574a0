"""Training that starts from another model: known words, new ones, resuming, refusals."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from glove_spark.c_program.importing import import_c
from glove_spark.cli import main
from glove_spark.datasets.model import SIDES, gather_parameters
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, DatasetError, InputError
from glove_spark.exchange.formats import open_vectors
from glove_spark.settings.config import pipeline_config
from glove_spark.settings.stages import BlocksSettings, TrainSettings
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.stage import run_stage
from glove_spark.stages.train import MODEL
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, list_files
from glove_spark.vectors.drift import counts_beside
from glove_spark.vectors.word_vectors import WordVectors

pytestmark = pytest.mark.spark

SIZE = 4
OLD_WORDS, ALL_WORDS = 30, 36


def symmetric_counts(size):
    rng = np.random.default_rng(8)
    counts = rng.integers(0, 30, (size, size))
    return (counts + counts.T).astype(np.float64)


COUNTS = symmetric_counts(ALL_WORDS)

PAPER = {"unobserved": 0.0, "biases": "trained"}
"""The objective of the paper, in which biases start from the earlier model."""


@pytest.fixture
def blocks_of(spark, publish_matrix):
    """Make the datasets up to blocks, for some of the words, in the given order."""

    def make(folder, order, num_blocks, *, symmetric=True):
        root = Location.of(folder)
        publish_matrix(root, COUNTS[np.ix_(order, order)], symmetric=symmetric)
        counts = np.arange(len(order), 0, -1)
        Vocabulary([f"word{k}" for k in order], counts).write(root / "vocabulary")
        known = Manifest.read(root / "vocabulary")
        Manifest(known.recipe, list_files(root / "vocabulary"), known.facts).write(
            root / "vocabulary"
        )
        run_stage(BLOCKS, spark, BlocksSettings(num_blocks=num_blocks), root)
        return root

    return make


@pytest.fixture
def earlier(spark, tmp_path, blocks_of):
    """A model of the first 30 words, in two blocks."""
    root = blocks_of(tmp_path / "earlier", np.arange(OLD_WORDS), 2)
    return run_stage(MODEL, spark, TrainSettings(vector_size=SIZE, epochs=3, **PAPER), root)


def settings(earlier, **options):
    given = {"vector_size": SIZE, "epochs": 1, "warm_start": earlier.location.path, **PAPER}
    return TrainSettings(**{**given, **options})


def by_word(model, side, epoch=None):
    """Parameters of one side by word, as lists of arrays."""
    words = Vocabulary.read(model.location).words
    found = gather_parameters(model, side, np.arange(len(words)), epoch)
    return {word: [values[k] for values in vars(found).values()] for k, word in enumerate(words)}


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("num_blocks", [1, 2, 5])
@pytest.mark.parametrize("new_words", ["average", "random"])
def test_known_words_start_where_they_were_whatever_their_ids_and_blocks(
    spark, tmp_path, blocks_of, earlier, num_blocks, new_words
):
    order = np.random.default_rng(1).permutation(ALL_WORDS)
    root = blocks_of(tmp_path / "later", order, num_blocks)
    model = run_stage(MODEL, spark, settings(earlier, new_words=new_words), root)
    assert model.facts["known_words"] == OLD_WORDS
    for side in SIDES:
        before, start, after = by_word(earlier, side), by_word(model, side, 0), by_word(model, side)
        assert set(start) - set(before) == {f"word{k}" for k in range(OLD_WORDS, ALL_WORDS)}
        assert all(same(before[word], start[word]) for word in before)
        assert not any(same(start[word], after[word]) for word in start)


def test_adam_goes_on_with_its_moments(spark, tmp_path, blocks_of):
    adam = {"vector_size": SIZE, "epochs": 2, "optimizer": "adam", "learning_rate": 0.01, **PAPER}
    old = blocks_of(tmp_path / "earlier", np.arange(OLD_WORDS), 2)
    earlier = run_stage(MODEL, spark, TrainSettings(**adam), old)
    root = blocks_of(tmp_path / "later", np.arange(ALL_WORDS), 3)
    warm = TrainSettings(**{**adam, "epochs": 1}, warm_start=earlier.location.path)
    model = run_stage(MODEL, spark, warm, root)
    for side in SIDES:
        before, start, after = by_word(earlier, side), by_word(model, side, 0), by_word(model, side)
        assert all(same(before[word], start[word]) for word in before)
        # the last number of the state of a word is its number of steps
        assert all(before[word][2][-1] > 0 for word in before)
        assert all(after[word][2][-1] > start[word][2][-1] for word in start)
        assert start[f"word{OLD_WORDS}"][2][-1] == 0
    with pytest.raises(ConfigurationError, match="which is adam; give --optimizer adam"):
        run_stage(MODEL, spark, settings(earlier), root, overwrite=True)


@pytest.mark.parametrize("adagrad", ["row", "element"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_new_words_start_from_the_average_of_their_contexts(
    spark, tmp_path, blocks_of, adagrad, symmetric
):
    old = blocks_of(tmp_path / "earlier", np.arange(OLD_WORDS), 2, symmetric=symmetric)
    first = TrainSettings(vector_size=SIZE, epochs=3, adagrad=adagrad, **PAPER)
    earlier = run_stage(MODEL, spark, first, old)
    root = blocks_of(tmp_path / "later", np.arange(ALL_WORDS), 3, symmetric=symmetric)
    model = run_stage(
        MODEL, spark, settings(earlier, adagrad=adagrad, x_max=40.0, new_words="average"), root
    )
    known, new = np.arange(OLD_WORDS), np.arange(OLD_WORDS, ALL_WORDS)
    for side, counts in zip(SIDES, (COUNTS, COUNTS.T), strict=True):
        other = SIDES[1 - SIDES.index(side)]
        mine, theirs = (gather_parameters(earlier, name, known) for name in (side, other))
        x = counts[np.ix_(new, known)]
        f = np.where(x > 0, np.minimum(1, (x / 40) ** 0.75), 0)
        vectors = f @ mine.vectors / f.sum(axis=1, keepdims=True)
        residuals = np.log(np.maximum(x, 1)) - vectors @ theirs.vectors.T - theirs.biases
        start = gather_parameters(model, side, new, 0)
        np.testing.assert_allclose(start.vectors, vectors, rtol=1e-4, atol=1e-6)
        biases = (f * residuals).sum(axis=1) / f.sum(axis=1)
        np.testing.assert_allclose(start.biases, biases, rtol=1e-3, atol=1e-5)
        assert np.all(start.vector_gradsq == 1)
        assert np.all(start.bias_gradsq == 1)


@pytest.mark.parametrize("symmetric", [True, False])
def test_anchored_biases_follow_the_counts(spark, tmp_path, blocks_of, symmetric):
    old = blocks_of(tmp_path / "earlier", np.arange(OLD_WORDS), 2, symmetric=symmetric)
    earlier = run_stage(MODEL, spark, TrainSettings(vector_size=SIZE, epochs=3), old)
    order = np.random.default_rng(1).permutation(ALL_WORDS)
    root = blocks_of(tmp_path / "later", order, 3, symmetric=symmetric)
    objective = {"unobserved": 1.0, "biases": "anchored"}
    model = run_stage(MODEL, spark, settings(earlier, new_words="average", **objective), root)
    counts = COUNTS[np.ix_(order, order)]
    total = counts.sum()
    words = np.log(counts.sum(axis=1) / np.sqrt(total))
    smoothed = counts.sum(axis=0) ** TrainSettings().context_smoothing
    contexts = np.log(smoothed / smoothed.sum() * np.sqrt(total))
    ids = np.argsort(order)[:OLD_WORDS]
    for side, anchors in zip(SIDES, (words, contexts), strict=True):
        for epoch in (0, 1):
            found = gather_parameters(model, side, np.arange(ALL_WORDS), epoch)
            np.testing.assert_allclose(found.biases, anchors, rtol=1e-5, atol=1e-5)
        # vectors and accumulators start where they were
        start = gather_parameters(model, side, ids, 0)
        before = gather_parameters(earlier, side, np.arange(OLD_WORDS))
        np.testing.assert_array_equal(start.vectors, before.vectors)
        np.testing.assert_array_equal(start.vector_gradsq, before.vector_gradsq)


def test_where_nothing_is_new_the_choice_changes_nothing(spark, tmp_path, blocks_of, earlier):
    root = blocks_of(tmp_path / "later", np.arange(OLD_WORDS), 3)
    averaged = run_stage(MODEL, spark, settings(earlier, new_words="average"), root)
    again = settings(earlier, new_words="random")
    drawn = run_stage(MODEL, spark, again, root, overwrite=True)
    for side in SIDES:
        start, end = by_word(averaged, side), by_word(drawn, side)
        assert all(same(start[word], end[word]) for word in start)


def test_it_goes_on_where_the_model_was(spark, tmp_path, blocks_of, earlier):
    root = blocks_of(tmp_path / "later", np.arange(OLD_WORDS), 2)
    model = run_stage(MODEL, spark, settings(earlier, learning_rate=0.05), root)
    from_scratch = settings(earlier, warm_start=None, learning_rate=0.05)
    scratch = run_stage(MODEL, spark, from_scratch, root, overwrite=True)
    assert model.facts["cost"] < earlier.facts["costs"][-1] < scratch.facts["cost"]
    assert scratch.facts["known_words"] is None


def test_a_run_that_dies_resumes_with_the_same_bytes(
    spark, tmp_path, blocks_of, earlier, dying_rounds
):
    wanted = settings(earlier, epochs=3, new_words="average")
    order = np.arange(ALL_WORDS)[::-1]
    undisturbed = run_stage(MODEL, spark, wanted, blocks_of(tmp_path / "a", order, 2))
    root = blocks_of(tmp_path / "b", order, 2)
    with dying_rounds(3) as rounds:
        run_stage(MODEL, spark, wanted, root)
    resumed = run_stage(MODEL, spark, wanted, root)
    # one of three epochs was complete, and an epoch has two rounds
    assert len(rounds) == 4
    for name, state in undisturbed.manifest.files.items():
        if name.endswith((".arrow", ".parquet")):
            assert resumed.manifest.files[name] == state
    assert resumed.facts["known_words"] == OLD_WORDS


def test_a_moved_model_is_the_same_and_another_one_is_not(
    spark, tmp_path, blocks_of, earlier, log_lines
):
    root = blocks_of(tmp_path / "later", np.arange(ALL_WORDS), 2)
    first = run_stage(MODEL, spark, settings(earlier), root)
    assert "warm_start" not in first.manifest.recipe.settings
    assert first.manifest.recipe.inputs["warm_start"] == earlier.manifest.fingerprint
    (tmp_path / "earlier").rename(tmp_path / "moved")
    moved = settings(earlier, warm_start=str(tmp_path / "moved"))
    assert run_stage(MODEL, spark, moved, root).manifest.created == first.manifest.created
    assert "model: already complete, skipped" in log_lines
    with pytest.raises(DatasetError, match="is not up to date: warm_start has changed"):
        run_stage(MODEL, spark, settings(earlier, warm_start=None), root)
    place = Location.of(tmp_path / "moved")
    other = TrainSettings(vector_size=SIZE, epochs=2)
    run_stage(MODEL, spark, other, place, overwrite=True)
    with pytest.raises(DatasetError, match="is not up to date: warm_start has changed"):
        run_stage(MODEL, spark, moved, root)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"vector_size": 5}, ConfigurationError, r"vector_size=5 must equal that of warm_start=\S+"
         r", which is 4; give --vector-size 4"),
        ({"adagrad": "element"}, ConfigurationError, r"adagrad=element must equal that of \S+, "
         "which is row; give --adagrad row"),
        ({"optimizer": "adam"}, ConfigurationError, r"optimizer=adam must equal that of \S+, "
         "which is adagrad; give --optimizer adagrad"),
        ({"warm_start": "nowhere"}, InputError, "warm_start=nowhere is not a model; name an"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_drawn(
    spark, tmp_path, blocks_of, earlier, options, error, message
):
    root = blocks_of(tmp_path / "later", np.arange(ALL_WORDS), 2)
    with pytest.raises(error, match=message):
        run_stage(MODEL, spark, settings(earlier, **options), root)
    assert not [info for info in root.walk(recursive=False) if "model" in info.base_name]


def test_other_datasets_damaged_models_and_strange_words_are_refused(
    spark, tmp_path, blocks_of, earlier
):
    root = blocks_of(tmp_path / "later", np.arange(ALL_WORDS), 2)
    vocabulary = (root / "vocabulary").path
    with pytest.raises(InputError, match="vocabulary is not a model; name an output folder"):
        run_stage(MODEL, spark, settings(earlier, warm_start=vocabulary), root)
    strange = blocks_of(tmp_path / "strange", np.arange(ALL_WORDS), 2)
    Vocabulary([f"wort{k}" for k in range(36)], np.arange(36)).write(strange / "vocabulary")
    known = Manifest.read(strange / "vocabulary")
    files = list_files(strange / "vocabulary")
    Manifest(known.recipe, files, known.facts).write(strange / "vocabulary")
    with pytest.raises(
        ConfigurationError, match="has no vector for any of the 36 words; start from a model"
    ):
        run_stage(MODEL, spark, settings(earlier), strange)
    block = next(name for name in earlier.manifest.files if name.endswith(".arrow"))
    content = bytearray((earlier.location / block).read_bytes())
    content[-300] ^= 1
    (earlier.location / block).write_bytes(bytes(content))
    with pytest.raises(DatasetError, match=r"model is damaged: .* changed"):
        run_stage(MODEL, spark, settings(earlier), root)


@pytest.mark.parametrize("start", ["out", "out/model", "./out/", "out/vectors", "out/vectors.txt"])
def test_a_model_does_not_start_from_itself(start, capsys):
    given = {"run": {"output": "out"}, "tokenize": {"input": ()}, "train": {"warm_start": start}}
    message = (
        r"must not be the model that this run replaces.*name another output folder, and give "
        r"--reuse .+/out to"
    )
    with pytest.raises(ConfigurationError, match=message):
        pipeline_config(given)
    assert main(["train", "--output", "out", "--warm-start", start]) == 2
    assert "must not be the model that this run replaces" in capsys.readouterr().err


def test_a_model_names_its_words_itself(tmp_path, earlier):
    root = earlier.location.parent
    words = [f"word{k}" for k in range(OLD_WORDS)]
    assert pq.read_table((earlier.location / "words.parquet").path)["word"].to_pylist() == words
    # the vocabulary grows, is counted again, or does not exist
    (root / "vocabulary.manifest.json").delete()
    np.testing.assert_array_equal(counts_beside(root, ["word1", "whale"]), [OLD_WORDS - 1, 0])
    assert WordVectors.read(open_vectors(root, side="word")).words == words


def test_an_imported_model_can_be_started_from(spark, tmp_path, blocks_of):
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("".join(f"word{k} {100 - k}\n" for k in range(OLD_WORDS)))
    values = np.random.default_rng(2).normal(size=(2 * OLD_WORDS, SIZE + 1))
    values.tofile(tmp_path / "parameters.bin")
    out = tmp_path / "imported"
    import_c(str(out), vocab=str(vocab), parameters=str(tmp_path / "parameters.bin"))
    imported: Dataset = open_dataset(Location.of(out) / "model")
    root = blocks_of(tmp_path / "later", np.arange(ALL_WORDS), 2)
    model = run_stage(MODEL, spark, settings(imported, warm_start=str(out)), root)
    start = gather_parameters(model, "W", np.arange(OLD_WORDS), 0)
    np.testing.assert_array_equal(start.vectors, values[:OLD_WORDS, :-1].astype(np.float32))
    np.testing.assert_array_equal(start.biases, values[:OLD_WORDS, -1].astype(np.float32))
