"""The Estimator: run the stages of the pipeline on a column of a DataFrame."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyspark.ml.base import Estimator
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame, SparkSession

from glove_spark.ml.connect import refuse_connect
from glove_spark.ml.model import GloVeModel
from glove_spark.ml.model_files import ModelFiles, write_summary
from glove_spark.ml.names import FIT_STAGES, errors_name_params
from glove_spark.ml.params import GloVeParams, signature
from glove_spark.ml.token_column import check_token_column
from glove_spark.ml.working_folder import temporary_folder, working_folder
from glove_spark.settings.option import Settings
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.cooccurrence import COOCCURRENCE
from glove_spark.stages.dataframe import (
    COMMAND,
    DataFrameSettings,
    content_of,
    token_rows,
    tokens_stage,
)
from glove_spark.stages.export import VECTORS
from glove_spark.stages.stage import Stage, run_stage
from glove_spark.stages.train import MODEL
from glove_spark.stages.vocabulary import VOCABULARY
from glove_spark.store.dataset import claim_folder
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, fingerprint

log = logging.getLogger(__name__)

_AFTER_TOKENS = (VOCABULARY, COOCCURRENCE, BLOCKS, MODEL, VECTORS)
"""The stages after tokens, without vectors.txt, which cannot represent every possible token."""


class GloVe(
    Estimator[GloVeModel], GloVeParams, DefaultParamsReadable["GloVe"], DefaultParamsWritable
):
    """Train GloVe word vectors on a column of tokens, like `pyspark.ml.feature.Word2Vec`.

    All arguments are Params, given by keyword; `explainParams` and docs/ML.md explain them.

    >>> from pyspark.ml import Pipeline
    >>> glove = GloVe(vectorSize=50, minCount=10, inputCol="words")
    >>> glove.getVectorSize(), glove.getMaxIter()
    (50, 5)
    """

    def __init__(self, **params: Any) -> None:
        super().__init__()
        self.setParams(**params)

    def setParams(self, **params: Any) -> GloVe:
        """Set Params by their names."""
        # Python's own error for an unknown name
        _SIGNATURE.bind(self, **params)
        self._set(**params)
        return self

    def _fit(self, dataset: DataFrame) -> GloVeModel:
        """Run the stages on the column, and make a model from the datasets in their folder.

        Raises
        ------
        ConfigurationError
            If Params contradict each other or the DataFrame; before any job runs.
        InputError
            If the column contains no token.
        SetupError
            If the session is a Spark Connect session.
        """
        refuse_connect(dataset)
        with errors_name_params():
            return self._fitted(dataset)

    def _fitted(self, dataset: DataFrame) -> GloVeModel:
        settings = self.settings()
        check_token_column(dataset, self.getInputCol())
        spark = dataset.sparkSession
        if spark.version.startswith("4.0."):
            # counting rows as they are written leaves an object in the session that Spark 4.0's
            # classifiers take into their tasks, where it cannot go
            log.warning(
                "Spark %s: after this fit, transform of Spark's own classifiers fails in the same "
                "session (NotSerializableException of ObservationManager); use Spark 4.1 or later",
                spark.version,
            )
        rows = token_rows(dataset, self.getInputCol())
        with _own_description(spark), self._folder(spark, rows, settings) as (folder, tokens):
            write_summary(folder, _run(spark, tokens, settings, folder))
            model = GloVeModel(ModelFiles(folder))
        model._resetUid(self.uid)
        return self._copyValues(model)

    @contextmanager
    def _folder(
        self, spark: SparkSession, rows: DataFrame, settings: Mapping[str, Settings]
    ) -> Iterator[tuple[Location, Stage]]:
        """Open the working folder, and make the stage that writes the tokens into it."""
        work_dir = self.getOrDefault("workDir")
        if work_dir is None:
            with temporary_folder(spark) as folder:
                # the folder is not used again, so a second pass that identifies the rows is not
                # needed
                yield folder, tokens_stage(rows, folder.name, checked=False)
            return
        content = content_of(rows)
        wanted = {name: settings[name].as_dict(only_result=True) for name in FIT_STAGES}
        with working_folder(work_dir, fingerprint([content, wanted])[:16]) as folder:
            yield folder, tokens_stage(rows, content, checked=True)


_SIGNATURE = signature(returns="GloVe")
GloVe.__init__.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
GloVe.setParams.__signature__ = _SIGNATURE  # type: ignore[attr-defined]


def _run(
    spark: SparkSession, tokens: Stage, settings: Mapping[str, Settings], folder: Location
) -> dict[str, Dataset]:
    """Bring every dataset up to date."""
    claim_folder(folder)
    known = {COMMAND: DataFrameSettings(), **settings}
    return {
        stage.dataset: run_stage(stage, spark, known[stage.command], folder, overwrite=True)
        for stage in (tokens, *_AFTER_TOKENS)
    }


@contextmanager
def _own_description(spark: SparkSession) -> Iterator[None]:
    """Restore the job description of the caller; our jobs have their own."""
    key = "spark.job.description"
    before = spark.sparkContext.getLocalProperty(key)
    try:
        yield
    finally:
        spark.sparkContext.setLocalProperty(key, before)  # type: ignore[arg-type]
