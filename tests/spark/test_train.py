"""Training on Spark: a planted model, reproducible bytes, resuming, divergence."""

import json

import numpy as np
import pytest

from glove_spark.datasets.model import (
    SIDES,
    block_file,
    gather_parameters,
    read_parameters,
    read_vectors,
)
from glove_spark.errors import ConfigurationError, DatasetError, DivergenceError
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.training.held_out import is_held_out
from glove_spark.kernels.training.objective import dense_cost
from glove_spark.settings.stages import BlocksSettings, ExportSettings, TrainSettings
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.export import VECTORS, VECTORS_TEXT
from glove_spark.stages.stage import run_stage
from glove_spark.stages.train import MODEL
from glove_spark.store.location import Location
from glove_spark.training import rounds
from glove_spark.training.checkpoints import METRICS, EpochRecord
from glove_spark.training.epoch_plan import learning_rate_of
from glove_spark.training.progress import check_growth
from glove_spark.vectors.word_vectors import WordVectors

pytestmark = pytest.mark.spark

PAPER = {"unobserved": 0.0, "biases": "trained"}
"""The paper's objective, which fits a planted model exactly."""


def planted_counts(size, vector_size, seed=3):
    """Symmetric counts that are exactly exp of a bilinear form plus biases."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, 0.7, (size, vector_size))
    biases = rng.normal(1.5, 0.3, size)
    return np.exp(vectors @ vectors.T + biases + biases[:, None])


@pytest.fixture
def blocks_at(spark, publish_matrix):
    """Make the datasets up to blocks in a folder."""

    def make(folder, counts, num_blocks=2):
        root = Location.of(folder)
        publish_matrix(root, counts)
        run_stage(BLOCKS, spark, BlocksSettings(num_blocks=num_blocks), root)
        return root

    return make


def model_bytes(model):
    return {
        (side, block): block_file(model.location, model.facts["epoch"], side, block).read_bytes()
        for side in SIDES
        for block in range(model.facts["num_blocks"])
    }


@pytest.mark.parametrize("num_blocks", [1, 3])
@pytest.mark.parametrize("adagrad", ["row", "element"])
def test_planted_model_is_recovered(spark, tmp_path, blocks_at, num_blocks, adagrad):
    counts = planted_counts(40, 3)
    root = blocks_at(tmp_path, counts, num_blocks)
    settings = TrainSettings(
        vector_size=6,
        epochs=60,
        subsample=0.0,
        x_max=1.0,
        damping=0.1,
        adagrad=adagrad,
        keep_epochs=1,
        **PAPER,
    )
    model = run_stage(MODEL, spark, settings, root)
    # with x_max below every count the cost is half the mean squared error of ln X
    assert model.facts["costs"][0] > 0.5
    assert model.facts["cost"] < 0.005
    grid = BlockGrid(40, num_blocks)
    fitted = np.empty((40, 40))
    for p in range(num_blocks):
        for q in range(num_blocks):
            w = read_parameters(block_file(model.location, 60, "W", p), 6, adagrad)
            u = read_parameters(block_file(model.location, 60, "W_tilde", q), 6, adagrad)
            fitted[np.ix_(grid.global_ids(p), grid.global_ids(q))] = (
                w.vectors @ u.vectors.T + w.biases[:, None] + u.biases
            )
    assert np.corrcoef(fitted.ravel(), np.log(counts).ravel())[0, 1] > 0.99


AVERAGING = {"schedule": "averaging", "syncs_per_epoch": 2, "row_tasks": 2}
"""Four blocks and two rounds, in which two tasks train every block of both sides."""

ADAM = {"optimizer": "adam", "learning_rate": 0.01, "final_learning_rate": 0.01, **PAPER}


@pytest.mark.parametrize("schedule", [{"schedule": "stratified"}, AVERAGING, ADAM])
def test_same_seed_same_bytes_and_another_seed_others(spark, tmp_path, blocks_at, schedule):
    root = blocks_at(tmp_path, planted_counts(20, 2), num_blocks=4)
    found = []
    for seed in (5, 5, 6):
        settings = TrainSettings(vector_size=4, epochs=2, seed=seed, **schedule)
        # explicitly made again: both runs have the same recipe
        (root / "model.manifest.json").delete()
        found.append(model_bytes(run_stage(MODEL, spark, settings, root, overwrite=True)))
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize("adagrad", ["row", "element"])
@pytest.mark.parametrize("objective", [PAPER, {}], ids=["paper", "default"])
def test_averaging_ends_where_strata_do(spark, tmp_path, blocks_at, adagrad, objective):
    root = blocks_at(tmp_path, planted_counts(40, 3), num_blocks=4)
    costs = {}
    for name, schedule in (
        ("stratified", {"schedule": "stratified"}),
        ("columns", AVERAGING | {"row_tasks": 1}),
        ("both sides", AVERAGING),
    ):
        settings = TrainSettings(
            vector_size=6, epochs=10, subsample=0.0, adagrad=adagrad, **objective, **schedule
        )
        facts = run_stage(MODEL, spark, settings, root, overwrite=True).facts
        costs[name] = facts["cost"] + (facts["unobserved_cost"] or 0.0)
        start = facts["costs"][0]
        count = 4 if name == "stratified" else 2
        assert (facts["schedule"], facts["rounds"]) == (settings.schedule, count)
    for name in ("columns", "both sides"):
        assert costs[name] - costs["stratified"] < 0.05 * start


def test_as_many_merges_as_blocks_are_the_stratified_schedule(spark, tmp_path, blocks_at):
    root = blocks_at(tmp_path, planted_counts(20, 2), num_blocks=3)
    found = [
        model_bytes(
            run_stage(MODEL, spark, TrainSettings(vector_size=4, **given), root, overwrite=True)
        )
        for given in ({}, {"schedule": "averaging", "syncs_per_epoch": 3})
    ]
    assert found[0] == found[1]


def test_anchored_biases_are_the_same_bytes_after_merges(spark, tmp_path, blocks_at):
    root = blocks_at(tmp_path, planted_counts(20, 2), num_blocks=4)
    settings = TrainSettings(vector_size=4, epochs=2, keep_epochs=3, **AVERAGING)
    model = run_stage(MODEL, spark, settings, root)
    for side in SIDES:
        for block in range(4):
            first, last = (
                read_parameters(block_file(model.location, epoch, side, block), 4, "row")
                for epoch in (0, 2)
            )
            assert first.biases.tobytes() == last.biases.tobytes()
            assert not np.array_equal(first.vectors, last.vectors)


@pytest.mark.parametrize("cores", [1, 3, 16])
def test_averaging_has_the_same_bytes_for_any_cores(spark, tmp_path, blocks_at, monkeypatch, cores):
    root = blocks_at(tmp_path, planted_counts(20, 2), num_blocks=4)
    settings = TrainSettings(vector_size=4, epochs=2, **AVERAGING)
    expected = model_bytes(run_stage(MODEL, spark, settings, root))
    (root / "model.manifest.json").delete()
    # the number of Spark tasks of a round and of a merge
    monkeypatch.setattr(type(spark.sparkContext), "defaultParallelism", cores)
    assert model_bytes(run_stage(MODEL, spark, settings, root, overwrite=True)) == expected


def test_a_merge_that_runs_again_has_the_same_bytes(spark, tmp_path, blocks_at, monkeypatch):
    root = blocks_at(tmp_path, planted_counts(20, 2), num_blocks=4)
    settings = TrainSettings(vector_size=4, epochs=2, **AVERAGING)
    expected = model_bytes(run_stage(MODEL, spark, settings, root))
    (root / "model.manifest.json").delete()
    real, again = rounds.merge_files, []

    def twice(*given):
        # as after a lost executor: the files that the first attempt read still exist
        again.append(real(*given))
        return real(*given)

    monkeypatch.setattr(rounds, "merge_files", twice)
    model = run_stage(MODEL, spark, settings, root, overwrite=True)
    assert model_bytes(model) == expected
    assert len(again) == 4
    assert not [name for name in model.manifest.files if name.endswith(".tmp")]


@pytest.mark.parametrize(("schedule", "num_blocks"), [({}, 2), (AVERAGING, 4), (ADAM, 2)])
def test_resumes_at_the_last_whole_epoch_with_the_same_bytes(
    spark, tmp_path, blocks_at, dying_rounds, schedule, num_blocks
):
    settings = TrainSettings(vector_size=4, epochs=4, keep_epochs=1, **schedule)
    counts = planted_counts(20, 2)
    undisturbed = run_stage(MODEL, spark, settings, blocks_at(tmp_path / "a", counts, num_blocks))
    root = blocks_at(tmp_path / "b", counts, num_blocks)
    with dying_rounds(5) as left:
        run_stage(MODEL, spark, settings, root)
    assert not (root / "model").exists()
    resumed = run_stage(MODEL, spark, settings, root)
    # two of four epochs were complete, and an epoch has two rounds
    assert len(left) == 4
    assert model_bytes(resumed) == model_bytes(undisturbed)
    assert resumed.facts["costs"] == undisturbed.facts["costs"]
    # records of epochs contain times, so only they may differ in size
    assert set(resumed.manifest.files) == set(undisturbed.manifest.files)
    metrics = [json.loads(line) for line in (resumed.location / METRICS).read_bytes().splitlines()]
    assert [line["epoch"] for line in metrics] == [1, 2, 3, 4]
    assert [line["cost"] for line in metrics] == resumed.facts["costs"]


def test_only_the_last_epochs_are_kept_and_nothing_else(spark, tmp_path, blocks_at):
    root = blocks_at(tmp_path, planted_counts(20, 2))
    model = run_stage(MODEL, spark, TrainSettings(vector_size=4, epochs=5, keep_epochs=2), root)
    folders = {name.split("/")[0] for name in model.manifest.files if "/" in name}
    assert folders == {"epoch-0004", "epoch-0005"}
    assert {name.split("/")[-1].split("-")[0] for name in model.manifest.files} == {
        "W",
        "W_tilde",
        "epoch",
        "words.parquet",
        METRICS,
    }
    assert not [name for name in model.manifest.files if "tmp" in name]


def test_divergence_stops_with_cell_count_and_remedy(spark, tmp_path, blocks_at):
    counts = planted_counts(20, 2)
    # no setting makes the update diverge; only a count that is not finite does
    counts[3, 2] = counts[2, 3] = np.inf
    root = blocks_at(tmp_path, counts, num_blocks=2)
    message = (
        r"the cost is (inf|nan) in epoch 1, cell \((0, 1|1, 0)\), and must be finite "
        r"\(the largest count is inf\); the checkpoint of epoch 0 remains; lower learning_rate or "
        "raise damping"
    )
    with pytest.raises(DivergenceError, match=message):
        run_stage(MODEL, spark, TrainSettings(vector_size=4, epochs=3, subsample=0.0), root)
    assert not (root / "model").exists()


def test_absurd_rates_do_not_diverge(spark, tmp_path, blocks_at):
    root = blocks_at(tmp_path, planted_counts(20, 2), num_blocks=1)
    settings = TrainSettings(
        vector_size=4, epochs=30, learning_rate=1e6, final_learning_rate=1e6, damping=0.0
    )
    costs = run_stage(MODEL, spark, settings, root).facts["costs"]
    assert costs[-1] < costs[0]


def test_a_cost_that_grows_without_bound_stops():
    history = [EpochRecord(1, 0.5, 9, 0.3, 1.0), EpochRecord(2, 0.4, 9, 0.3, 1.0)]
    check_growth(EpochRecord(3, 3.9, 9, 0.2, 1.0), history, TrainSettings())
    with pytest.raises(DivergenceError, match=r"cost rose from 0\.4 to 4\.1 in epoch 3, .*epoch 2"):
        check_growth(
            EpochRecord(3, 3.1, 9, 0.2, 1.0, unobserved_cost=1.0), history, TrainSettings()
        )


def test_stops_when_the_cost_no_longer_improves(spark, tmp_path, blocks_at):
    root = blocks_at(tmp_path, planted_counts(20, 2))
    settings = TrainSettings(vector_size=4, epochs=200, tolerance=0.2, subsample=0.0, **PAPER)
    facts = run_stage(MODEL, spark, settings, root).facts
    assert facts["stopped_early"]
    assert 1 < len(facts["costs"]) < 200
    assert facts["costs"][-1] > 0.8 * facts["costs"][-2]


def test_probe_shows_neighbours_after_every_epoch(spark, tmp_path, blocks_at, log_lines):
    root = blocks_at(tmp_path, planted_counts(20, 2))
    settings = TrainSettings(vector_size=4, epochs=2, probe=("w3", "w4"))
    model = run_stage(MODEL, spark, settings, root)
    run_stage(VECTORS, spark, ExportSettings(), root)
    vectors = WordVectors.load(root.path)
    lines = [text for text in log_lines if text.startswith("train: w3 ~ ")]
    assert len(lines) == 2
    nearest = ", ".join(f"{word} {score:.2f}" for word, score in vectors.most_similar("w3", topn=8))
    assert lines[-1] == f"train: w3 ~ {nearest}"
    assert model.facts["epoch"] == 2
    assert sum("epoch 1/2, cost" in text and "nonzeros/s" in text for text in log_lines) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"probe": ("whale",)}, "probe='whale' is not in the vocabulary of 20 words"),
        (
            {"schedule": "averaging", "syncs_per_epoch": 3},
            "syncs_per_epoch=3 must be at most num_blocks=2",
        ),
        (
            {"schedule": "averaging", "row_tasks": 3},
            "row_tasks=3 must be at most num_blocks=2",
        ),
    ],
)
def test_what_only_the_data_can_tell_is_checked_first(
    spark, tmp_path, blocks_at, settings, message
):
    root = blocks_at(tmp_path, planted_counts(20, 2))
    with pytest.raises(ConfigurationError, match=message):
        run_stage(MODEL, spark, TrainSettings(**settings), root)


def test_learning_rate_falls_by_equal_amounts():
    settings = TrainSettings(learning_rate=0.8, final_learning_rate=0.2, epochs=4)
    rates = [learning_rate_of(settings, epoch) for epoch in (1, 2, 3, 4)]
    np.testing.assert_allclose(rates, [0.8, 0.6, 0.4, 0.2])
    assert learning_rate_of(TrainSettings(learning_rate=0.3, epochs=1), 1) == 0.3


@pytest.mark.parametrize("combine", ["sum", "word", "context", "concat"])
@pytest.mark.parametrize("center", [False, True])
def test_export_writes_what_the_model_holds(
    spark, tmp_path, blocks_at, combine, center, monkeypatch
):
    from glove_spark.stages import export

    monkeypatch.setattr(export, "WORDS_PER_FILE", 7)
    root = blocks_at(tmp_path, planted_counts(20, 2), num_blocks=3)
    model = run_stage(MODEL, spark, TrainSettings(vector_size=4, epochs=2), root)
    vectors = run_stage(VECTORS, spark, ExportSettings(vectors=combine, center=center), root)
    text = run_stage(VECTORS_TEXT, spark, ExportSettings(vectors=combine, center=center), root)
    grid = BlockGrid(20, 3)
    expected = np.empty((20, 8 if combine == "concat" else 4), np.float32)
    for block in range(3):
        expected[grid.global_ids(block)] = read_vectors(model.location, 2, block, 4, "row", combine)
    if combine == "concat":
        sides = [gather_parameters(model, side, np.arange(20)).vectors for side in SIDES]
        np.testing.assert_array_equal(expected, np.hstack(sides))
    if center:
        expected -= expected.mean(axis=0, dtype=np.float64).astype(np.float32)
    assert len(vectors.files(".parquet")) == 3
    for path in (vectors.location, text.location):
        loaded = WordVectors.load(path)
        assert loaded.words == [f"w{k}" for k in range(20)]
        np.testing.assert_allclose(loaded.vectors, expected, atol=1e-7 if center else 0)
    # the choice at opening vectors gives the same result as the choice at export
    opened = WordVectors.load(root, side=combine, center=center)
    np.testing.assert_allclose(opened.vectors, expected, atol=1e-7)
    frame = spark.read.parquet(vectors.location.uri)
    assert frame.dtypes == [("word", "string"), ("vector", "array<float>")]
    assert frame.count() == 20


def test_stage_is_skipped_refused_or_redone(spark, tmp_path, blocks_at, log_lines):
    root = blocks_at(tmp_path, planted_counts(20, 2))
    settings = TrainSettings(vector_size=4, epochs=1)
    first = run_stage(MODEL, spark, settings, root)
    again = run_stage(MODEL, spark, settings, root)
    assert again.manifest.created == first.manifest.created
    assert again.manifest.recipe == first.manifest.recipe
    assert "model: already complete, skipped" in log_lines
    # an option that does not change the result does not make the dataset out of date
    run_stage(MODEL, spark, TrainSettings(vector_size=4, epochs=1, probe=("w1",)), root)
    other = TrainSettings(vector_size=5, epochs=1)
    with pytest.raises(DatasetError, match=r"vector_size was 4 and is now 5\. Give --overwrite"):
        run_stage(MODEL, spark, other, root)
    assert run_stage(MODEL, spark, other, root, overwrite=True).facts["vector_size"] == 5
    assert "model: made again, because vector_size was 4 and is now 5" in log_lines


@pytest.mark.parametrize("symmetric", [True, False])
def test_held_out_nonzeros_are_not_trained_on_and_their_cost_is_reported(
    spark, tmp_path, publish_matrix, symmetric
):
    root = Location.of(tmp_path)
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 30, (60, 60)).astype(np.float64)
    counts = np.triu(counts) + np.triu(counts, 1).T if symmetric else counts
    publish_matrix(root, counts, symmetric=symmetric)
    blocks = run_stage(BLOCKS, spark, BlocksSettings(num_blocks=3, held_out=0.2), root)
    assert blocks.facts["nnz"] + blocks.facts["held_out_nnz"] == 3600
    assert 500 < blocks.facts["held_out_nnz"] < 950
    settings = TrainSettings(vector_size=8, epochs=2, subsample=0.0)
    model = run_stage(MODEL, spark, settings, root)
    assert model.facts["costs"][1] < model.facts["costs"][0]

    # the cost after the last epoch, from its parameters and the ids that the hash chooses
    sides = [[], []]
    for side, found in zip(SIDES, sides, strict=True):
        for block in range(3):
            file = block_file(model.location, 2, side, block)
            found.append(read_parameters(file, 8, "row"))
    w, b, u, c = (np.empty((60, 8)), np.empty(60), np.empty((60, 8)), np.empty(60))
    for block in range(3):
        w[block::3], b[block::3] = sides[0][block].vectors, sides[0][block].biases
        u[block::3], c[block::3] = sides[1][block].vectors, sides[1][block].biases
    i, j = np.indices((60, 60))
    first, second = (np.minimum(i, j), np.maximum(i, j)) if symmetric else (i, j)
    chosen = is_held_out(first.ravel(), second.ravel(), 0.2).reshape(60, 60)
    assert chosen.sum() == blocks.facts["held_out_nnz"]
    f = np.where(chosen, np.minimum(1, (counts / settings.x_max) ** 0.75), 0)
    expected = dense_cost(w, b, u, c, np.log(counts), f) / chosen.sum()
    assert model.facts["held_out_costs"][1] == pytest.approx(expected, rel=1e-4)
    # the second term includes these pairs, with the weights of the trained nonzeros
    weights = np.where(chosen, 0, np.minimum(1, (counts / settings.x_max) ** 0.75))
    g, h = weights.sum(axis=1), weights.sum(axis=0)
    pull = np.where(chosen, np.outer(g, h) / g.sum(), 0)
    expected = 0.5 * settings.unobserved * np.sum(pull * (w @ u.T) ** 2) / chosen.sum()
    assert model.facts["held_out_unobserved_costs"][1] == pytest.approx(expected, rel=1e-4)
    metrics = [json.loads(line) for line in (model.location / METRICS).read_bytes().splitlines()]
    names = ("cost", "unobserved_cost", "held_out_cost", "held_out_unobserved_cost")
    for name in names:
        assert [line[name] for line in metrics] == model.facts[name + "s"]
    words = np.log(np.where(chosen, 0, counts).sum(axis=1))
    np.testing.assert_allclose(b - b[0], words - words[0], atol=1e-4)
