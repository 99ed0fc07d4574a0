"""Export: write the vectors of the last epoch, as Parquet and as GloVe text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from glove_spark.datasets.model import ModelVectors
from glove_spark.datasets.vectors import write_parquet
from glove_spark.datasets.vocabulary import UNKNOWN, Vocabulary
from glove_spark.exchange.formats import FORMATS
from glove_spark.exchange.parquet import ParquetSource
from glove_spark.exchange.text import FULL
from glove_spark.settings.stages import ExportSettings
from glove_spark.spark.collecting import collected
from glove_spark.spark.session import describe
from glove_spark.stages.stage import Job, Stage
from glove_spark.store.format_versions import FORMAT_VERSIONS

WORDS_PER_FILE = 200_000
"""Words per file. At d = 300 a file has about 200 MB, and a task needs twice that in memory."""

RAREST = 100
"""The number of rarest words whose mean vector becomes that of unknown words, as in the C
program."""


def build_vectors(job: Job) -> Mapping[str, Any]:
    """Write ``word, vector`` in the order of ids, one task per range of ids."""
    settings: ExportSettings = job.settings
    vocabulary = job.inputs["vocabulary"]
    vectors = ModelVectors(job.inputs["model"], settings.vectors)
    vocabulary_size, size = vectors.shape
    output, vocabulary_folder = job.output.make_folder(), vocabulary.location
    starts = list(range(0, vocabulary_size, WORDS_PER_FILE))
    if settings.center:
        vectors = replace(vectors, center=_mean(job, vectors, starts))

    def write(start: int) -> int:
        stop = min(start + WORDS_PER_FILE, vocabulary_size)
        words = pa.array(Vocabulary.read(vocabulary_folder).words[start:stop], pa.string())
        target = output / f"part-{start // WORDS_PER_FILE:05d}.parquet"
        with target.written_whole() as temporary:
            write_parquet(words, vectors.rows(start, stop), temporary)
        return stop - start

    describe(job.spark, "export: vectors")
    written = sum(collected(job.spark.sparkContext.parallelize(starts, len(starts)).map(write)))
    if vocabulary.manifest.recipe.settings["unk"] == "average":
        rarest = vectors.rows(max(0, vocabulary_size - RAREST), vocabulary_size)
        mean = rarest.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        write_parquet(pa.array([UNKNOWN]), mean, output / f"part-{len(starts):05d}.parquet")
        written += 1
    return {"words": written, "vector_size": size}


def _mean(job: Job, vectors: ModelVectors, starts: list[int]) -> NDArray[np.float32]:
    """Return the mean of the vectors of all words; ranges are added in order."""
    vocabulary_size, _ = vectors.shape

    def total(start: int) -> NDArray[np.float64]:
        stop = min(start + WORDS_PER_FILE, vocabulary_size)
        added: NDArray[np.float64] = vectors.rows(start, stop).sum(axis=0, dtype=np.float64)
        return added

    describe(job.spark, "export: the mean vector")
    totals = collected(job.spark.sparkContext.parallelize(starts, len(starts)).map(total))
    return np.asarray(np.sum(totals, axis=0) / vocabulary_size, np.float32)


def build_text(job: Job) -> Mapping[str, Any]:
    """Write GloVe text, streamed from the Parquet files."""
    vectors = job.inputs["vectors"]
    source = ParquetSource(vectors.location.shown, vectors.files(".parquet"))
    FORMATS["glove"].export(source, job.output, FULL)
    return {"words": source.num_words, "vector_size": source.vector_size}


VECTORS = Stage(
    dataset="vectors",
    command="export",
    format_version=FORMAT_VERSIONS["vectors"],
    inputs=("vocabulary", "model"),
    build=build_vectors,
)

VECTORS_TEXT = Stage(
    dataset="vectors.txt",
    command="export",
    format_version=FORMAT_VERSIONS["vectors.txt"],
    inputs=("vectors",),
    build=build_text,
)
