"""The command evaluate."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.settings.vectors import EvaluateSettings

log = logging.getLogger("glove_spark")

EXAMPLES = """  glove-spark evaluate --vectors out/ --analogies questions/ --similarity ws353.txt
  glove-spark evaluate --vectors out/ --analogies questions/ --sides sum word context
  glove-spark evaluate --vectors glove.6B.300d.txt --similarity pairs/ --missing wrong --json
  glove-spark evaluate --vectors out/ --analogies questions/ --on-spark --master spark://host:7077
"""


def add_evaluate(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "evaluate",
        "score vectors on analogies (3CosAdd, 3CosMul) and word similarity (Spearman)",
        EvaluateSettings,
        _evaluate,
        EXAMPLES,
    )


def _evaluate(settings: EvaluateSettings) -> None:
    from glove_spark.evaluation.questions import similarity_files
    from glove_spark.evaluation.report import Questions, as_json, as_table, evaluate
    from glove_spark.exchange.formats import open_vectors

    files = similarity_files(settings.similarity)
    questions = Questions.read(settings.analogies, files, lowercase=not settings.keep_case)
    results = {}
    with _stores(settings) as store_of:
        for side in settings.sides or (None,):
            source = open_vectors(
                settings.vectors,
                settings.format,
                side=side,
                vocab=settings.vocab,
                encoding_errors=settings.encoding_errors,
                center=settings.center,
            )
            name = side or "vectors"
            log.info(
                "%s: %s words, d = %d", source.shown, f"{source.num_words:,}", source.vector_size
            )
            results[name] = evaluate(store_of(source), questions, settings.missing)
    if settings.json:
        report = {
            "vectors": settings.vectors,
            "words": source.num_words,
            "vector_size": source.vector_size,
            **as_json(results, settings.missing),
        }
        sys.stdout.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_table(results, settings.missing))


@contextmanager
def _stores(settings: EvaluateSettings) -> Iterator[Any]:
    """Yield a function that makes a source searchable, in this process or on Spark."""
    if not settings.on_spark:
        from glove_spark.evaluation.scores import InMemory
        from glove_spark.vectors.word_vectors import WordVectors

        yield lambda source: InMemory(
            WordVectors.read(source, repeated_words=settings.repeated_words)
        )
        return
    from glove_spark.evaluation.on_spark import OnSpark
    from glove_spark.spark.session import spark_session

    with spark_session(settings.master) as spark:
        yield lambda source: OnSpark(spark, source)
