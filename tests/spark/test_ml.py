"""The Estimator and its model: the checks of Spark's own tests, and our guarantees."""

import gc
import json
import re
import uuid
from pathlib import Path

import numpy as np
import pyspark
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.linalg import DenseVector, VectorUDT
from pyspark.ml.tuning import (
    CrossValidator,
    CrossValidatorModel,
    ParamGridBuilder,
    TrainValidationSplit,
    TrainValidationSplitModel,
)
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegerType, MapType, StringType, StructType

from glove_spark.errors import (
    ConfigurationError,
    DatasetError,
    InputError,
    OutputError,
    UnknownWordError,
)
from glove_spark.ml import GloVe, GloVeModel
from glove_spark.ml import working_folder as working_folder_module
from glove_spark.ml.working_folder import qualified, temporary_folder
from glove_spark.pipeline import run_pipeline
from glove_spark.settings.config import pipeline_config
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest
from glove_spark.vectors.word_vectors import WordVectors

SPARK_4_0 = "in a session of Spark 4.0 Spark's classifiers fail after a fit (docs/ML.md)"
SMALL = {"vectorSize": 6, "minCount": 2, "maxIter": 2, "numPartitions": 2, "windowSize": 3}
TOPICS = [[f"{letter}{k}" for k in range(15)] for letter in "ab"]


MANY_COLUMNS = (
    StructType()
    .add("id", IntegerType())
    .add("tokens", ArrayType(StringType()))
    .add("other", MapType(StringType(), ArrayType(IntegerType())))
    .add("v", VectorUDT())
)


def written(rng, topic, length):
    return [TOPICS[topic][k] for k in rng.integers(0, 15, length)]


@pytest.fixture(scope="module")
def documents(spark):
    """Two hundred documents of two topics with different words."""
    rng = np.random.default_rng(5)
    rows = [(k, float(k % 2), written(rng, k % 2, 20)) for k in range(200)]
    return spark.createDataFrame(rows, "id int, label double, tokens array<string>").cache()


@pytest.fixture(scope="module")
def model(documents):
    return GloVe(**SMALL).fit(documents)


@pytest.fixture
def no_job(spark):
    """Fail if the test's block runs a Spark job."""
    tracker, group = spark.sparkContext.statusTracker(), "must stay empty"
    spark.sparkContext.setJobGroup(group, group)
    yield
    spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)
    assert not tracker.getJobIdsForGroup(group)


def of(model, word):
    return model.files.word_vectors.get_vector(word)


def test_fit_is_the_pipeline(spark, documents, model, tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(" ".join(row.tokens) for row in documents.collect()))
    out = str(tmp_path / "out")
    config = {
        "run": {"output": out},
        "tokenize": {"input": [str(corpus)], "tokenizer": "whitespace"},
        "vocabulary": {"min_count": 2},
        "cooccurrence": {"window_size": 3},
        "blocks": {"num_blocks": 2},
        "train": {"vector_size": 6, "epochs": 2},
    }
    run_pipeline(spark, pipeline_config(config))
    vectors = WordVectors.load(out)
    assert model.files.word_vectors.words == vectors.words
    np.testing.assert_array_equal(model.files.word_vectors.vectors, vectors.vectors)


def test_summary_counts(documents, model):
    summary = model.summary
    assert model.hasSummary
    assert (
        summary.totalIterations == len(summary.objectiveHistory) == len(summary.epochSeconds) == 2
    )
    assert summary.objectiveHistory[1] < summary.objectiveHistory[0]
    assert (summary.documents, summary.tokens, summary.vocabularySize) == (200, 4000, 30)
    assert summary.tokensInVocabulary == 4000
    assert summary.distinctWords == 30
    assert summary.nonzeros > 30
    assert set(summary.stageSeconds) >= {"tokens", "vocabulary", "cooccurrence", "model"}
    assert summary.heldOutHistory == []
    held_out = GloVe(**SMALL, heldOut=0.1).fit(documents).summary
    assert len(held_out.heldOutHistory) == 2


def test_the_model_has_the_uid_and_params_of_its_estimator(documents):
    glove = GloVe(**SMALL, outputCol="out")
    model = glove.fit(documents, {glove.maxIter: 1})
    assert model.uid == glove.uid
    assert (model.getVectorSize(), model.getMaxIter(), model.getOutputCol()) == (6, 1, "out")
    assert len(model.summary.objectiveHistory) == 1
    assert "other" in model.transform(documents, {glove.outputCol: "other"}).columns
    first, second = glove.fit(documents, [{glove.vectorSize: 3}, {glove.vectorSize: 4}])
    assert [len(of(fitted, "a1")) for fitted in (first, second)] == [3, 4]


def test_transform_averages_known_words_and_keeps_all_columns(spark, model):
    rows = [
        (1, ["a1", "a2", "a1", "unheard"], {"k": [1]}, DenseVector([1.0, 2.0])),
        (2, ["unheard"], None, None),
        (3, [], {}, None),
        (4, None, None, None),
        (5, [None, "b3", "", "a1\0b1"], None, None),
    ]
    frame = spark.createDataFrame(rows, MANY_COLUMNS)
    found = model.transform(frame)
    assert found.columns == ["id", "tokens", "other", "v", "vector"]
    assert isinstance(found.schema["vector"].dataType, VectorUDT)
    by_id = {row.id: row for row in found.collect()}
    expected = (2 * of(model, "a1") + of(model, "a2")) / 3
    np.testing.assert_allclose(by_id[1].vector.toArray(), expected, rtol=1e-5, atol=1e-7)
    for empty in (2, 3, 4):
        assert by_id[empty].vector == DenseVector(np.zeros(6))
    np.testing.assert_allclose(by_id[5].vector.toArray(), of(model, "b3"), rtol=1e-6)
    assert by_id[1].other == {"k": [1]}
    assert by_id[1].v == DenseVector([1.0, 2.0])


def test_transform_of_no_rows_and_of_many_batches(spark, documents, model):
    assert model.transform(documents.limit(0)).collect() == []
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 7)
    try:
        rows = model.transform(documents.repartition(3)).collect()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert len(rows) == 200
    for row in rows[:20]:
        expected = np.mean([of(model, word) for word in row.tokens], axis=0)
        np.testing.assert_allclose(row.vector.toArray(), expected, rtol=1e-4, atol=1e-6)


def test_frequency_weight(spark, documents, model):
    counts = {
        row.word: row.n
        for row in documents.select(F.explode("tokens").alias("word"))
        .groupBy("word")
        .agg(F.count("*").alias("n"))
        .collect()
    }
    frame = spark.createDataFrame([(["a1", "b2", "unheard"],)], "tokens array<string>")
    found = model.transform(frame, {model.frequencyWeight: 0.01}).first().vector.toArray()
    weight = {word: 0.01 / (0.01 + counts[word] / 4000) for word in ("a1", "b2")}
    expected = sum(weight[word] * of(model, word) for word in weight) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_unit_vectors(spark, documents, model):
    counts = documents.select(F.explode("tokens").alias("word")).where("word = 'a1'").count()
    frame = spark.createDataFrame([(["a1", "b2", "unheard"],)], "tokens array<string>")
    units = {word: of(model, word) / np.linalg.norm(of(model, word)) for word in ("a1", "b2")}
    found = model.transform(frame, {model.unitVectors: True}).first().vector.toArray()
    np.testing.assert_allclose(found, sum(units.values()) / 2, rtol=1e-4, atol=1e-6)
    assert np.abs(model.transform(frame).first().vector.toArray() - found).max() > 1e-3
    both = {model.unitVectors: True, model.frequencyWeight: 0.01}
    found = model.transform(frame.limit(1).select(F.array(F.lit("a1")).alias("tokens")), both)
    weight = 0.01 / (0.01 + counts / 4000)
    np.testing.assert_allclose(found.first().vector.toArray(), weight * units["a1"], rtol=1e-4)


def test_a_dataframe_outlives_its_model(documents, model, tmp_path):
    model.save(str(tmp_path / "model"))
    frame = GloVeModel.load(str(tmp_path / "model")).transform(documents.limit(3))
    gc.collect()
    assert frame.collect() == model.transform(documents.limit(3)).collect()


def test_columns_may_have_dots_in_their_names(spark, documents):
    renamed = documents.withColumnRenamed("tokens", "the.tokens")
    model = GloVe(**SMALL, inputCol="the.tokens").fit(renamed)
    assert model.transform(renamed).first().vector.size == 6


def test_get_vectors(model):
    rows = model.getVectors().collect()
    assert [row.word for row in rows] == model.files.word_vectors.words
    assert all(isinstance(row.vector, DenseVector) for row in rows)
    np.testing.assert_array_equal([row.vector for row in rows], model.files.word_vectors.vectors)


def test_synonyms_and_analogies(model):
    found = model.findSynonyms("a1", 3)
    assert found.columns == ["word", "similarity"]
    rows = [(row.word, row.similarity) for row in found.collect()]
    assert rows == model.findSynonymsArray("a1", 3)
    words = model.files.word_vectors
    assert rows == words.most_similar("a1", topn=3)
    by_vector = model.findSynonymsArray(DenseVector(of(model, "a1")), 1)
    assert by_vector[0][0] == "a1"
    analogies = [tuple(row) for row in model.findAnalogies("a1", "b1", "a2", 2).collect()]
    assert analogies == words.analogy("a1", "b1", "a2", topn=2)
    with pytest.raises(UnknownWordError, match="word 'unheard' is not among the 30 words"):
        model.findSynonyms("unheard", 3)
    with pytest.raises(ConfigurationError, match="num=0 must be at least 1"):
        model.findSynonyms("a1", 0)


@pytest.mark.usefixtures("no_job")
@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"inputCol": "words"},
            "inputCol='words' is not a column .* id, label, tokens; set inputCol",
        ),
        ({"inputCol": "label"}, "inputCol='label' is double but must be array<string>; split"),
    ],
)
def test_a_wrong_column_is_refused_before_any_job(documents, model, params, message):
    with pytest.raises(ConfigurationError, match=message):
        GloVe(**params).fit(documents)
    with pytest.raises(ConfigurationError, match=message):
        model.copy().setInputCol(params["inputCol"]).transform(documents)


@pytest.mark.usefixtures("no_job")
def test_an_output_column_that_exists_is_refused(documents, model):
    with pytest.raises(
        ConfigurationError, match="outputCol='label' already exists in the DataFrame"
    ):
        model.transform(documents, {model.outputCol: "label"})


def test_rows_without_tokens_are_refused(spark):
    frame = spark.createDataFrame([([],), (None,), (["", None],)], "tokens array<string>")
    with pytest.raises(InputError, match="contains no token in 2 empty and 1 null documents"):
        GloVe().fit(frame)


def test_an_error_of_a_stage_names_the_param(documents):
    with pytest.raises(ConfigurationError, match=r"^minCount=100000 leaves 0 of 30 words"):
        GloVe(minCount=100_000).fit(documents)


def test_a_fit_starts_from_another_model(documents, model, tmp_path):
    rows = [(["a0", "a1", "new"] * 3,)] * 20
    more = documents.select("tokens").union(documents.sparkSession.createDataFrame(rows))
    first = GloVe(**SMALL, workDir=str(tmp_path / "first"))
    first.fit(documents)
    (folder,) = [path for path in (tmp_path / "first").iterdir() if (path / "model").is_dir()]
    settings = {**SMALL, "maxIter": 1, "stepSize": 1e-9, "finalStepSize": 1e-9}
    warm = GloVe(**settings, warmStart=str(folder)).fit(more)
    vectors = {row.word: row.vector.toArray() for row in warm.getVectors().collect()}
    before = {row.word: row.vector.toArray() for row in model.getVectors().collect()}
    assert set(vectors) == {*before, "new"}
    for word, vector in before.items():
        np.testing.assert_allclose(vectors[word], vector, atol=1e-6)


def test_a_fit_starts_from_a_file_of_vectors_and_stays_near(documents, model, tmp_path):
    file = str(tmp_path / "published.vec")
    model.files.word_vectors.save(file)
    near = GloVe(**SMALL, warmStart=file, stay=1e6).fit(documents).files.word_vectors
    free = GloVe(**SMALL, warmStart=file).fit(documents).files.word_vectors
    published = model.files.word_vectors

    def least_cosine(found):
        return min(
            found[word] @ published[word]
            / np.linalg.norm(found[word]) / np.linalg.norm(published[word])
            for word in published.words
        )  # fmt: skip

    assert least_cosine(near) > 0.9999 > least_cosine(free)


def test_null_and_empty_tokens_are_dropped_and_counted(spark, tmp_path):
    rows = [(["a", None, "b", "", "c d"],)] * 4 + [(None,), ([],), (["x\0y"],), (["x\0y"],)]
    frame = spark.createDataFrame(rows, "tokens array<string>")
    model = GloVe(**SMALL, workDir=str(tmp_path)).fit(frame)
    assert sorted(model.files.word_vectors.words) == ["a", "b", "c d", "x y"]
    assert model.summary.droppedTokens == {"null": 4, "empty": 4}
    (folder,) = tmp_path.iterdir()
    facts = Manifest.read(Location.of(folder / "tokens")).facts
    assert facts["documents"] == 6
    assert facts["documents_empty"] == facts["documents_without_text"] == 1
    assert facts["documents_with_nul"] == 2


def test_bytes_that_are_not_utf8_are_repaired(spark):
    frame = spark.range(4).select(
        F.array(F.lit("a"), F.unhex(F.lit("62FF")).cast("string")).alias("tokens")
    )
    model = GloVe(**SMALL).fit(frame)
    assert set(model.files.word_vectors.words) == {"a", "b\ufffd"}
    # a transform looks up the token as the fit normalised it
    row = model.transform(frame).first()
    expected = model.files.word_vectors.vectors.mean(axis=0)
    np.testing.assert_allclose(row["vector"].toArray(), expected, atol=1e-6)


def test_estimator_round_trip(tmp_path):
    glove = GloVe(**SMALL, stopWords=None, workDir="/shared", unk="drop", stepSize=0.2)
    glove.save(str(tmp_path / "glove"))
    loaded = GloVe.load(str(tmp_path / "glove"))
    assert (loaded.uid, loaded.extractParamMap()) == (glove.uid, glove.extractParamMap())
    assert loaded.explainParams() == glove.explainParams()
    glove.setMaxIter(9).write().overwrite().save(str(tmp_path / "glove"))
    assert GloVe.load(str(tmp_path / "glove")).getMaxIter() == 9


def test_model_round_trip(documents, model, tmp_path):
    path = str(tmp_path / "a model")
    model.save(path)
    loaded = GloVeModel.load(path)
    assert (loaded.uid, loaded.extractParamMap()) == (model.uid, model.extractParamMap())
    assert loaded.summary == model.summary
    assert loaded.findSynonymsArray("a1", 5) == model.findSynonymsArray("a1", 5)
    assert loaded.transform(documents).collect() == model.transform(documents).collect()
    weighted = {model.frequencyWeight: 0.1}
    ours, theirs = (each.transform(documents, weighted).collect() for each in (model, loaded))
    assert ours == theirs
    with pytest.raises(OutputError, match=re.escape("exists; save with write().overwrite()")):
        model.save(path)
    model.write().overwrite().save(path)
    # the vectors are our own dataset
    assert WordVectors.load(path).words == model.files.word_vectors.words
    assert not [file for file in Path(path).rglob("*") if file.suffix in (".pkl", ".pickle")]


def test_a_damaged_model_is_refused(model, tmp_path):
    path = tmp_path / "model"
    model.save(str(path))
    (path / "summary.json").unlink()
    with pytest.raises(DatasetError, match=r"does not contain summary\.json; save the model again"):
        GloVeModel.load(str(path))
    (path / "vectors.manifest.json").unlink()
    with pytest.raises(InputError, match="vectors does not exist yet"):
        GloVeModel.load(str(path))


def test_paths_are_found_where_spark_finds_them(spark, tmp_path, monkeypatch):
    assert qualified(spark, str(tmp_path)) == Location.of(tmp_path)
    assert qualified(spark, f"file:{tmp_path}") == Location.of(tmp_path)


@pytest.mark.skipif(pyspark.__version__.startswith("4.0."), reason=SPARK_4_0)
def test_unfitted_and_fitted_pipelines_round_trip(documents, tmp_path):
    inner = Pipeline(stages=[GloVe(**SMALL, outputCol="v")])
    assembler = VectorAssembler(inputCols=["v"], outputCol="features")
    pipeline = Pipeline(stages=[inner, assembler, LogisticRegression(maxIter=5)])
    pipeline.save(str(tmp_path / "unfitted"))
    loaded = Pipeline.load(str(tmp_path / "unfitted"))
    assert loaded.uid == pipeline.uid
    glove = loaded.getStages()[0].getStages()[0]
    assert glove.extractParamMap() == inner.getStages()[0].extractParamMap()
    fitted = loaded.fit(documents)
    fitted.write().overwrite().save(str(tmp_path / "fitted"))
    again = PipelineModel.load(str(tmp_path / "fitted"))
    columns = ("id", "prediction", "v")
    assert again.transform(documents).select(*columns).collect() == (
        fitted.transform(documents).select(*columns).collect()
    )
    right = fitted.transform(documents).where("prediction = label").count()
    assert right == 200


def grid_search(kind, tmp_path, **more):
    glove = GloVe(**SMALL, outputCol="features", workDir=str(tmp_path / "work"))
    regression = LogisticRegression(maxIter=3)
    grid = (
        ParamGridBuilder()
        .addGrid(glove.maxIter, [1, 2])
        .addGrid(regression.regParam, [0.0, 0.1])
        .build()
    )
    return kind(
        estimator=Pipeline(stages=[glove, regression]),
        estimatorParamMaps=grid,
        evaluator=MulticlassClassificationEvaluator(),
        seed=1,
        **more,
    )


@pytest.mark.skipif(pyspark.__version__.startswith("4.0."), reason=SPARK_4_0)
def test_cross_validator_fits_side_by_side_in_one_folder(documents, tmp_path):
    search = grid_search(CrossValidator, tmp_path, numFolds=2, parallelism=3)
    search.save(str(tmp_path / "search"))
    loaded = CrossValidator.load(str(tmp_path / "search"))
    assert len(loaded.getEstimatorParamMaps()) == 4
    model = loaded.fit(documents)
    # a folder for each fold and maxIter, and one for the best model on all rows
    assert len(list((tmp_path / "work").iterdir())) == 5
    assert len(model.avgMetrics) == 4
    assert min(model.avgMetrics) > 0.9
    model.save(str(tmp_path / "best"))
    again = CrossValidatorModel.load(str(tmp_path / "best"))
    assert again.transform(documents).where("prediction = label").count() > 190


@pytest.mark.skipif(pyspark.__version__.startswith("4.0."), reason=SPARK_4_0)
def test_train_validation_split_in_temporary_folders(documents, tmp_path):
    search = grid_search(TrainValidationSplit, tmp_path, parallelism=2)
    search.getEstimator().getStages()[0].clear(search.getEstimator().getStages()[0].workDir)
    model = search.fit(documents)
    model.save(str(tmp_path / "best"))
    again = TrainValidationSplitModel.load(str(tmp_path / "best"))
    assert again.transform(documents).where("prediction = label").count() > 190
    assert not (tmp_path / "work").exists()


def test_a_second_fit_skips_what_is_done_and_takes_other_rows_apart(documents, tmp_path, log_lines):
    glove = GloVe(**SMALL, workDir=str(tmp_path))
    first = glove.fit(documents)
    assert "tokens: already complete, skipped" not in log_lines
    del log_lines[:]
    # other partitions, another order: the same rows
    again = glove.fit(documents.repartition(5).sortWithinPartitions("tokens"))
    for name in ("tokens", "vocabulary", "cooccurrence", "blocks", "model", "vectors"):
        assert f"{name}: already complete, skipped" in log_lines
    assert again.findSynonymsArray("a1", 3) == first.findSynonymsArray("a1", 3)
    assert len(list(tmp_path.iterdir())) == 1
    glove.fit(documents.limit(150))
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_fit_resumes(documents, tmp_path, log_lines, monkeypatch):
    from glove_spark.stages import train

    whole, calls = train.commit_epoch, []

    def killed(model, record, *arguments):
        whole(model, record, *arguments)
        calls.append(record.epoch)
        if record.epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "commit_epoch", killed)
    glove = GloVe(**SMALL, workDir=str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        glove.fit(documents)
    monkeypatch.setattr(train, "commit_epoch", whole)
    resumed = glove.fit(documents)
    assert any(line.startswith("train: resumes after epoch 1") for line in log_lines)
    expected = GloVe(**SMALL).fit(documents)
    np.testing.assert_array_equal(
        resumed.files.word_vectors.vectors, expected.files.word_vectors.vectors
    )


def unequal():
    """A column that changes every time it is read; `F.uuid` and `F.rand` keep their seed."""
    return F.udf(lambda: uuid.uuid4().hex, "string").asNondeterministic()()


def test_rows_that_change_between_two_reads_are_refused(spark, tmp_path):
    frame = spark.range(50).select(F.array(F.lit("a"), F.lit("b"), unequal()).alias("tokens"))
    GloVe(**SMALL).fit(frame)
    with pytest.raises(InputError, match=r"other rows when it was read a second time, .* workDir"):
        GloVe(**SMALL, workDir=str(tmp_path)).fit(frame)


def test_temporary_folders_are_deleted(spark, documents, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = GloVe(**SMALL).fit(documents)
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("glove_spark-model-")
    copy = model.copy()
    del model
    assert copy.findSynonymsArray("a1", 1)
    del copy
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigurationError, match="minCount=1000000 leaves 0 of 30 words"):
        GloVe(minCount=10**6).fit(documents)
    assert not list(tmp_path.iterdir())


class ClusterSession:
    """A session whose master indicates remote executors."""

    def __init__(self, spark):
        self._spark = spark
        self._jsparkSession = spark._jsparkSession
        self.sparkContext = self

    @property
    def master(self):
        return "spark://elsewhere:7077"

    def __getattr__(self, name):
        return getattr(self._spark.sparkContext, name)


def test_on_a_cluster_shared_storage_must_be_known(spark):
    with (
        pytest.raises(
            ConfigurationError,
            match=r"workDir is not set, and there is no default .* of spark://elsewhere",
        ),
        temporary_folder(ClusterSession(spark)),
    ):
        pass


def test_on_a_cluster_the_checkpoint_folder_is_used(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(
        working_folder_module, "_shared_storage", lambda spark, master: Location.of(tmp_path)
    )
    with temporary_folder(ClusterSession(spark)) as folder:
        folder.make_folder()
        assert folder.parent == Location.of(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_job_description_is_given_back(spark, documents):
    spark.sparkContext.setJobDescription("the caller's")
    GloVe(**SMALL).fit(documents)
    assert spark.sparkContext.getLocalProperty("spark.job.description") == "the caller's"
    spark.sparkContext.setLocalProperty("spark.job.description", None)


def test_metadata_on_disk(model, tmp_path):
    model.save(str(tmp_path / "model"))
    (part,) = (tmp_path / "model" / "metadata").glob("part-*")
    metadata = json.loads(part.read_text())
    assert metadata["class"] == "glove_spark.ml.GloVeModel"
    assert metadata["paramMap"] == SMALL
