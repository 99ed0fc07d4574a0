"""Buffers that every batch of a cell reuses."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class Workspace:
    """Named float32 buffers that grow and are kept.

    Fresh arrays of this size would come as unmapped pages from the system each time; touching those
    costs as much as the arithmetic on them.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.float32]] = {}

    def array(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return the buffer `name` in this shape, contents undefined."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size + size // 4, dtype=np.float32)
        return buffer[:size].reshape(shape)
