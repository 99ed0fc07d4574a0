"""Every example runs as a reader would run it: in a separate process in an empty folder."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glove_spark.store.location import Location
from glove_spark.store.verification import verify_folder
from glove_spark.vectors.word_vectors import WordVectors
from tests.harness.small_run import write_corpus
from tests.harness.standalone import StandaloneCluster

PROJECT = Path(__file__).parents[2]
EXAMPLES = PROJECT / "examples"


def run(*command, cwd, timeout=300, **environment):
    """Run a command; return what it printed."""
    answer = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"} | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.spark
def test_books_to_vectors(tmp_path):
    (tmp_path / "books").mkdir()
    rng = np.random.default_rng(1)
    topics = [["file", "path", "open", "close"], ["error", "raise", "wrong"], ["list", "item"]]
    for name in "abc":
        lines = [" ".join(rng.choice(topics[k % 3], 12)) for k in range(300)]
        (tmp_path / "books" / f"{name}.txt").write_text("\n".join(lines))
    printed = run(sys.executable, EXAMPLES / "books_to_vectors.py", cwd=tmp_path)
    assert re.findall(r"^(\w+):", printed, re.MULTILINE) == ["file", "error", "list"]
    vectors = WordVectors.load(str(tmp_path / "book_vectors"))
    assert vectors.vector_size == 50
    assert set(vectors.words) == {word for topic in topics for word in topic}


@pytest.mark.spark
@pytest.mark.slow
def test_books_to_vectors_makes_its_own_books_and_other_programs_take_the_vectors(tmp_path):
    pytest.importorskip("gensim", reason="gensim is not installed")
    pytest.importorskip("spacy", reason="spaCy is not installed")
    run(sys.executable, EXAMPLES / "books_to_vectors.py", cwd=tmp_path)
    assert len(list((tmp_path / "books").glob("*.txt"))) > 100
    printed = run(sys.executable, EXAMPLES / "gensim_and_spacy.py", "book_vectors", cwd=tmp_path)
    assert printed.startswith("gensim: ")
    assert "spaCy: similarity of file and name" in printed


def test_gensim_and_spacy(tmp_path):
    pytest.importorskip("gensim", reason="gensim is not installed")
    pytest.importorskip("spacy", reason="spaCy is not installed")
    words = ["file", "name", "path", "folder", "error", "list"]
    matrix = np.random.default_rng(1).standard_normal((len(words), 5)).astype("f4")
    made = WordVectors(words, matrix)
    made.save(str(tmp_path / "made.vec"))
    printed = run(sys.executable, EXAMPLES / "gensim_and_spacy.py", "made.vec", cwd=tmp_path)
    gensim, spacy = printed.splitlines()
    assert gensim.split()[1:] == [word for word, _ in made.most_similar("file", topn=5)]
    assert spacy.endswith(f"is {made.similarity('file', 'name'):.2f}")


@pytest.mark.spark
def test_dataframe_to_classifier(tmp_path):
    printed = run(sys.executable, EXAMPLES / "dataframe_to_classifier.py", cwd=tmp_path)
    accuracy, synonyms = printed.splitlines()[-2:]
    # always predicting the larger package would be correct in 70 % of the cases
    assert float(accuracy.removeprefix("accuracy: ")) > 0.85
    assert len(synonyms.split()) == 6


@pytest.mark.cluster
def test_cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    corpus = write_corpus(folder / "corpus", tokens=60_000, words=500)
    with StandaloneCluster(folder / "spark") as cluster:
        defaults = folder / "settings.conf"
        defaults.write_text(
            (folder / "spark" / "spark-defaults.conf").read_text()
            + f"\nspark.authenticate true\nspark.authenticate.secret {cluster.secret.read_text()}\n"
        )
        run(
            EXAMPLES / "cluster.sh",
            cluster.master_url,
            corpus,
            folder / "out",
            *("--vector-size", "8", "--epochs", "2"),
            cwd=folder,
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            PYTHON=sys.executable,
            PYSPARK_PYTHON=sys.executable,
            PYSPARK_DRIVER_PYTHON=sys.executable,
            SPARK_PROPERTIES=str(defaults),
        )
    assert WordVectors.load(str(folder / "out")).vector_size == 8
    verify_folder(Location.of(folder / "out"))


def test_cluster_says_how_it_is_called(tmp_path):
    answer = subprocess.run([EXAMPLES / "cluster.sh", "spark://x"], capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.startswith("usage: examples/cluster.sh MASTER INPUT OUTPUT")


@pytest.mark.airflow
def test_every_day_with_airflow(tmp_path):
    named = os.environ.get("GLOVE_SPARK_AIRFLOW")
    python = Path(named) if named else PROJECT / ".venv-airflow" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Airflow: run make test-airflow, or set GLOVE_SPARK_AIRFLOW to its Python")
    load = (
        "import json, sys; from airflow.dag_processing.dagbag import DagBag\n"
        "bag = DagBag(sys.argv[1])\n"
        "print(json.dumps([bag.import_errors, {name: [t.task_id for t in dag.topological_sort()]"
        " for name, dag in bag.dags.items()}]))"
    )
    home = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    run(python, "-m", "airflow", "db", "migrate", cwd=tmp_path, **home)
    example = EXAMPLES / "every_day_airflow.py"
    printed = run(python, "-c", load, example, cwd=tmp_path, **home)
    errors, dags = json.loads(printed.splitlines()[-1])
    assert errors == {}
    assert dags == {"glove_daily": ["update", "blocks", "train", "export", "publish"]}
