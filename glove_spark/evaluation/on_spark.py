"""Evaluate vocabularies of millions of words: distribute the work over Spark tasks.

Every task answers all questions with its share of the vocabulary, and the best answers of all
shares are used. So every vector is read once, and a task needs the memory of a chunk. (If tasks
shared the questions, each of them would have to read all vectors.)
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from glove_spark.errors import InputError
from glove_spark.evaluation.scores import KnownWords
from glove_spark.exchange.source import SliceableSource, VectorSource
from glove_spark.kernels.analogies import AnalogySolver
from glove_spark.spark.collecting import collected
from glove_spark.spark.failures import task_errors
from glove_spark.spark.session import cores, describe

SHARE_ROWS = 10_000
"""A share is a multiple of this, the size of row groups in Parquet, so that none is read twice."""


class OnSpark:
    """Vectors of which every task reads a share.

    Parameters
    ----------
    source
        A source that can be read from any position.

    Raises
    ------
    InputError
        If the source cannot be read from any position.
    """

    def __init__(self, spark: SparkSession, source: VectorSource) -> None:
        if not isinstance(source, SliceableSource):
            raise InputError(
                f"{source.shown} can only be read from the start, and --on-spark reads parts in "
                "parallel; convert it to parquet, npy or safetensors, or omit --on-spark"
            )
        self._spark, self._source = spark, source
        tasks = cores(spark)
        share = -(-source.num_words // (tasks * SHARE_ROWS)) * SHARE_ROWS
        self._shares = [
            (start, min(start + share, source.num_words))
            for start in range(0, source.num_words, share)
        ]

    def find(self, words: Iterable[str]) -> KnownWords:
        """Let every task fetch the words in its share."""
        source, wanted = self._source, frozenset(words)

        def fetch(share: tuple[int, int]) -> list[tuple[str, int, NDArray[np.float32]]]:
            found, first = [], share[0]
            for chunk in source.rows(*share):
                found += [
                    (word, first + k, chunk.rows[k])
                    for k, word in enumerate(chunk.words)
                    if word in wanted
                ]
                first += len(chunk.words)
            return found

        describe(self._spark, "evaluate: the vectors of the words asked for")
        context = self._spark.sparkContext
        with task_errors():
            shares = context.parallelize(self._shares, len(self._shares))
            found = collected(shares.flatMap(fetch))
        return KnownWords(
            {word: row for row, (word, _, _) in enumerate(found)},
            np.array([id for _, id, _ in found], np.int64),
            np.array([row for *_, row in found], np.float32).reshape(-1, source.vector_size),
        )

    def solve(self, solver: AnalogySolver) -> AnalogySolver:
        """Let a solver in every task process its share, and merge them."""
        source = self._source

        def answer(share: tuple[int, int]) -> AnalogySolver:
            first = share[0]
            for chunk in source.rows(*share):
                solver.see(first, chunk.rows)
                first += len(chunk.words)
            return solver

        describe(self._spark, "evaluate: analogies")
        context = self._spark.sparkContext
        with task_errors():
            shares = context.parallelize(self._shares, len(self._shares))
            parts = collected(shares.map(answer))
        for part in parts:
            solver.merge(part)
        return solver
