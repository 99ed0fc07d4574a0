"""What tests of several layers share: datasets made on the spot."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glove_spark.datasets.cooccurrence import SCHEMA
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.manifest import Dataset, Manifest, Recipe, file_sizes
from glove_spark.storage import Location


@pytest.fixture
def publish_matrix() -> Callable[..., dict[str, Dataset]]:
    """Publish a dense matrix of counts as the datasets vocabulary and cooccurrence."""

    def publish(root: Location, counts: np.ndarray, *, symmetric: bool = True, row_group: int = 50):
        size = len(counts)
        vocabulary = root / "vocabulary"
        Vocabulary([f"w{k}" for k in range(size)], np.arange(10 * size, 9 * size, -1)).write(
            vocabulary
        )
        rows, cols = np.nonzero(np.triu(counts) if symmetric else counts)
        matrix = (root / "cooccurrence").make_folder()
        table = pa.table(
            {"row_id": rows, "col_id": cols, "count": counts[rows, cols].astype(np.float64)},
            schema=SCHEMA,
        )
        half = len(rows) // 2
        for number, part in enumerate([table.slice(0, half), table.slice(half)]):
            file = (matrix / f"part-{number}.parquet").path
            pq.write_table(part, file, row_group_size=row_group)
        facts = {
            "vocabulary_size": size,
            "nnz": int(np.count_nonzero(counts)),
            "largest_count": float(counts.max()),
        }
        made = {}
        for name, settings in (("vocabulary", {"unk": None}), ("cooccurrence", {})):
            recipe = Recipe(name, 1, settings | {"symmetric": symmetric}, {})
            manifest = Manifest(recipe, file_sizes(root / name), facts)
            manifest.write(root / name)
            made[name] = Dataset(root / name, manifest)
        return made

    return publish


@pytest.fixture
def shared_data() -> Path:
    """The reference data beside the project; the test is skipped where there is none."""
    folder = os.environ.get("GLOVE_SPARK_DATA")
    if not folder:
        pytest.skip("GLOVE_SPARK_DATA is not set: it names the folder of the reference data")
    return Path(folder)


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """What the library logs during the test, as progress is shown by default."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    log, handler = logging.getLogger("glove_spark"), Collect()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield lines
    log.removeHandler(handler)
    log.setLevel(level)
