"""The files of a fitted model: two datasets, a summary, and a copy that can be memory-mapped."""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import fs
from pyspark.sql import SparkSession

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import DatasetError
from glove_spark.exchange.formats import convert, open_vectors
from glove_spark.ml.connect import is_connect
from glove_spark.ml.vectors_udf import ShippedVectors
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest
from glove_spark.vectors.word_vectors import WordVectors

DATASETS = ("vocabulary", "vectors")
"""The datasets of a fit that the model keeps, unchanged."""

SUMMARY = "summary.json"

_served: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that a SparkContext sends to every executor that starts. They are kept until the process
ends, because a DataFrame may be used after the model that made it."""


@dataclass(frozen=True)
class GloVeSummary:
    """The summary of a fit.

    Attributes
    ----------
    objectiveHistory
        Cost of every epoch: the mean of ``f (w . w' + b + b' - ln X)^2 / 2`` over the nonzeros.
    heldOutHistory
        The same over the held-out nonzeros; empty without ``heldOut``.
    epochSeconds, stageSeconds
        Wall time of every epoch, and of every stage by the name of its dataset; for a dataset of
        an earlier fit, the time that it took then.
    stoppedEarly
        Whether ``tol`` stopped the training.
    documents, tokens
        The numbers of rows and tokens of the column that were used.
    droppedTokens
        The numbers of null and empty tokens in the column.
    vocabularySize, distinctWords, tokensInVocabulary
        The numbers of words with a vector, of distinct words in the column, and of tokens that
        have a vector.
    nonzeros
        The number of pairs of words that co-occur.
    """

    objectiveHistory: list[float]
    heldOutHistory: list[float]
    epochSeconds: list[float]
    stageSeconds: dict[str, float]
    stoppedEarly: bool
    documents: int
    tokens: int
    droppedTokens: dict[str, int]
    vocabularySize: int
    distinctWords: int
    tokensInVocabulary: int
    nonzeros: int

    @property
    def totalIterations(self) -> int:
        """The number of epochs."""
        return len(self.objectiveHistory)

    @classmethod
    def of(cls, datasets: dict[str, Dataset]) -> GloVeSummary:
        """Make the summary from the manifests of a fit."""
        facts = {name: dataset.facts for name, dataset in datasets.items()}
        model, vocabulary = facts["model"], facts["vocabulary"]
        held_out = [cost for cost in model["held_out_costs"] if cost is not None]
        return cls(
            objectiveHistory=list(model["costs"]),
            heldOutHistory=held_out,
            epochSeconds=list(model["epoch_seconds"]),
            stageSeconds={
                name: dataset.manifest.timings["total"] for name, dataset in datasets.items()
            },
            stoppedEarly=model["stopped_early"],
            documents=facts["tokens"]["documents"],
            tokens=facts["tokens"]["tokens"],
            droppedTokens=dict(facts["tokens"]["dropped_tokens"]),
            vocabularySize=vocabulary["vocabulary_size"],
            distinctWords=vocabulary["distinct_words"],
            tokensInVocabulary=vocabulary["tokens_kept"],
            nonzeros=facts["cooccurrence"]["nnz"],
        )


class ModelFiles:
    """A folder of the driver that is deleted with the last model that uses it.

    Copies of a model share it. Derived files are written when they are first used. Once executors
    have received files, the folder stays until the driver ends.
    """

    def __init__(self, source: Location) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="glove_spark-model-")
        self.folder = Location.of(self._temporary.name)
        self._name = f"glove-{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._shipped_to: str | None = None
        copy_model(source, self.folder)

    @cached_property
    def summary(self) -> GloVeSummary:
        """The summary, as `GloVeSummary.of` returned it after the fit."""
        return GloVeSummary(**json.loads((self.folder / SUMMARY).read_bytes()))

    @property
    def mapped(self) -> Location:
        """The vectors as a file that can be memory-mapped; written at the first use."""
        file = self.folder / f"{self._name}.safetensors"
        with self._lock:
            if not file.exists():
                convert(open_vectors(self.folder), file)
        return file

    @cached_property
    def word_vectors(self) -> WordVectors:
        """The vectors, memory-mapped by the driver."""
        return WordVectors.load(self.mapped)

    def ship(self, spark: SparkSession) -> ShippedVectors:
        """Send the files to every executor, once per application; return their names there."""
        vectors, counts = self.mapped, self.folder / f"{self._name}.counts.npy"
        connect = is_connect(spark)
        session: Any = spark
        application = session.session_id if connect else session.sparkContext.applicationId
        with self._lock:
            if self._shipped_to != application:
                if not counts.exists():
                    self._write_counts(Path(counts.path))
                if connect:
                    session.addArtifacts(vectors.path, counts.path, file=True)
                else:
                    for file in (vectors, counts):
                        session.sparkContext.addFile(file.path)
                    _served.append(self._temporary)
                self._shipped_to = application
        return ShippedVectors(vectors.name, counts.name)

    def _write_counts(self, file: Path) -> None:
        counts = Vocabulary.read(self.folder / "vocabulary").counts
        # an averaged <unk> has a vector but no count
        size = open_vectors(self.folder).num_words
        with file.open("wb") as sink:
            np.save(sink, np.concatenate([counts, np.zeros(size - len(counts), np.int64)]))


def write_summary(folder: Location, datasets: dict[str, Dataset]) -> None:
    """Write the summary of a fit next to its datasets."""
    (folder / SUMMARY).write_json(asdict(GloVeSummary.of(datasets)))


def copy_model(source: Location, target: Location) -> None:
    """Copy the files of a model, from the output folder of a fit or a saved model.

    Raises
    ------
    InputError, DatasetError
        If a dataset is missing or incomplete.
    """
    for name in DATASETS:
        dataset = open_dataset(source / name)
        (target / name).make_folder()
        for file in dataset.manifest.files:
            _copy(source / name / file, target / name / file)
        # written last: it shows that all other files are complete
        _copy(Manifest.location(source / name), Manifest.location(target / name))
    if not (source / SUMMARY).exists():
        raise DatasetError(f"{source.shown} does not contain {SUMMARY}; save the model again")
    _copy(source / SUMMARY, target / SUMMARY)


def _copy(source: Location, target: Location) -> None:
    fs.copy_files(
        source.path,
        target.path,
        source_filesystem=source.filesystem(),
        destination_filesystem=target.filesystem(),
    )
