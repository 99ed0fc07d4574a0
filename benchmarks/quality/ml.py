"""The Estimator beside `pyspark.ml.feature.Word2Vec`: transform, findSynonyms, a text classifier.

    python -m benchmarks.quality.ml synonyms
    python -m benchmarks.quality.ml transform --input corpus.txt.gz
    python -m benchmarks.quality.ml classifier
    python -m benchmarks.quality.ml classifier --input 'books/*.txt.gz'
    python -m benchmarks.quality.ml classifier --alone --param maxIter=50 --param 'weighting="flat"'

`transform` gives both models the same documents, cached, on the same cores, by turns, and throws
the results away. It also times what ours does step by step, each step with those before it: reading
the cache, joining a document's tokens, sending them to Python and back an integer, finding their
ids; `nanoseconds_a_token` are the differences, of one core.

`classifier` tells which package a documentation string of Python is from, or which file a line of
text; both programs have vectors of the same size, the same minCount and windowSize, and as many
passes; half of the documents train, vectors included, and the others test. Everything is done once
for each of the `--seeds`, which splits the documents and starts the vectors, by turns; means are of
all seeds. `--param`, a Param and its value as JSON, is for ours; `--alone` fits no Word2Vec.
Word2Vec has as many partitions as there are cores. Records are appended to records/ml.jsonl.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import StringIndexer, Word2Vec
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.records.record import HERE, Record, append_record, provenance
from glove_spark.corpus.documentation import docstrings_of
from glove_spark.ml import GloVe
from glove_spark.ml.vectors_udf import arrow_column, joined_tokens, opened, token_ids
from glove_spark.spark.session import open_session
from glove_spark.vectors.word_vectors import WordVectors

PACKAGES = ("numpy", "scipy", "pyarrow", "pyspark")
"""What the classifier tells apart: what glove_spark needs, so everyone has them."""

MEANS = ("fit_seconds", "accuracy", "macro_f1")
"""Of the classifier's results, what is averaged over the seeds."""


def main() -> None:
    """Measure one thing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("transform", "synonyms", "classifier"))
    parser.add_argument("--input", nargs="+", help="files of text, a document per line")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--window-size", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--alone", action="store_true", help="fit ours alone")
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--record", default=str(HERE / "ml.jsonl"))
    given = parser.parse_args()
    measure = {"transform": transform, "synonyms": synonyms, "classifier": classifier}[given.what]
    options = {
        name: value for name, value in vars(given).items() if name not in ("record", "input")
    }
    options["input"] = [Path(file).name for file in given.input or ()]
    record = provenance() | {"what": given.what, "options": options} | measure(given)
    append_record(given.record, record)
    print({name: value for name, value in record.items() if name not in ("software", "options")})


def synonyms(given: argparse.Namespace) -> Record:
    """Time findSynonymsArray on random vectors that are mapped from a file, once warm."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((given.words, given.size), dtype=np.float32)
    file = Path("synonyms.safetensors").absolute()
    WordVectors([f"w{k}" for k in range(given.words)], vectors).save(str(file), overwrite=True)
    try:
        mapped = WordVectors.load(str(file))
        first = _timed(lambda: mapped.most_similar("w0", topn=10))
        # what GloVeModel.findSynonymsArray calls
        times = [_timed(lambda k=k: mapped.most_similar(f"w{k}", topn=10)) for k in range(20)]
    finally:
        file.unlink()
    return {"first_seconds": first, "warm_seconds": median(times), "slowest": max(times)}


def transform(given: argparse.Namespace) -> Record:
    """Time transform of both models on the same cached documents, by turns."""
    spark = _session(given)
    documents = _lines(spark, given.input).select("tokens").repartition(4 * given.cores).cache()
    size = documents.select(F.count("*"), F.sum(F.size("tokens"))).collect()[0]
    glove = GloVe(
        vectorSize=given.vector_size, minCount=given.min_count, maxIter=1, outputCol="ours"
    ).fit(documents)
    # one pass on few partitions' worth of windows: the vectors' values do not matter here
    word2vec = Word2Vec(
        vectorSize=given.vector_size,
        minCount=given.min_count,
        windowSize=1,
        maxIter=1,
        numPartitions=given.cores,
        maxSentenceLength=1_000_000,
        inputCol="tokens",
        outputCol="theirs",
    ).fit(documents)
    shipped = glove.files.ship(spark)

    def found(batch: pa.Array) -> pa.Array:
        return pa.array(token_ids(batch, opened(shipped).ended_words)[1])

    joined = joined_tokens("tokens")
    # every column stays, as in a transform
    steps = {
        "read": documents,
        "join": documents.withColumn("n", F.length(joined)),
        "send": documents.withColumn("n", arrow_column(pc.binary_length, "int", joined)),
        "find": documents.withColumn("n", arrow_column(found, "bigint", joined)),
        "glove_spark": glove.transform(documents),
    }
    programs = {**steps, "word2vec": word2vec.transform(documents)}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(given.turns + 1):
        for name, rows in programs.items():
            seconds[name].append(_consumed(rows))
    # the first turn ships the vectors and compiles
    medians = {name: median(times[1:]) for name, times in seconds.items()}
    a_token = {name: 1e9 * took * given.cores / size[1] for name, took in medians.items()}
    differences = np.diff([0.0, *(a_token[name] for name in steps)])
    costs = dict(zip([*list(steps)[:-1], "average"], differences.round().tolist(), strict=True))
    spark.stop()
    return {
        "documents": size[0],
        "tokens": size[1],
        "vocabulary": glove.summary.vocabularySize,
        "seconds": seconds,
        "rows_per_second": {
            name: round(size[0] / medians[name]) for name in ("glove_spark", "word2vec")
        },
        "nanoseconds_a_token": {**costs, "word2vec": round(a_token["word2vec"])},
        "ratio": round(medians["word2vec"] / medians["glove_spark"], 2),
    }


def classifier(given: argparse.Namespace) -> Record:
    """Fit and score the same pipeline with either program's vectors, once for every seed."""
    spark = _session(given)
    labelled = _lines(spark, given.input) if given.input else _docstrings(spark)
    labelled = labelled.where(F.size("tokens") >= 10).repartition(4 * given.cores).cache()
    found: dict[str, list[Record]] = {}
    for seed in given.seeds:
        train, test = (half.cache() for half in labelled.randomSplit([0.5, 0.5], seed=seed))
        counts = {"train": train.count(), "test": test.count()}
        for name, program in _programs(given, seed).items():
            started = time.perf_counter()
            vectors = program.fit(train)
            fitted = round(time.perf_counter() - started, 1)
            scores = {"seed": seed, "fit_seconds": fitted, **_scores(vectors, train, test)}
            found.setdefault(name, []).append(scores)
            print(name, scores, flush=True)
    labels = labelled.select("label").distinct().count()
    largest = labelled.groupBy("label").count().agg(F.max("count")).collect()[0][0]
    spread = {"labels": labels, "largest_label": round(largest / labelled.count(), 4)}
    spark.stop()
    means = {
        name: {what: round(float(np.mean([one[what] for one in runs])), 4) for what in MEANS}
        for name, runs in found.items()
    }
    return {"documents": counts, **spread, "scores": found, "means": means}


def _programs(given: argparse.Namespace, seed: int) -> dict[str, Any]:
    settings = {
        "vectorSize": given.vector_size,
        "minCount": given.min_count,
        "windowSize": given.window_size,
        "maxIter": given.epochs,
        "seed": seed,
        "inputCol": "tokens",
        "outputCol": "features",
    }
    ours = settings | {
        name: json.loads(value) for name, _, value in (text.partition("=") for text in given.param)
    }
    programs: dict[str, Any] = {"glove_spark": GloVe(**ours)}
    if not given.alone:
        programs["word2vec"] = Word2Vec(**settings, numPartitions=given.cores)
    return programs


def _scores(vectors: Any, train: DataFrame, test: DataFrame) -> dict[str, float]:
    """Train a classifier on the documents' vectors and test it on others.

    Macro-F1 is the mean of the labels' F1, in which a rare label counts as much as any.
    """
    rest = Pipeline(
        stages=[
            StringIndexer(inputCol="label", outputCol="number"),
            LogisticRegression(labelCol="number", maxIter=100),
        ]
    )
    model = rest.fit(vectors.transform(train).cache())
    answers = model.transform(vectors.transform(test)).groupBy("number", "prediction").count()
    labels, predictions, counts = np.array(answers.collect()).T
    size = int(max(labels.max(), predictions.max())) + 1
    confusion = np.zeros((size, size))
    confusion[labels.astype(int), predictions.astype(int)] = counts
    right, asked, answered = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = 2 * right / np.maximum(asked + answered, 1)
    return {
        "accuracy": round(float(right.sum() / confusion.sum()), 4),
        "macro_f1": round(float(f1[asked > 0].mean()), 4),
    }


def _docstrings(spark: SparkSession) -> DataFrame:
    rows = []
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        folder = Path(str(spec and spec.origin)).parent
        for source in sorted(folder.rglob("*.py")):
            rows += [(text, package) for text in docstrings_of(source)]
    texts, labels = zip(*dict.fromkeys(rows), strict=True)
    table = pa.table({"text": list(texts), "label": list(labels)})
    return _tokens(spark.createDataFrame(table))


def _lines(spark: SparkSession, files: list[str]) -> DataFrame:
    label = F.element_at(F.split(F.input_file_name(), "/"), -1)
    return _tokens(
        spark.read.text(files).select(F.col("value").alias("text"), label.alias("label"))
    )


def _tokens(texts: DataFrame) -> DataFrame:
    words = F.split(F.lower("text"), r"[^\p{L}\p{N}]+")
    return texts.select("label", F.array_remove(words, "").alias("tokens"))


def _session(given: argparse.Namespace) -> SparkSession:
    return open_session(f"local[{given.cores}]", ["spark.driver.memory=4g"])


def _consumed(rows: DataFrame) -> float:
    return _timed(lambda: rows.write.format("noop").mode("overwrite").save())


def _timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return round(time.perf_counter() - started, 4)


if __name__ == "__main__":
    main()
