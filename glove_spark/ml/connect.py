"""Raise an error for what Spark Connect cannot do, before it fails."""

from __future__ import annotations

from typing import Any

from glove_spark.errors import SetupError


def is_connect(subject: Any) -> bool:
    """Return whether a session or DataFrame belongs to Spark Connect."""
    return type(subject).__module__.startswith("pyspark.sql.connect")


def refuse_connect(dataset: Any) -> None:
    """Raise an error if there is no SparkContext to fit with.

    Raises
    ------
    SetupError
    """
    if is_connect(dataset):
        raise SetupError(
            "GloVe.fit needs the driver's SparkContext, which Spark Connect does not have; fit in "
            "a classic session (spark-submit, or SparkSession.builder.master(...)), save the "
            "model, and load it here: GloVeModel.load(...).transform works"
        )
