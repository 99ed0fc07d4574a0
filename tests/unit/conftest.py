"""Fixtures of several modules."""

import numpy as np
import pytest

from glove_spark.vectors.word_vectors import WordVectors


@pytest.fixture
def royals():
    """Royalty and sex are the two dimensions, 'noise' has a third."""
    table = {
        "man": [0, 1, 0],
        "woman": [0, -1, 0],
        "king": [1, 1, 0],
        "queen": [1, -1, 0],
        "noise": [0, 0, 1],
    }
    return WordVectors(list(table), np.array(list(table.values()), dtype=np.float32))
