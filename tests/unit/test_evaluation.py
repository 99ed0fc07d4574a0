"""Scoring on vectors whose answers are obvious."""

import numpy as np
import pytest

from glove_spark.datasets.vectors import read_text, text_lines, write_parquet
from glove_spark.errors import DatasetError, InputError
from glove_spark.evaluation import (
    read_analogies,
    read_similarities,
    score_analogies,
    score_similarity,
)
from glove_spark.storage import Location
from glove_spark.word_vectors import WordVectors

pa = pytest.importorskip("pyarrow")


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


def test_analogies_are_solved_and_uncovered_questions_are_skipped(royals, tmp_path):
    (tmp_path / "family.txt").write_text("Man King Woman Queen\nman king boy prince\n")
    (tmp_path / "gram1.txt").write_text("man woman king noise\n\n")
    scores = score_analogies(royals, read_analogies(tmp_path))
    assert (scores["family"].value, scores["family"].covered, scores["family"].total) == (100, 1, 2)
    assert scores["syntactic"].value == 0
    assert scores["semantic"].value == 100
    assert (scores["total"].value, scores["total"].covered, scores["total"].total) == (50, 2, 3)


def test_question_words_are_no_answers():
    # b - a + c is nearest to c itself, which must not be the answer
    vectors = WordVectors(
        ["a", "b", "c", "d"], np.array([[1, 0], [1, 0.1], [0, 1], [0.3, 1]], dtype=np.float32)
    )
    assert score_analogies(vectors, {"x": [("a", "b", "c", "d")]})["total"].value == 100


def test_similarity_is_spearmans_rho(royals, tmp_path):
    file = tmp_path / "pairs.txt"
    file.write_text("king queen 1\nKING man 9.5\nman woman 0\nman boy 3\n")
    score = score_similarity(royals, read_similarities(file))
    assert score.value == pytest.approx(100)
    assert (score.covered, score.total) == (3, 4)


def test_nothing_covered_is_nan_not_zero(royals):
    assert np.isnan(score_similarity(royals, [("x", "y", 1.0)]).value)
    assert np.isnan(score_analogies(royals, {"x": [("a", "b", "c", "d")]})["total"].value)


def test_wrong_question_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no \.txt files"):
        read_analogies(tmp_path)
    (tmp_path / "x.txt").write_text("a b c\n")
    with pytest.raises(InputError, match="'a b c' is not four words"):
        read_analogies(tmp_path)
    with pytest.raises(InputError, match="'a b c' is not two words and a score"):
        read_similarities(tmp_path / "x.txt")


def test_most_similar_leaves_out_the_word_itself(royals):
    found = royals.most_similar("king", topn=2)
    assert [word for word, _ in found] == ["man", "queen"] or found[0][0] in ("man", "queen")
    assert found[0][1] == pytest.approx(2**-0.5)
    with pytest.raises(InputError, match="'boy' is not among the 5 words"):
        royals.most_similar("boy")


def test_text_gives_the_same_floats_back(tmp_path):
    rng = np.random.default_rng(1)
    vectors = (rng.standard_normal((20, 7)) * 10.0 ** rng.integers(-9, 9, (20, 1))).astype("f4")
    words = [f"w{k}" for k in range(17)] + ['"', ",", "naïve\u2019s"]
    lines = text_lines(pa.array(words), vectors).to_pylist()
    file = tmp_path / "v.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found_words, found = read_text(Location.of(file))
    assert found_words == words
    np.testing.assert_array_equal(found, vectors)
    assert len(WordVectors.load(str(file))) == 20


def test_word_with_a_space_is_refused_by_name():
    with pytest.raises(DatasetError, match="word 'new york' holds white space"):
        text_lines(pa.array(["a", "new york"]), np.zeros((2, 1), np.float32))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no vectors"),
        ("a 1 2\nb 1\n", "line 2: 1 numbers where line 1 has 2"),
        ("a 1 x\n", "line 1: not a word and its numbers"),
    ],
)
def test_wrong_text_is_refused(tmp_path, content, message):
    (tmp_path / "v.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        read_text(Location.of(tmp_path / "v.txt"))


def test_parquet_round_trip_by_row_groups(tmp_path, monkeypatch):
    import glove_spark.datasets.vectors as module

    monkeypatch.setattr(module, "ROW_GROUP", 3)
    vectors = np.arange(20, dtype=np.float32).reshape(10, 2)
    file = Location.of(tmp_path / "part.parquet")
    write_parquet(pa.array([str(k) for k in range(10)]), vectors, file)
    parts = list(module.read_parquet(file))
    assert [len(words) for words, _ in parts] == [3, 3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in parts]), vectors)
