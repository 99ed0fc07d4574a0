"""Scores: planted answers, the rules for missing words, and gensim's results."""

import json
import math
import re

import numpy as np
import pytest

from glove_spark.errors import InputError
from glove_spark.evaluation.questions import read_analogies, read_similarities, similarity_files
from glove_spark.evaluation.report import Questions, as_json, as_table, evaluate
from glove_spark.evaluation.scores import (
    InMemory,
    analogy_scores,
    score_analogies,
    score_similarity,
)
from glove_spark.kernels.analogies import (
    BLOCK_COLUMNS,
    COSMUL_EPSILON,
    METHODS,
    QUESTIONS_AT_ONCE,
    AnalogySolver,
)
from glove_spark.vectors.word_vectors import WordVectors

# gensim calls functions that it declares deprecated
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")


@pytest.fixture
def family(tmp_path):
    folder = tmp_path / "questions"
    folder.mkdir()
    (folder / "family.txt").write_text("Man King Woman Queen\nman king boy prince\n")
    (folder / "gram1.txt").write_text("man woman king noise\n\n")
    return folder


def shown(score):
    return score.value, score.covered, score.total


@pytest.mark.parametrize("method", METHODS)
def test_analogies_are_solved_and_a_missing_word_is_left_out_or_wrong(royals, family, method):
    files = read_analogies(family)
    scores = score_analogies(royals, files, method)
    assert list(scores) == ["family", "gram1", "semantic", "syntactic", "total"]
    assert shown(scores["family"]) == shown(scores["semantic"]) == (100, 1, 2)
    assert shown(scores["syntactic"]) == (0, 1, 1)
    assert shown(scores["total"]) == (50, 2, 3)
    scores = score_analogies(royals, files, method, missing="wrong")
    assert shown(scores["family"]) == (50, 1, 2)
    assert shown(scores["total"]) == (pytest.approx(100 / 3), 2, 3)


def test_question_words_are_no_answers():
    # b - a + c is nearest to c itself, which must not be the answer
    vectors = WordVectors(
        ["a", "b", "c", "d"], np.array([[1, 0], [1, 0.1], [0, 1], [0.3, 1]], dtype=np.float32)
    )
    assert score_analogies(vectors, {"x": [("a", "b", "c", "d")]})["total"].value == 100


def by_definition(vectors, a, b, c, method):
    """Answer one question with whole vectors, in double precision."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    to_a, to_b, to_c = (unit @ unit[k] for k in (a, b, c))
    if method == "3cosadd":
        scores = to_b - to_a + to_c
    else:
        scores = (1 + to_b) / 2 * (1 + to_c) / 2 / ((1 + to_a) / 2 + COSMUL_EPSILON)
    scores[[a, b, c]] = -np.inf
    return int(scores.argmax())


def test_blocks_of_words_and_questions_do_not_change_the_answers():
    rng = np.random.default_rng(5)
    size, asked = 2 * BLOCK_COLUMNS + 7, QUESTIONS_AT_ONCE + 9
    vectors = rng.standard_normal((size, 6)).astype(np.float32)
    ids = np.sort(rng.choice(size, 30, replace=False))
    questions = rng.integers(0, 30, (asked, 3))
    whole = AnalogySolver(vectors[ids], ids, questions)
    whole.see(0, vectors)
    parts = AnalogySolver(vectors[ids], ids, questions)
    other = AnalogySolver(vectors[ids], ids, questions)
    parts.see(1000, vectors[1000:])
    other.see(0, vectors[:1000])
    parts.merge(other)
    for method in METHODS:
        expected = [by_definition(vectors.astype("f8"), *ids[row], method) for row in questions]
        np.testing.assert_array_equal(whole.answers(method), expected)
        np.testing.assert_array_equal(parts.answers(method), expected)


def test_of_equal_answers_the_more_frequent_is_given_in_any_order():
    vectors = np.array([[1, 0], [0, 1], [1, 1], [1, 1]], np.float32)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        solver = AnalogySolver(vectors[:2], np.array([0, 1]), np.array([[0, 1, 0]]))
        for k in order:
            solver.see(k, vectors[k : k + 1])
        assert [solver.answers(method)[0] for method in METHODS] == [2, 2]


def test_similarity_is_spearmans_rho(royals, tmp_path):
    file = tmp_path / "pairs.txt"
    file.write_text("king queen 1\nKING man 9.5\nman woman 0\nman boy 3\n")
    pairs = read_similarities(file)
    assert shown(score_similarity(royals, pairs)) == (pytest.approx(100), 3, 4)
    # cosines 0, .71, -1, 0 beside 1, 9.5, 0, 3: the tied pair costs
    missing = score_similarity(royals, pairs, missing="wrong")
    assert shown(missing) == (pytest.approx(100 * 0.9486832980505138), 3, 4)


def test_nothing_covered_is_nan_not_zero(royals):
    assert math.isnan(score_similarity(royals, [("x", "y", 1.0)]).value)
    assert math.isnan(score_similarity(royals, [("man", "king", 1.0)]).value)
    assert math.isnan(score_similarity(royals, []).value)
    unknown = {"x": [("a", "b", "c", "d")]}
    assert math.isnan(score_analogies(royals, unknown)["total"].value)
    assert score_analogies(royals, unknown, missing="wrong")["total"].value == 0


def test_one_file_may_have_sections_and_case_may_be_kept(tmp_path):
    file = tmp_path / "questions-words.txt"
    file.write_text(": capital\nAthens Greece Oslo Norway\n: gram1\na b c d\n")
    assert list(read_analogies(file)) == ["capital", "gram1"]
    assert read_analogies(file)["capital"] == [("athens", "greece", "oslo", "norway")]
    kept = read_analogies(file, lowercase=False)
    assert kept["capital"] == [("Athens", "Greece", "Oslo", "Norway")]


def test_wrong_question_files_are_refused_by_line(tmp_path):
    with pytest.raises(InputError, match=r"analogies=.* contains no \.txt files"):
        read_analogies(tmp_path)
    with pytest.raises(InputError, match=r"analogies=.*none does not exist"):
        read_analogies(tmp_path / "none")
    (tmp_path / "x.txt").write_text("a b c d\n\na b c\n")
    with pytest.raises(InputError, match=r"x\.txt, line 3: 'a b c' must be four words"):
        read_analogies(tmp_path)
    with pytest.raises(InputError, match="line 1: 'a b c d' must be two words and a score"):
        read_similarities(tmp_path / "x.txt")
    (tmp_path / "x.txt").write_text("a b nan\n")
    with pytest.raises(InputError, match="the score nan must be finite"):
        read_similarities(tmp_path / "x.txt")
    (tmp_path / "x.txt").write_text("\n")
    with pytest.raises(InputError, match="contains no questions"):
        read_analogies(tmp_path)
    (tmp_path / "x.txt").write_bytes(b"caf\xe9 b 1\n")
    with pytest.raises(InputError, match=r"is not UTF-8 \(byte 3\)"):
        read_similarities(tmp_path / "x.txt")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_similarities(tmp_path / "none.txt")
    assert similarity_files([str(tmp_path)]) == [tmp_path / "x.txt"]


def test_the_table_and_json_say_coverage_and_the_rule(royals, family, tmp_path):
    (tmp_path / "pairs.txt").write_text("king queen 1\nking man 9\nman boy 0\n")
    (tmp_path / "none.txt").write_text("x y 1\n")
    files = [tmp_path / "pairs.txt", tmp_path / "none.txt"]
    questions = Questions.read(str(family), files, lowercase=True)
    results = {"sum": evaluate(InMemory(royals), questions)}
    table = as_table(results, "skip")
    assert "missing words: skip, that is, a question or pair with a word that has no" in table
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line}
    assert rows["family"] == ["100.00", "100.00", "1", "of", "2"]
    assert rows["total"] == ["50.00", "50.00", "2", "of", "3"]
    assert rows["pairs"] == ["100.00", "2", "of", "3"]
    assert rows["none"] == ["-", "0", "of", "1"]
    both = as_table({**results, "word": results["sum"]}, "wrong")
    assert re.search("^family +100.00 +100.00 +100.00 +100.00 +1 of 2$", both, re.MULTILINE)
    assert "sum 3CosAdd" in both
    assert "word 3CosMul" in both
    assert "and a pair with one as of cosine 0" in both
    plain = json.loads(json.dumps(as_json(results, "skip"), allow_nan=False))
    assert plain["missing"] == "skip"
    total = plain["results"]["sum"]["analogies"]["3cosmul"]["total"]
    assert total == {"value": 50.0, "covered": 2, "total": 3}
    assert plain["results"]["sum"]["similarity"]["none"]["value"] is None


# gensim on the same vectors


@pytest.fixture
def both(tmp_path):
    """Planted analogies in noise, with unknown words, and the files."""
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    rng = np.random.default_rng(6)
    pairs, size = 40, 8
    base = rng.standard_normal((pairs, size))
    other = base + rng.standard_normal(size) + 0.9 * rng.standard_normal((pairs, size))
    words = [f"a{k}" for k in range(pairs)] + [f"b{k}" for k in range(pairs)]
    vectors = np.concatenate([base, other]).astype(np.float32)
    theirs = models.KeyedVectors(size)
    theirs.add_vectors(words, vectors)
    lines = [f"a{i} b{i} a{j} b{j}" for i in range(pairs + 2) for j in range(pairs + 2) if i != j]
    (tmp_path / "q.txt").write_text(
        "\n".join([": first", *lines[:900], ": gram-second", *lines[900:]]) + "\n"
    )
    # no repeated pair and no word with itself: rounding would rank equal cosines
    some = rng.permutation([(a, b) for a in range(80) for b in range(a)])[:200]
    judged = [f"{words[a]} {words[b]} {rng.integers(0, 20)}" for a, b in some] + ["a1 none 3"] * 9
    (tmp_path / "pairs.txt").write_text("\n".join(judged).replace(" ", "\t") + "\n")
    return WordVectors(words, vectors), theirs, tmp_path


@pytest.mark.parametrize("missing", ["skip", "wrong"])
def test_analogies_are_gensims(both, missing):
    ours, theirs, folder = both
    questions = read_analogies(folder / "q.txt")
    found = analogy_scores(InMemory(ours), questions, METHODS, missing)["3cosadd"]
    total, sections = theirs.evaluate_word_analogies(
        str(folder / "q.txt"), dummy4unknown=missing == "wrong"
    )
    assert 0.05 < total < 0.95
    assert found["total"].value == pytest.approx(100 * total)
    for section in sections[:-1]:
        right, wrong = len(section["correct"]), len(section["incorrect"])
        score = found[section["section"]]
        assert score.value == pytest.approx(100 * right / (right + wrong))
        assert (score.covered if missing == "skip" else score.total) == right + wrong


def test_3cosmul_is_gensims(both):
    ours, theirs, folder = both
    # gensim's evaluation has only the sum, so this asks question by question
    questions = [row for row in read_analogies(folder / "q.txt")["first"] if row[0] < "a4"][:200]
    known = [row for row in questions if all(word in ours for word in row)]
    right = sum(theirs.most_similar_cosmul([b, c], [a], topn=1)[0][0] == d for a, b, c, d in known)
    assert 0 < right < len(known)
    score = score_analogies(ours, {"x": known}, "3cosmul")["total"]
    assert score.value == pytest.approx(100 * right / len(known))


@pytest.mark.parametrize("missing", ["skip", "wrong"])
def test_similarity_is_gensims(both, missing):
    ours, theirs, folder = both
    _, spearman, unknown = theirs.evaluate_word_pairs(
        str(folder / "pairs.txt"), dummy4unknown=missing == "wrong"
    )
    score = score_similarity(ours, read_similarities(folder / "pairs.txt"), missing)
    assert score.value == pytest.approx(100 * spearman.statistic, abs=1e-3)
    assert 1 - score.covered / score.total == pytest.approx(unknown / 100)
