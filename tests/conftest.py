"""Fixtures of several kinds of tests: small datasets."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glove_spark.datasets.cooccurrence import SCHEMA
from glove_spark.datasets.vectors import write_parquet
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.store.dataset import claim_folder
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe, list_files

pytest_plugins = ("tests.spark_fixtures",)

# a busy machine is not a bug: no test asserts a time
hypothesis.settings.register_profile("glove_spark", deadline=None)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=8000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "glove_spark"))


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
            recipe = Recipe(name, FORMAT_VERSIONS[name], settings | {"symmetric": symmetric}, {})
            manifest = Manifest(recipe, list_files(root / name), facts)
            manifest.write(root / name)
            made[name] = Dataset(root / name, manifest)
        return made

    return publish


HOSTILE = (
    "</script><img src=x onerror=window.pwned=1>",
    "<b>bold</b>",
    "$x^2$",
    "&amp;",
    "%{y}",
    '"quoted"',
    "'",
    "tyranny",
    "Ünïçødé",
)
"""Words that a page could interpret as markup, among them a normal one."""


@pytest.fixture
def trained_folder(publish_matrix, tmp_path) -> Location:
    """An output folder of 60 words, nine of them `HOSTILE`, as if it had been trained."""
    root = Location.of(tmp_path / "out")
    claim_folder(root)
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (60, 60))
    publish_matrix(root, counts + counts.T)
    words = [*HOSTILE, *(f"w{k}" for k in range(len(HOSTILE), 60))]
    numbers = np.arange(600, 540, -1)
    Vocabulary(words, numbers).write(root / "vocabulary")
    (root / "vectors").make_folder()
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    write_parquet(pa.array(words), vectors, root / "vectors" / "part-00000.parquet")
    (root / "model").make_folder()
    made = {
        "vocabulary": {
            "vocabulary_size": 60,
            "tokens": 40_000,
            "tokens_kept": 39_000,
            "dropped_tokens": {"min_count": 1000, "stop_words": 0},
        },
        "model": {
            "epoch": 3,
            "cost": 0.02,
            "costs": [0.05, 0.03, 0.02],
            "epoch_seconds": [1.0, 1.5, 75.0],
            "nonzeros_per_second": [1_000_000, 1_100_000, 1_234_567],
            "stopped_early": False,
            "vector_size": 8,
        },
        "vectors": {"words": 60, "vector_size": 8},
    }
    for name, facts in made.items():
        stage = {"model": "train", "vectors": "export"}.get(name, name)
        recipe = Recipe(
            stage, FORMAT_VERSIONS[name], {"epochs": 3} if name == "model" else {"unk": None}, {}
        )
        timings = {"total": 12.5}
        Manifest(recipe, list_files(root / name), facts, timings).write(root / name)
    return root


@pytest.fixture
def shared_data() -> Path:
    """The reference data; the test is skipped if there is none."""
    folder = os.environ.get("GLOVE_SPARK_DATA")
    if not folder:
        pytest.skip("GLOVE_SPARK_DATA is not set: it names the folder of the reference data")
    return Path(folder)


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """The log lines of the library during the test, at the default verbosity."""
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
