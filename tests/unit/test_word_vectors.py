"""Word vectors: obvious answers, and those of gensim on the same vectors."""

import subprocess
import sys

import numpy as np
import pytest

from glove_spark.errors import InputError, UnknownWordError
from glove_spark.vectors.spelling import near_spellings
from glove_spark.vectors.word_vectors import WordVectors

# gensim calls functions that it declares deprecated
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")


def test_most_similar_leaves_out_the_word_itself_and_keeps_order_of_equals(royals):
    found = royals.most_similar("king", topn=3)
    assert found == [
        ("man", pytest.approx(2**-0.5)),
        ("queen", pytest.approx(0)),
        ("noise", pytest.approx(0)),
    ]
    assert len(royals.most_similar("king", topn=100)) == 4


def test_equal_scores_are_given_by_frequency():
    same = WordVectors(["a", "b", "c", "d"], np.ones((4, 2), np.float32))
    assert [word for word, _ in same.most_similar("b", topn=2)] == ["a", "c"]


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_analogy(royals, method):
    assert royals.analogy("man", "king", "woman", topn=1, method=method)[0][0] == "queen"


def test_vectors_can_be_asked_for_like_words(royals):
    word, cosine = royals.most_similar(royals["king"] * 5, topn=1)[0]
    assert (word, cosine) == ("king", pytest.approx(1))


def test_restrict_vocab_leaves_rarer_words_out(royals):
    assert {word for word, _ in royals.most_similar("queen", restrict_vocab=2)} == {"man", "woman"}


def test_doesnt_match_and_similarities(royals):
    assert royals.doesnt_match(["king", "man", "noise"]) == "noise"
    assert royals.similarity("man", "woman") == pytest.approx(-1)
    assert royals.n_similarity(["man"], ["king", "queen"]) == pytest.approx(0)


def test_zero_vectors_are_near_nothing():
    vectors = WordVectors(["zero", "one"], np.array([[0, 0], [1, 0]], np.float32))
    assert vectors.most_similar("one") == [("zero", 0.0)]
    assert vectors.similarity("zero", "one") == 0


def test_an_unknown_word_is_answered_with_near_spellings(royals):
    with pytest.raises(
        UnknownWordError, match=r"'qeen' is not among the 5 words .*; near spellings: queen$"
    ) as raised:
        royals.most_similar("qeen")
    assert isinstance(raised.value, KeyError)
    assert isinstance(raised.value, InputError)
    with pytest.raises(UnknownWordError, match=r"with a vector$"):
        royals.get_vector("zzzzz")
    assert "qeen" not in royals
    assert len(royals) == 5


@pytest.mark.parametrize("ask", ["most_similar", "most_similar_cosmul"])
def test_nothing_asked_is_refused(royals, ask):
    with pytest.raises(InputError, match=r"needs at least one (positive )?word or vector"):
        getattr(royals, ask)([])
    with pytest.raises(InputError, match="doesnt_match needs at least one word"):
        royals.doesnt_match([])


def test_mismatched_lengths_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="there are 2 words but 1 vectors"):
        WordVectors(["a", "b"], np.zeros((1, 1), np.float32))


def test_a_copy_is_mapped_and_made_anew_when_the_file_changes(tmp_path, royals):
    file, cache = str(tmp_path / "v.txt"), tmp_path / "cache"
    royals.save(file)
    for _ in range(2):
        found = WordVectors.load(file, cache=str(cache))
        assert isinstance(found.vectors, np.memmap)
        assert found.words == royals.words
        assert len(list(cache.iterdir())) == 1
    (tmp_path / "v.txt").write_text("other 1 2\n")
    assert WordVectors.load(file, cache=str(cache)).words == ["other"]
    royals.save(str(tmp_path / "v.npy"))
    WordVectors.load(str(tmp_path / "v.npy"), cache=str(cache))
    assert len(list(cache.iterdir())) == 2


def test_word_vectors_need_no_spark():
    script = (
        "import sys, glove_spark, glove_spark.vectors.word_vectors, glove_spark.evaluation.report,"
        "glove_spark.vectors.cooccurrence_ratio, glove_spark.c_program.importing,"
        "glove_spark.c_program.exporting; print('pyspark' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "False", found.stderr


def test_near_spellings_by_slips_and_frequency():
    words = ["the", "hte", "tyrant", "tyranny", "Tyranny", "tyrannies", "东京"]
    assert near_spellings("teh", words) == ["the"]
    assert near_spellings("TYRANNY", words)[:2] == ["tyranny", "Tyranny"]
    assert near_spellings("东亰", words) == ["东京"]
    assert near_spellings("xyzzy", words) == []
    assert near_spellings("a", ["b", "aa", "a"], limit=2) == ["a", "b"]


def _distance(a, b):
    """Optimal string alignment, by its definition."""
    cost = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost[i, j] = min(
                cost[i - 1, j - 1] + (a[i - 1] != b[j - 1]), cost[i - 1, j] + 1, cost[i, j - 1] + 1
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                cost[i, j] = min(cost[i, j], cost[i - 2, j - 2] + 1)
    return cost[len(a), len(b)]


def test_near_spellings_are_those_of_the_definition():
    rng = np.random.default_rng(3)
    words = ["".join(rng.choice(list("abc"), rng.integers(1, 9))) for _ in range(300)]
    words = list(dict.fromkeys(words))
    for wanted in words[:20]:
        allowed = 1 if len(wanted) <= 4 else 2
        expected = sorted(
            (_distance(wanted, word), k)
            for k, word in enumerate(words)
            if _distance(wanted, word) <= allowed
        )
        assert near_spellings(wanted, words, limit=10**6) == [words[k] for _, k in expected]


@pytest.fixture
def both():
    """The same random vectors in gensim and in glove_spark."""
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    rng = np.random.default_rng(4)
    words = [f"w{k}" for k in range(200)]
    vectors = rng.standard_normal((200, 10)).astype(np.float32)
    theirs = models.KeyedVectors(10)
    theirs.add_vectors(words, vectors)
    return WordVectors(words, vectors), theirs


@pytest.mark.parametrize("ask", ["most_similar", "most_similar_cosmul"])
def test_answers_are_gensims(both, ask):
    ours, theirs = both
    for arguments in (
        {"positive": ["w1"]},
        {"positive": ["w1", "w2"], "negative": ["w3"]},
        {"positive": ["w5", "w6"], "negative": ["w7", "w8"], "topn": 3},
        {"positive": ["w1"], "restrict_vocab": 50},
    ):
        if ask == "most_similar_cosmul" and "restrict_vocab" in arguments:
            continue  # gensim accepts the argument there and ignores it
        found, expected = getattr(ours, ask)(**arguments), getattr(theirs, ask)(**arguments)
        assert [word for word, _ in found] == [word for word, _ in expected]
        np.testing.assert_allclose(
            [score for _, score in found], [score for _, score in expected], rtol=1e-4
        )


def test_names_are_gensims(both):
    ours, theirs = both
    assert ours.index_to_key == theirs.index_to_key
    assert ours.key_to_index == theirs.key_to_index
    assert ours.vector_size == theirs.vector_size
    np.testing.assert_array_equal(ours["w3"], theirs["w3"])
    np.testing.assert_array_equal(ours[["w3", "w4"]], theirs[["w3", "w4"]])
    np.testing.assert_allclose(
        ours.get_vector("w3", norm=True), theirs.get_vector("w3", norm=True), rtol=1e-6
    )
    assert ours.similarity("w1", "w2") == pytest.approx(theirs.similarity("w1", "w2"), abs=1e-6)
    assert ours.n_similarity(["w1", "w2"], ["w3"]) == pytest.approx(
        theirs.n_similarity(["w1", "w2"], ["w3"]), abs=1e-6
    )
    words = [f"w{k}" for k in range(9)]
    assert ours.doesnt_match(words) == theirs.doesnt_match(words)
