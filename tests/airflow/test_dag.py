"""The DAG in a real Airflow, against a real spark-submit: it loads, and days run.

Airflow needs other versions of many packages, so it has a separate environment: `make
test-airflow`, or GLOVE_SPARK_AIRFLOW, the path of its Python.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyspark
import pytest

from glove_spark.datasets.ledger import Ledger
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest
from glove_spark.store.verification import verify_folder
from glove_spark.store.versions import Judgement, current_version
from glove_spark.vectors.word_vectors import WordVectors

PROJECT = Path(__file__).parents[2]
DAG = PROJECT / "conf" / "airflow" / "glove_daily.py"
DAYS = ("2026-11-19", "2026-11-20", "2026-11-21")
COMMANDS = ("update", "blocks", "train", "export", "publish")
TOPICS = [[f"t{topic}w{k}" for k in range(8)] for topic in range(4)]

pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def airflow_python() -> Path:
    """Find the Python that has Airflow."""
    named = os.environ.get("GLOVE_SPARK_AIRFLOW")
    python = Path(named) if named else PROJECT / ".venv-airflow" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Airflow: run make test-airflow, or set GLOVE_SPARK_AIRFLOW to its Python")
    return python


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Text of three days, in which words of a topic co-occur, and word pairs that test this."""
    folder = tmp_path_factory.mktemp("daily")
    rng = np.random.default_rng(3)
    for day in DAYS:
        (folder / "text" / day).mkdir(parents=True)
        lines = []
        for number in range(400):
            # without words of other topics, there would be no small counts to learn from
            foreign = rng.random(12) < 0.3
            own = rng.choice(TOPICS[number % 4], 12)
            lines.append(" ".join(np.where(foreign, rng.choice(np.ravel(TOPICS), 12), own)))
        (folder / "text" / day / "a.txt").write_text("\n".join(lines))
    alike = [f"{topic[0]} {topic[k]} 9" for topic in TOPICS for k in (1, 2, 3)]
    other = [f"{TOPICS[k][0]} {TOPICS[k - 1][j]} 1" for k in range(4) for j in (1, 2, 3)]
    (folder / "pairs.txt").write_text("\n".join(alike + other))
    (folder / "settings.toml").write_text(
        "[vocabulary]\nmin_count = 1\n[cooccurrence]\nwindow_size = 4\n"
        "[blocks]\nnum_blocks = 2\n[train]\nvector_size = 6\nsubsample = 0\n"
    )
    (folder / "metrics").mkdir()
    return folder


@pytest.fixture(scope="module")
def airflow(folder):
    """Call Airflow's command line, with a temporary home."""
    python = airflow_python()
    spark_submit = Path(sys.executable).parent
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAG.parent),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
        # our spark-submit before one that Airflow's provider may have installed
        "PATH": f"{spark_submit}:{python.parent}:{os.environ['PATH']}",
        # Spark's script that looks for it fails if the path of Python contains spaces
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "PYTHONPATH": str(PROJECT),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "GLOVE_DAILY_CORPUS": f"{folder}/text/{{{{ ds }}}}",
        "GLOVE_DAILY_OUTPUT": str(folder / "out"),
        "GLOVE_DAILY_APPLICATION": str(PROJECT / "jobs"),
        "GLOVE_DAILY_START": DAYS[0],
        "GLOVE_DAILY_CONFIG": str(folder / "settings.toml"),
        "GLOVE_DAILY_SIMILARITY": str(folder / "pairs.txt"),
        "GLOVE_DAILY_MARGIN": "20",
        "GLOVE_DAILY_METRICS": str(folder / "metrics"),
    }

    def call(*arguments, code=None, **more):
        return subprocess.run(
            [str(python), *(("-c", code, str(DAG)) if code else ("-m", "airflow", *arguments))],
            env=environment | more,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=900,
        )

    found = call("db", "migrate")
    assert found.returncode == 0, found.stdout + found.stderr
    return call


@pytest.fixture(scope="module")
def run_day(airflow):
    """Run the DAG for a day."""

    def run(day, **more):
        found = airflow("dags", "test", "-f", str(DAG), "glove_daily", day, **more)
        return found, found.stdout + found.stderr

    return run


@pytest.fixture(scope="module")
def two_days(run_day):
    """The log of the first two days, each run once."""
    logs = []
    for day in DAYS[:2]:
        found, log = run_day(day)
        assert found.returncode == 0, log
        logs.append(log)
    return logs


def state_of(root):
    """Return every file, with values that change if it is written again."""
    return {
        str(file): (file.stat().st_mtime_ns, file.stat().st_size)
        for file in root.rglob("*")
        if file.is_file() and not file.name.endswith(".crc")
    }


def cost_of(folder, day):
    return Manifest.read(Location.of(folder / "out" / "versions" / day / "model")).facts


def test_the_dag_loads(airflow):
    script = (
        "import json, sys; from airflow.dag_processing.dagbag import DagBag;"
        "bag = DagBag(sys.argv[1]); dag = bag.dags['glove_daily'];"
        "tasks = [task.task_id for task in dag.topological_sort()];"
        "print(json.dumps([bag.import_errors, tasks, dag.max_active_runs, dag.catchup]))"
    )
    loaded = airflow(code=script)
    assert loaded.returncode == 0, loaded.stderr
    errors, tasks, active, catchup = json.loads(loaded.stdout.splitlines()[-1])
    assert (errors, tasks, active, catchup) == ({}, list(COMMANDS), 1, True)


def test_a_dag_without_its_settings_says_which_are_missing(airflow):
    script = (
        "import sys; from airflow.dag_processing.dagbag import DagBag;"
        "print(*DagBag(sys.argv[1]).import_errors.values())"
    )
    found = airflow(code=script, GLOVE_DAILY_CORPUS="")
    assert "GLOVE_DAILY_CORPUS is not set; see the head of " in found.stdout


def test_two_days_make_two_versions_and_the_second_is_current(folder, two_days):
    root = Location.of(folder / "out")
    ledger = Ledger.of(Manifest.read(root / "cooccurrence").facts)
    assert list(ledger.batches) == list(DAYS[:2])
    assert current_version(root) == DAYS[1]
    for name in (f"versions/{DAYS[0]}", "current"):
        vectors = WordVectors.load(root / name)
        words = [word for word, _ in vectors.most_similar("t0w0", topn=3)]
        assert all(word.startswith("t0") for word in words), words
    for day in DAYS[:2]:
        judged = Judgement.read(root / "versions" / day)
        assert judged.published
        assert judged.scores["similarity/mean"] > 50


def test_the_second_day_starts_warm(folder, two_days):
    assert cost_of(folder, DAYS[0])["epoch"] == 5
    assert cost_of(folder, DAYS[1])["epoch"] == 3
    assert f"--warm-start {folder}/out/versions/{DAYS[0]} --epochs 3" in two_days[1]


def test_every_command_leaves_its_metrics(folder, two_days):
    from prometheus_client.parser import text_string_to_metric_families as parse

    for command in COMMANDS:
        text = (folder / "metrics" / f"glove_{command}.prom").read_text()
        samples = {sample.name: sample for family in parse(text) for sample in family.samples}
        success = samples["glove_spark_run_success"]
        assert success.value == 1
        assert success.labels == {"command": command, "output": str(folder / "out")}


def test_a_day_run_again_changes_nothing(folder, two_days, run_day):
    before = state_of(folder / "out")
    for day in DAYS[:2]:
        found, log = run_day(day)
        assert found.returncode == 0, log
        assert f"the version of {DAYS[1]} is current" in log
    after = state_of(folder / "out")
    # nothing is new or written again; an update deletes files that the previous one replaced
    assert after.items() <= before.items()
    root = Location.of(folder / "out")
    for place in (root, *(root / "versions" / day for day in DAYS[:2])):
        assert verify_folder(place)


def test_a_version_that_is_worse_is_not_published(folder, two_days, run_day):
    # the next version would have to be better by more than is possible
    _, log = run_day(DAYS[2], GLOVE_DAILY_MARGIN="-150")
    assert re.search(r"publish ended with 8", log), log
    root = Location.of(folder / "out")
    assert current_version(root) == DAYS[1]
    judged = Judgement.read(root / "versions" / DAYS[2])
    assert judged.published is None
    assert DAYS[2] in Ledger.of(Manifest.read(root / "cooccurrence").facts).batches
    metrics = (folder / "metrics" / "glove_publish.prom").read_text()
    assert re.search(r"^glove_spark_run_exit_code\{.*\} 8\.0$", metrics, re.MULTILINE)
    # with the usual margin, the existing version is published
    found, log = run_day(DAYS[2])
    assert found.returncode == 0, log
    assert current_version(root) == DAYS[2]
