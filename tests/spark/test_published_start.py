"""Training that starts from published vectors: any format, scale, staying near, refusals."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from pyspark import SparkContext

from glove_spark.datasets.model import SIDES, gather_parameters
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, DatasetError, InputError
from glove_spark.exchange.formats import convert
from glove_spark.exchange.source import MemorySource
from glove_spark.settings.stages import BlocksSettings, TrainSettings
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.stage import run_stage
from glove_spark.stages.train import MODEL
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest, list_files

pytestmark = pytest.mark.spark

SIZE, KNOWN, ALL = 4, 30, 36
WORDS = [f"word{k}" for k in range(ALL)]
PAPER = {"unobserved": 0.0, "biases": "trained"}


def planted(seed=3):
    """Vectors, one per word, and counts that are exp of their products and of biases."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(ALL, SIZE)).astype(np.float32)
    logs = 0.36 * vectors @ vectors.T + 4.0
    return vectors, np.exp(logs).astype(np.float64)


VECTORS, COUNTS = planted()


@pytest.fixture
def blocks_of(spark, publish_matrix):
    def make(folder, num_blocks, words=WORDS, counts=COUNTS):
        root = Location.of(folder)
        publish_matrix(root, counts, symmetric=True)
        Vocabulary(list(words), np.full(len(words), 100)).write(root / "vocabulary")
        known = Manifest.read(root / "vocabulary")
        files = list_files(root / "vocabulary")
        Manifest(known.recipe, files, known.facts).write(root / "vocabulary")
        run_stage(BLOCKS, spark, BlocksSettings(num_blocks=num_blocks), root)
        return root

    return make


def write(path, words=WORDS[:KNOWN], vectors=VECTORS[:KNOWN]):
    convert(MemorySource(list(words), np.asarray(vectors, np.float32)), str(path))
    return str(path)


def settings(path, **options):
    given = {"vector_size": SIZE, "epochs": 1, "warm_start": path, **PAPER}
    return TrainSettings(**{**given, **options})


def start_of(model, side="W", ids=None):
    return gather_parameters(model, side, np.arange(ALL) if ids is None else ids, 0)


@pytest.mark.parametrize(
    "ending", [".txt", ".txt.gz", ".vec", ".bin", ".parquet", ".npy", ".safetensors", ".tsv", ".kv"]
)
def test_every_format_gives_the_same_start(spark, tmp_path, blocks_of, ending):
    path = str(tmp_path / f"published{ending}")
    if ending == ".kv":
        models = pytest.importorskip("gensim.models", reason="gensim is not installed")
        keyed = models.KeyedVectors(SIZE)
        keyed.add_vectors(WORDS[:KNOWN], VECTORS[:KNOWN])
        keyed.save(path)
    else:
        write(path)
    model = run_stage(MODEL, spark, settings(path), blocks_of(tmp_path / "out", 2))
    assert model.facts["known_words"] == KNOWN
    assert model.facts["known_token_share"] == pytest.approx(KNOWN / ALL, abs=1e-6)
    for side in SIDES:
        found = start_of(model, side)
        # half of the planted scale, 0.36 = 0.6^2, on both sides
        np.testing.assert_allclose(found.vectors[:KNOWN], 0.3 * VECTORS[:KNOWN], rtol=1e-3)
        # known words move slowly, new ones fast
        assert np.all(found.vector_gradsq[:KNOWN] > found.vector_gradsq[KNOWN:].max())
    w, u = (start_of(model, side) for side in SIDES)
    product = 4 * w.vectors @ u.vectors.T + w.biases[:, None] + u.biases
    # the intercept is that of the shorter vectors
    residual = (product - np.log(COUNTS))[:KNOWN, :KNOWN]
    np.testing.assert_allclose(residual - residual.mean(), 0, atol=1e-2)
    assert not (model.location / "start").exists()


@pytest.mark.parametrize("biases", ["anchored", "trained"])
@pytest.mark.parametrize("unobserved", [0.0, 2.0])
def test_no_other_scale_has_a_smaller_objective(spark, tmp_path, blocks_of, biases, unobserved):
    objective = {"biases": biases, "unobserved": unobserved, "subsample": 0.0, "x_max": 1e3}
    root = blocks_of(tmp_path / "out", 3)
    path = write(tmp_path / "all.txt", WORDS, VECTORS)
    model = run_stage(MODEL, spark, settings(path, **objective), root)
    w, u = (start_of(model, side) for side in SIDES)
    f = np.minimum(1, (COUNTS / 1e3) ** 0.75)
    g = f.sum(axis=1)

    def cost(factor):
        q = factor**2 * w.vectors @ u.vectors.T
        r = q + w.biases[:, None] + u.biases - np.log(COUNTS)
        if biases == "trained":
            # the intercept is that of the shorter vectors
            r -= np.sum(f * r) / f.sum()
        return 0.5 * np.sum(f * r * r) + 0.5 * unobserved * g @ q**2 @ g / g.sum()

    # the fitted scale is that of vectors twice as long as those of the start
    assert cost(2) < min(cost(1.96), cost(2.04))


def test_new_words_start_at_the_average_by_default(spark, tmp_path, blocks_of):
    path = write(tmp_path / "published.txt")
    root = blocks_of(tmp_path / "out", 2)
    default = start_of(run_stage(MODEL, spark, settings(path), root))
    named = run_stage(MODEL, spark, settings(path, new_words="average"), root, overwrite=True)
    np.testing.assert_array_equal(default.vectors, start_of(named).vectors)
    drawn = run_stage(MODEL, spark, settings(path, new_words="random"), root, overwrite=True)
    assert not np.any(default.vectors[KNOWN:] == start_of(drawn).vectors[KNOWN:])


@pytest.mark.parametrize("schedule", ["stratified", "averaging"])
@pytest.mark.parametrize("objective", [PAPER, {"unobserved": 1.0, "biases": "anchored"}])
@pytest.mark.parametrize("adagrad", ["row", "element"])
def test_a_large_mu_keeps_the_published_vectors_and_none_lets_them_go(
    spark, tmp_path, blocks_of, schedule, objective, adagrad
):
    vectors = np.random.default_rng(9).normal(size=(KNOWN, SIZE)) * 0.1 + VECTORS[:KNOWN]
    path = write(tmp_path / "published.txt", WORDS[:KNOWN], vectors)
    root = blocks_of(tmp_path / "out", 2)
    moved = {}
    for mu in (0.0, 1.0, 1e6):
        given = settings(
            path, stay=mu, epochs=3, keep_epochs=4, schedule=schedule, adagrad=adagrad, **objective
        )
        model = run_stage(MODEL, spark, given, root, overwrite=True)
        ids = np.arange(KNOWN)
        moved[mu] = 0
        for side in SIDES:
            start, end = (gather_parameters(model, side, ids, epoch) for epoch in (0, 3))
            # the references have the full length
            moved[mu] = max(moved[mu], np.abs(end.vectors - 2 * start.vectors).max())
    assert 50 * moved[1e6] < moved[1.0] < moved[0.0]


def test_without_mu_a_planted_model_is_recovered_from_a_wrong_start(spark, tmp_path, blocks_of):
    wrong = np.random.default_rng(1).normal(size=(ALL, SIZE))
    path = write(tmp_path / "wrong.txt", WORDS, wrong)
    root = blocks_of(tmp_path / "out", 1)
    options = {"final_learning_rate": 0.2, "x_max": 1.0, "subsample": 0.0}
    free = run_stage(MODEL, spark, settings(path, epochs=200, **options), root)
    assert free.facts["cost"] < 1e-2
    # words that stay are there after the first epoch
    options |= {"stay": 1e4, "epochs": 20}
    kept = run_stage(MODEL, spark, settings(path, **options), root, overwrite=True)
    assert kept.facts["cost"] > 20 * free.facts["cost"]


def test_a_run_that_dies_resumes_with_the_same_bytes(spark, tmp_path, blocks_of, dying_rounds):
    wanted = settings(write(tmp_path / "published.txt"), epochs=3, stay=0.5)
    undisturbed = run_stage(MODEL, spark, wanted, blocks_of(tmp_path / "a", 2))
    root = blocks_of(tmp_path / "b", 2)
    with dying_rounds(3):
        run_stage(MODEL, spark, wanted, root)
    resumed = run_stage(MODEL, spark, wanted, root)
    for name, state in undisturbed.manifest.files.items():
        if name.endswith((".arrow", ".parquet")):
            assert resumed.manifest.files[name] == state


def test_the_recipe_names_what_the_file_holds_and_not_where_it_is(spark, tmp_path, blocks_of):
    path = write(tmp_path / "published.txt")
    root = blocks_of(tmp_path / "out", 2)
    first = run_stage(MODEL, spark, settings(path), root)
    assert "warm_start" not in first.manifest.recipe.settings
    (tmp_path / "published.txt").rename(tmp_path / "moved.txt")
    moved = str(tmp_path / "moved.txt")
    assert run_stage(MODEL, spark, settings(moved), root).manifest.created == first.manifest.created
    with open(moved, "a") as file:
        file.write("another 1 2 3 4\n")
    with pytest.raises(DatasetError, match="is not up to date: warm_start has changed"):
        run_stage(MODEL, spark, settings(moved), root)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("word1 1 2 3\nword2 1 2 3\n", ConfigurationError,
         r"vector_size=4 must equal that of warm_start=\S+, which is 3; give --vector-size 3"),
        ("wort1 1 2 3 4\n", ConfigurationError, "has no vector for any of the 36 words; .*"
         "--warm-start-case lower"),
        ("word1 0 0 0 0\n", ConfigurationError, "has no vector for any of the 36 words"),
        ("word1 1 2 3 4\nother nan 2 3 4\n", InputError,
         "line 2: the vector of 'other' contains nan; vectors must be finite"),
        ("word1 1 2 3 4\nword2 1 2\n", InputError, "line 2: .*cut short"),
        ("3 4\nword1 1 2 3 4\nword2 1 2 3 4\n", InputError, "cut short: its header says 3 words, "
         "but it contains 2"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_before_anything_is_drawn(
    spark, tmp_path, blocks_of, content, error, message
):
    path = tmp_path / "bad.txt"
    path.write_text(content)
    root = blocks_of(tmp_path / "out", 2)
    with pytest.raises(error, match=message):
        run_stage(MODEL, spark, settings(str(path)), root)
    assert not [info for info in root.walk(recursive=False) if "model" in info.base_name]


def test_vectors_against_the_counts_are_warned_of_and_start_short(
    spark, tmp_path, blocks_of, caplog
):
    # products are larger for rarer pairs
    counts = np.exp(4 - 0.3 * VECTORS @ VECTORS.T)
    root = blocks_of(tmp_path / "out", 2, counts=counts)
    path = write(tmp_path / "published.txt", WORDS, VECTORS)
    with caplog.at_level(logging.WARNING):
        model = run_stage(MODEL, spark, settings(path), root)
    assert "do not agree with the counts" in caplog.text
    length = np.linalg.norm(start_of(model).vectors, axis=1).mean()
    assert length == pytest.approx(1 / np.sqrt(12 * SIZE), rel=1e-4)


def test_words_stay_near_an_earlier_model_of_our_own_too(spark, tmp_path, blocks_of):
    root = blocks_of(tmp_path / "old", 3)
    old = run_stage(MODEL, spark, TrainSettings(vector_size=SIZE, epochs=3, **PAPER), root)
    later = blocks_of(tmp_path / "new", 2)
    kept = run_stage(MODEL, spark, settings(old.location.path, stay=1e6), later)
    for side in SIDES:
        ids = np.arange(ALL)
        before, after = (gather_parameters(model, side, ids) for model in (old, kept))
        np.testing.assert_allclose(after.vectors, before.vectors, atol=1e-3)


@pytest.mark.parametrize("schedule", ["stratified", "averaging"])
def test_bytes_are_the_same_however_many_cores_there_are(
    spark, tmp_path, blocks_of, schedule, monkeypatch
):
    given = settings(
        write(tmp_path / "published.txt"), epochs=2, stay=0.5, unobserved=1.0, schedule=schedule
    )
    root = blocks_of(tmp_path / "out", 4)
    found = []
    for cores in (1, 2, 7):
        # the number that divides a round into Spark tasks
        monkeypatch.setattr(SparkContext, "defaultParallelism", property(lambda _, n=cores: n))
        model = run_stage(MODEL, spark, given, root, overwrite=True)
        found.append(
            {k: v for k, v in model.manifest.files.items() if k.endswith((".arrow", ".parquet"))}
        )
    assert len(found[0]) > 8
    assert found[0] == found[1] == found[2]
