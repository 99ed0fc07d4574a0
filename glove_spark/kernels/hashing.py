"""Pseudo-random numbers that are a function of a key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UInt64 = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""The increment of SplitMix64."""


def mixed(keys: UInt64) -> UInt64:
    """Return SplitMix64's output for each key, uint64 of the same shape, uniform over all of them.

    >>> mixed(np.array([0], np.uint64))
    array([16294208416658607535], dtype=uint64)
    """
    found = keys + GOLDEN
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        found ^= found >> np.uint64(shift)
        found *= np.uint64(factor)
    found ^= found >> np.uint64(31)
    return found
