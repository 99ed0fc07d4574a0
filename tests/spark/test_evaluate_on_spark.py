"""Evaluation distributed over tasks gives the same result as in one process."""

from __future__ import annotations

import numpy as np
import pytest

from glove_spark.errors import InputError
from glove_spark.evaluation import on_spark
from glove_spark.evaluation.on_spark import OnSpark
from glove_spark.evaluation.report import Questions, evaluate
from glove_spark.evaluation.scores import InMemory
from glove_spark.exchange.formats import open_vectors
from glove_spark.vectors.word_vectors import WordVectors

pytestmark = pytest.mark.spark


@pytest.fixture
def vectors():
    rng = np.random.default_rng(9)
    words = [f"w{k}" for k in range(500)]
    return WordVectors(words, rng.standard_normal((500, 6)).astype(np.float32))


@pytest.mark.parametrize("suffix", [".parquet", ".npy", ".safetensors"])
def test_shares_of_the_vocabulary_give_the_same_scores(
    spark, tmp_path, monkeypatch, vectors, suffix
):
    monkeypatch.setattr(on_spark, "SHARE_ROWS", 70)
    vectors.save(str(tmp_path / f"v{suffix}"))
    solved = vectors.most_similar(["w2", "w3"], ["w1"], topn=1)[0][0]
    questions = Questions(
        {
            "planted": [("w1", "w2", "w3", solved), ("w1", "w2", "w3", "w499")],
            "gram": [("w400", "w301", "w202", "w7"), ("w1", "none", "w2", "w3")],
        },
        {"pairs": [(f"w{k}", f"w{7 * k % 500}", k % 5) for k in range(1, 60)]},
    )
    store = OnSpark(spark, open_vectors(str(tmp_path / f"v{suffix}")))
    found = evaluate(store, questions)
    expected = evaluate(InMemory(vectors), questions)
    assert found == expected
    assert found.analogies["3cosadd"]["planted"].value == 50


def test_what_cannot_be_shared_is_refused(spark, tmp_path, vectors):
    vectors.save(str(tmp_path / "v.txt"))
    with pytest.raises(InputError, match=r"v\.txt can only be read from the start, .*; convert it"):
        OnSpark(spark, open_vectors(str(tmp_path / "v.txt")))
