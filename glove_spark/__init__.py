"""Train GloVe word vectors on your own text, with Apache Spark.

Most programs need only the names below. They are imported when they are first used, so that parts
that work without Spark (the help of the command line, `WordVectors`) start without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glove_spark.ml import GloVe, GloVeModel
    from glove_spark.pipeline import run_pipeline
    from glove_spark.settings.config import pipeline_config
    from glove_spark.spark.session import spark_session
    from glove_spark.vectors.word_vectors import WordVectors

__version__ = "0.1.0"

__all__ = [
    "GloVe",
    "GloVeModel",
    "WordVectors",
    "__version__",
    "pipeline_config",
    "run_pipeline",
    "spark_session",
]

_HOMES = {
    "GloVe": "glove_spark.ml",
    "GloVeModel": "glove_spark.ml",
    "WordVectors": "glove_spark.vectors.word_vectors",
    "pipeline_config": "glove_spark.settings.config",
    "run_pipeline": "glove_spark.pipeline",
    "spark_session": "glove_spark.spark.session",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
