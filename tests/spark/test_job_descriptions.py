"""Every Spark job has a description on the web page."""

import re

import numpy as np
import pytest

from glove_spark.cli import main
from glove_spark.settings.config import STAGE_COMMANDS

pytestmark = pytest.mark.spark

SMALL = ["--min-count", "1", "--vector-size", "4", "--epochs", "3", "--num-blocks", "4"]


@pytest.fixture
def descriptions(spark):
    """Run a command; return the descriptions of the jobs that it ran, in their order."""

    def jobs():
        found = spark.sparkContext._jsc.sc().statusStore().jobsList(None)
        each = [found.apply(number) for number in range(found.size())]
        return {job.jobId(): job.description() for job in each}

    def command(*arguments):
        # jobs without a description inherit the previous one
        spark.sparkContext._jsc.sc().setJobDescription(None)
        before = jobs()
        assert main([str(word) for word in arguments]) == 0
        new = sorted((key, text) for key, text in jobs().items() if key not in before)
        return [text.get() if text.isDefined() else None for _, text in new]

    return command


@pytest.fixture
def table(spark, tmp_path):
    """A corpus as Parquet, whose columns Spark reads in a job."""
    words = np.array([f"word{k}" for k in range(30)])
    chosen = words[np.random.default_rng(1).zipf(1.5, (60, 20)) % 30]
    rows = [(" ".join(line),) for line in chosen]
    spark.createDataFrame(rows, ["text"]).write.parquet(str(tmp_path / "corpus"))
    return tmp_path / "corpus"


@pytest.mark.parametrize("schedule", ["stratified", "averaging"])
def test_every_job_of_a_run_is_described(descriptions, table, tmp_path, schedule):
    options = ["--input", table, "--output", tmp_path / "out", "--held-out", "0.1"]
    merges = ["--syncs-per-epoch", "1"] if schedule == "averaging" else []
    found = descriptions("run", *options, "--schedule", schedule, *merges, *SMALL)
    assert None not in found
    stages = [text.split(":")[0] for text in found if text != "start the Python workers"]
    assert list(dict.fromkeys(stages)) == list(STAGE_COMMANDS)
    trained = [text for text in found if text.startswith("train: epoch")]
    rounds = [text for text in trained if "round" in text]
    assert len(rounds) >= 3 * (4 if schedule == "stratified" else 1)
    pattern = r"train: epoch [1-3]/3, round \d/\d(, merge)?"
    assert all(re.fullmatch(pattern, text) for text in rounds)
    merged = [text for text in rounds if text.endswith(", merge")]
    assert len(merged) == (3 if schedule == "averaging" else 0)
    assert "train: epoch 2/3, held-out cost" in trained
    # no job has the name of the previous stage
    assert found[0].startswith(("tokenize: ", "start"))
