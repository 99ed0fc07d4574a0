"""One Spark session for all tests that need one.

It starts with the first test that needs it: a run of unit tests never waits
for a JVM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from glove_spark.settings.stages import TokenizeSettings
from glove_spark.stages import train
from glove_spark.stages.stage import run_stage
from glove_spark.stages.tokenize import TOKENS
from glove_spark.store.location import Location
from glove_spark.store.manifest import list_files

DATASETS = ("tokens", "vocabulary", "cooccurrence", "blocks", "model", "vectors", "vectors.txt")
SMALL = ["--min-count", "1", "--vector-size", "4", "--epochs", "2", "--num-blocks", "2"]
"""Options of a run that takes seconds."""


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Start local[2], with all files of Spark in one temporary folder."""
    scratch: Path = tmp_path_factory.mktemp("spark")
    # workers would use python3 of PATH, which may not have the dependencies
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    # two workers, each with as many BLAS threads as cores, would compete for the cores
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    # the tests must not fail if the host name does not resolve
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    session = (
        SparkSession.builder.master("local[2]")
        .appName("glove_spark tests")
        # short-lived JVM: the second compiler tier and a parallel collector cost more than they
        # give; the session starts in 3.4 s instead of 5.5 s
        .config(
            "spark.driver.extraJavaOptions",
            f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dderby.system.home={scratch}",
        )
        .config("spark.driver.memory", "1g")
        # no port, no web server, no history
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        # no files may remain in the working folder of the tests
        .config("spark.sql.warehouse.dir", str(scratch / "warehouse"))
        .config("spark.local.dir", str(scratch / "local"))
        # the default of 200 shuffle partitions is too much for a few hundred rows
        .config("spark.sql.shuffle.partitions", "2")
        # the same on every machine, in any time zone
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    # the tests of bad input make tasks fail on purpose; their stack traces hide the real ones
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def _leave_no_trace(request: pytest.FixtureRequest) -> Iterator[None]:
    """Clear the cache after a test, so that tests are independent."""
    yield
    if "spark" in request.fixturenames:
        request.getfixturevalue("spark").catalog.clearCache()


@pytest.fixture
def tokenize(spark, tmp_path):
    """Run the stage; return its documents in any order, sorted, and its facts."""

    def run(*inputs, **settings):
        root = Location.of(tmp_path / "output").make_folder()
        settings = TokenizeSettings(input=tuple(map(str, inputs)), **settings)
        dataset = run_stage(TOKENS, spark, settings, root, overwrite=True)
        tables = [pq.read_table(file.path) for file in dataset.files(".parquet")]
        documents = [row for table in tables for row in table.column("tokens").to_pylist()]
        facts = dataset.facts
        assert facts["documents"] == len(documents)
        assert facts["tokens"] == sum(map(len, documents))
        return sorted(documents), facts

    return run


@pytest.fixture
def write(tmp_path):
    """Write a file of the corpus from text or bytes."""

    def file(name, content):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


@pytest.fixture
def books(tmp_path):
    """Three little files of text."""
    rng = np.random.default_rng(1)
    words = np.array([f"word{k}" for k in range(30)])
    folder = tmp_path / "my texts"
    folder.mkdir()
    for name in "abc":
        chosen = words[rng.zipf(1.5, (40, 20)) % 30]
        (folder / f"{name}.txt").write_text("\n".join(" ".join(line) for line in chosen) + "\n")
    return folder


def contents(out):
    """Return the bytes of every data file, but not those of files that contain times."""
    return {
        f"{name}/{file}": (out / name / file if file else out / name).read_bytes()
        for name in DATASETS
        if name != "tokens"
        for file in list_files(Location.of(out / name))
        if not file.endswith((".json", ".jsonl"))
    }


@pytest.fixture
def dying_rounds(monkeypatch):
    """Training that fails in a round, and is then resumed."""

    @contextmanager
    def dying(number: int) -> Iterator[list[int]]:
        """Fail in a round, counted from 0, within the block; then list the rounds that ran."""
        real, before, after = train.run_round, [], []

        def run_and_die(*arguments):
            if len(before) == number:
                raise KeyboardInterrupt
            before.append(1)
            return real(*arguments)

        monkeypatch.setattr(train, "run_round", run_and_die)
        with pytest.raises(KeyboardInterrupt):
            yield after
        monkeypatch.setattr(train, "run_round", lambda *given: (after.append(1), real(*given))[1])

    return dying
