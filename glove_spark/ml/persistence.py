"""Save and load a model: Spark's metadata and the model's files. Nothing is pickled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pyspark.ml.base import Model
from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter, MLReadable, MLReader, MLWriter

from glove_spark.errors import OutputError
from glove_spark.ml.connect import is_connect
from glove_spark.ml.model_files import ModelFiles, copy_model
from glove_spark.ml.working_folder import qualified
from glove_spark.store.location import Location

ModelT = TypeVar("ModelT", bound="MLReadable[Any]")


class GloVeModelWriter(MLWriter):
    """Writes a fitted model."""

    def __init__(self, model: Model, files: ModelFiles) -> None:
        super().__init__()
        self._model, self._files = model, files

    def save(self, path: str) -> None:
        """Write to the folder ``path``.

        Raises
        ------
        OutputError
            If it exists and `overwrite` was not called.
        """
        folder = _folder(self, path)
        if folder.exists():
            if not self.shouldOverwrite:
                raise OutputError(
                    f"{folder.shown} exists; save with write().overwrite(), or to another path"
                )
            folder.delete()
        self.saveImpl(path)

    def saveImpl(self, path: str) -> None:
        """Write metadata and files."""
        DefaultParamsWriter.saveMetadata(self._model, path, self.sparkSession)
        copy_model(self._files.folder, _folder(self, path))


class GloVeModelReader(MLReader[ModelT]):
    """Reads the output of `GloVeModelWriter`; `make` makes a model from its files."""

    def __init__(self, make: Callable[[ModelFiles], ModelT]) -> None:
        super().__init__()
        self._make = make

    def load(self, path: str) -> ModelT:
        """Read from the folder ``path``, and copy its files to the driver."""
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        model = self._make(ModelFiles(_folder(self, path)))
        model._resetUid(metadata["uid"])  # type: ignore[attr-defined]
        DefaultParamsReader.getAndSetParams(model, metadata)
        return model


def _folder(session_holder: MLReader[Any] | MLWriter, path: str) -> Location:
    spark = session_holder.sparkSession
    # without a JVM, the path is used unchanged
    return Location.of(path) if is_connect(spark) else qualified(spark, path)
