"""The fitted model: neighbours of words, and average vectors of documents."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyspark.ml.base import Model
from pyspark.ml.linalg import Vector
from pyspark.ml.util import MLReadable, MLWritable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from glove_spark.errors import ConfigurationError
from glove_spark.ml.model_files import GloVeSummary, ModelFiles
from glove_spark.ml.params import GloVeParams
from glove_spark.ml.persistence import GloVeModelReader, GloVeModelWriter
from glove_spark.ml.token_column import check_token_column
from glove_spark.ml.vectors_udf import Weighting, averaged, vectors_of, words_of

Query: TypeAlias = "str | Vector | NDArray[np.float32]"

ROWS_PER_TASK = 50_000
"""Vectors per partition of `GloVeModel.getVectors`: 120 MB at d = 300."""


class GloVeModel(Model, GloVeParams, MLReadable["GloVeModel"], MLWritable):
    """The model that `GloVe.fit` returns.

    Its vectors are files in a temporary folder on the driver, which is deleted with the last copy
    of the model. Executors receive them with the first job that needs them, once per application,
    and memory-map them.
    """

    def __init__(self, files: ModelFiles) -> None:
        super().__init__()
        self.files = files

    @property
    def summary(self) -> GloVeSummary:
        """Cost per epoch, times and counts of the fit; a loaded model also has a summary."""
        return self.files.summary

    @property
    def hasSummary(self) -> bool:
        """Whether there is a summary; always True."""
        return True

    # the name is Spark's; the Param `vectors` is read with getOrDefault
    def getVectors(self) -> DataFrame:  # type: ignore[override]
        """Return a DataFrame of ``word`` and ``vector``, most frequent words first."""
        spark = SparkSession.active()
        shipped = self.files.ship(spark)
        size = len(self.files.word_vectors)
        rows = spark.range(0, size, 1, -(-size // ROWS_PER_TASK))
        id_ = F.col("id")
        return rows.select(
            words_of(id_, shipped).alias("word"), vectors_of(id_, shipped).alias("vector")
        )

    def findSynonyms(self, word: Query, num: int) -> DataFrame:
        """Return the ``num`` words nearest to a word or vector, as ``word`` and ``similarity``.

        Raises
        ------
        UnknownWordError
            If the word has no vector.
        """
        return _as_dataframe(self.findSynonymsArray(word, num))

    def findSynonymsArray(self, word: Query, num: int) -> list[tuple[str, float]]:
        """Return the ``num`` words nearest to a word or vector, and their cosines, nearest first.

        A word is not its own synonym. For a vector, its own word may be among the answers.
        """
        _check_number(num)
        query = word if isinstance(word, str) else np.asarray(word, np.float32)
        found: list[tuple[str, float]] = self.files.word_vectors.most_similar(query, topn=num)
        return found

    def findAnalogies(self, a: str, b: str, c: str, num: int) -> DataFrame:
        """Answer "a is to b as c is to ?" with the ``num`` best, as ``word`` and ``similarity``.

        The method is 3CosAdd. The words a, b and c are not among the answers.
        """
        _check_number(num)
        return _as_dataframe(self.files.word_vectors.analogy(a, b, c, topn=num))

    def _transform(self, dataset: DataFrame) -> DataFrame:
        """Add the average vector of the words of every document.

        Tokens without a vector do not count. A document that is null, empty or contains only
        unknown tokens gets a vector of zeros.
        """
        check_token_column(dataset, self.getInputCol())
        if self.getOutputCol() in dataset.columns:
            raise ConfigurationError(
                f"outputCol={self.getOutputCol()!r} already exists in the DataFrame; set another "
                "outputCol"
            )
        shipped = self.files.ship(dataset.sparkSession)
        weighting = Weighting(
            self.getOrDefault("frequencyWeight"), self.getOrDefault("unitVectors")
        )
        vectors = averaged(self.getInputCol(), shipped, weighting)
        return dataset.withColumn(self.getOutputCol(), vectors)

    def write(self) -> GloVeModelWriter:
        """Return a writer; `save` is short for ``write().save(path)``."""
        return GloVeModelWriter(self, self.files)

    @classmethod
    def read(cls) -> GloVeModelReader[GloVeModel]:
        """Return a reader; `load` is short for ``read().load(path)``."""
        return GloVeModelReader(cls)


def _check_number(num: Any) -> None:
    if num < 1:
        raise ConfigurationError(f"num={num!r} must be at least 1; give a positive integer")


def _as_dataframe(found: list[tuple[str, float]]) -> DataFrame:
    return SparkSession.active().createDataFrame(found, "word string, similarity double")
