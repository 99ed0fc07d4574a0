"""Export: a model's last epoch to vectors, as Parquet and as GloVe text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from glove_spark.config import ExportSettings
from glove_spark.datasets.model import read_vectors
from glove_spark.datasets.vectors import read_parquet, text_lines, write_parquet
from glove_spark.datasets.vocabulary import UNKNOWN, Vocabulary
from glove_spark.kernels.grid import BlockGrid
from glove_spark.session import describe
from glove_spark.stage import Job, Stage

WORDS_PER_FILE = 200_000
"""At d = 300 a file is some 200 MB, and a task holds twice that."""

RAREST = 100
"""Words whose mean vector an unknown word is given, as the C program does."""


def build_vectors(job: Job) -> Mapping[str, Any]:
    """Write ``word, vector`` in the order of ids, one task a range of ids."""
    settings: ExportSettings = job.settings
    model, vocabulary = job.inputs["model"], job.inputs["vocabulary"]
    size, adagrad = int(model.facts["vector_size"]), str(model.facts["adagrad"])
    epoch, combine = int(model.facts["epoch"]), settings.vectors
    grid = BlockGrid(int(model.facts["vocabulary_size"]), int(model.facts["num_blocks"]))
    output, model_folder = job.output.make_folder(), model.location
    vocabulary_folder = vocabulary.location

    def vectors_of(start: int, stop: int) -> NDArray[np.float32]:
        """Gather a range of ids: a range of local rows of every block."""
        found = np.empty((stop - start, size), np.float32)
        for block in range(grid.num_blocks):
            ids = grid.global_ids(block)
            first, last = np.searchsorted(ids, [start, stop])
            found[ids[first:last] - start] = read_vectors(
                model_folder, epoch, block, size, adagrad, combine, slice(first, last)
            )
        return found

    def write(start: int) -> int:
        stop = min(start + WORDS_PER_FILE, grid.vocabulary_size)
        words = pa.array(Vocabulary.read(vocabulary_folder).words[start:stop], pa.string())
        target = output / f"part-{start // WORDS_PER_FILE:05d}.parquet"
        with target.written_whole() as temporary:
            write_parquet(words, vectors_of(start, stop), temporary)
        return stop - start

    describe(job.spark, "export: vectors")
    starts = list(range(0, grid.vocabulary_size, WORDS_PER_FILE))
    written = sum(job.spark.sparkContext.parallelize(starts, len(starts)).map(write).collect())
    if vocabulary.manifest.recipe.settings["unk"] == "average":
        rarest = vectors_of(max(0, grid.vocabulary_size - RAREST), grid.vocabulary_size)
        mean = rarest.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        write_parquet(pa.array([UNKNOWN]), mean, output / f"part-{len(starts):05d}.parquet")
        written += 1
    return {"words": written, "vector_size": size}


def build_text(job: Job) -> Mapping[str, Any]:
    """Write GloVe text, streamed from the Parquet files."""
    lines = 0
    vectors = job.inputs["vectors"]
    with job.output.open_output() as sink:
        for file in vectors.files(".parquet"):
            for words, rows in read_parquet(file):
                for line in text_lines(words, rows).to_pylist():
                    sink.write(line.encode() + b"\n")
                lines += len(words)
    return {"words": lines, "vector_size": vectors.facts["vector_size"]}


VECTORS = Stage(
    dataset="vectors",
    command="export",
    format_version=1,
    inputs=("vocabulary", "model"),
    build=build_vectors,
)

VECTORS_TEXT = Stage(
    dataset="vectors.txt",
    command="export",
    format_version=1,
    inputs=("vectors",),
    build=build_text,
)
