"""The Estimator where executors are processes of their own: local-cluster and standalone."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyspark
import pytest

pytestmark = pytest.mark.cluster

PROJECT = Path(__file__).parents[2]
SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"

SCRIPT = """
import sys
import numpy as np
from pyspark.sql import SparkSession
from glove_spark.errors import ConfigurationError
from glove_spark.ml import GloVe, GloVeModel

master, folder, case = sys.argv[1:]
builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
builder = builder.config("spark.executor.memory", "1g").config("spark.cores.max", "2")
spark = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
rng = np.random.default_rng(1)
rows = [(k, [f"w{n}" for n in rng.integers(0, 40, 20)]) for k in range(300)]
frame = spark.createDataFrame(rows, "id int, tokens array<string>").repartition(4)
glove = GloVe(vectorSize=8, minCount=1, maxIter=2, numPartitions=2)
if case == "refused":
    try:
        glove.fit(frame)
    except ConfigurationError as error:
        print("REFUSED", error)
    spark.stop()
    sys.exit()
if case == "checkpoints":
    spark.sparkContext.setCheckpointDir(f"file://{folder}/checkpoints")
if case == "work":
    glove.setWorkDir(folder + "/work")
model = glove.fit(frame)
words = model.files.word_vectors
model.write().overwrite().save(f"file://{folder}/model")
for fitted in (model, GloVeModel.load(f"file://{folder}/model")):
    for row in fitted.transform(frame).collect():
        expected = np.mean([words.get_vector(word) for word in row.tokens], axis=0)
        np.testing.assert_allclose(row.vector.toArray(), expected, rtol=1e-4, atol=1e-5)
    assert fitted.getVectors().count() == 40
print("DONE", model.findSynonymsArray("w1", 2))
spark.stop()
"""


def run(master, folder, case, timeout=600):
    environment = os.environ | {
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(PROJECT),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [sys.executable, "-c", SCRIPT, master, str(folder), case]
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, env=environment, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr[-4000:]
    return found.stdout


def test_local_cluster(tmp_path):
    assert "DONE [('w" in run("local-cluster[2,1,1024]", tmp_path, "plain")
    # the working folder of the fit is deleted
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


@pytest.fixture(scope="module")
def standalone(tmp_path_factory):
    """A master and a worker with two cores on this machine."""
    folder = tmp_path_factory.mktemp("standalone")
    port, web, worker_web = (_free_port() for _ in range(3))
    environment = os.environ | {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder / "work"),
        "PYTHONPATH": str(PROJECT),
    }
    deploy = "org.apache.spark.deploy"
    commands = [
        [f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", port, "--webui-port", web],
        [
            *(f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--webui-port", worker_web),
            *("--cores", 2, "--memory", "2g", f"spark://127.0.0.1:{port}"),
        ],
    ]
    processes = []
    with open(folder / "log", "w") as log:
        for command in commands:
            words = [str(SPARK_CLASS), *map(str, command)]
            processes.append(subprocess.Popen(words, stdout=log, stderr=log, env=environment))
    try:
        _wait_for_worker(f"http://127.0.0.1:{web}/json/", processes)
        yield f"spark://127.0.0.1:{port}"
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_worker(url, processes, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes), "Spark did not start"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if b'"aliveworkers" : 1' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError("no worker came")


@pytest.mark.parametrize("case", ["work", "checkpoints"])
def test_standalone(standalone, tmp_path, case):
    assert "DONE [('w" in run(standalone, tmp_path, case)
    if case == "checkpoints":
        assert not list(tmp_path.rglob(".glove_spark-fit-*"))
    else:
        assert len(list((tmp_path / "work").iterdir())) == 1


def test_standalone_without_shared_storage_says_what_to_set(standalone, tmp_path):
    output = run(standalone, tmp_path, "refused")
    assert (
        "REFUSED workDir is not set, and there is no default for storage that the executors of"
        in output
    )
