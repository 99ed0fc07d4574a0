"""A matrix of numbers in a file, stored by rows; memory-mapped if the file is local."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glove_spark.errors import InputError
from glove_spark.exchange.streams import reading
from glove_spark.store.location import Location


@dataclass(frozen=True)
class MatrixFile:
    """The position and type of a matrix in a file.

    Attributes
    ----------
    offset
        Bytes before the first number.
    dtype
        The type of the numbers in the file.
    """

    location: Location
    offset: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    @property
    def end(self) -> int:
        """The bytes up to the end of the last number."""
        return self.offset + self.shape[0] * self.shape[1] * self.dtype.itemsize

    def check_size(self) -> None:
        """Raise an error for a file that ends before its matrix.

        Raises
        ------
        InputError
        """
        size = self.location.filesystem().get_file_info(self.location.path).size
        if size < self.end:
            raise InputError(
                f"{self.location.shown} is cut short: {self.shape[0]:,} rows of {self.shape[1]:,} "
                f"numbers end at byte {self.end:,}, but the file has only {size:,}; copy it again"
            )

    def mapped(self) -> NDArray[Any]:
        """Map the whole matrix, read-only; a remote file is read instead."""
        if self.location.is_local:
            with reading(self.location):
                return np.memmap(
                    self.location.path, self.dtype, mode="r", offset=self.offset, shape=self.shape
                )
        return self.read(0, self.shape[0])

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read rows ``start`` to ``stop``."""
        row_bytes = self.shape[1] * self.dtype.itemsize
        with reading(self.location), self.location.open_input() as file:
            data = file.read_at((stop - start) * row_bytes, self.offset + start * row_bytes)
        return np.frombuffer(data, self.dtype).reshape(stop - start, self.shape[1])
