"""A DataFrame of texts becomes a text classifier: GloVe in a pyspark.ml Pipeline.

    python examples/dataframe_to_classifier.py

Which package is a documentation string from, numpy or pyspark?
"""

from importlib.util import find_spec
from pathlib import Path

from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.feature import RegexTokenizer, StringIndexer

from glove_spark import GloVe, spark_session
from glove_spark.corpus.documentation import docstrings_of


def rows() -> list[tuple[str, str]]:
    """List pairs of a package and a documentation string of it."""
    found = []
    for package in ("numpy", "pyspark"):
        folder = Path(find_spec(package).origin).parent
        for source in sorted(folder.rglob("*.py")):
            found += [(package, text) for text in docstrings_of(source)]
    return found


def main() -> None:
    """Fit the pipeline on half of the texts, and measure it on the other half."""
    with spark_session() as spark:
        texts = spark.createDataFrame(rows(), ["package", "text"])
        train, test = texts.randomSplit([0.5, 0.5], seed=1)
        stages = [
            RegexTokenizer(inputCol="text", outputCol="tokens", pattern=r"[^\p{L}]+"),
            StringIndexer(inputCol="package", outputCol="label"),
            GloVe(vectorSize=50, inputCol="tokens", outputCol="features"),
            LogisticRegression(),
        ]
        model = Pipeline(stages=stages).fit(train)
        accuracy = MulticlassClassificationEvaluator(metricName="accuracy")
        print(f"accuracy: {accuracy.evaluate(model.transform(test)):.3f}")
        print("array:", *(word for word, _ in model.stages[2].findSynonymsArray("array", 5)))


if __name__ == "__main__":
    main()
