"""Buffers that every batch of a cell reuses."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class Workspace:
    """Named float32 buffers that are kept and grow if needed.

    For new arrays of this size, the system would return unmapped pages each time; touching them
    costs as much as the arithmetic on them.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[np.float32]] = {}

    def array(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return the buffer `name` in this shape, with undefined contents."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size + size // 4, dtype=np.float32)
        return buffer[:size].reshape(shape)
