"""Vocabulary: which words, in which order, and what each rule drops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from chispa import assert_df_equality

from glove_spark.datasets.vocabulary import FILE, Vocabulary
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.settings.stages import TokenizeSettings, VocabularySettings
from glove_spark.stages import vocabulary as stage
from glove_spark.stages.stage import run_stage
from glove_spark.stages.tokenize import TOKENS
from glove_spark.stages.vocabulary import VOCABULARY
from glove_spark.store.location import Location

pytestmark = pytest.mark.spark

FIVE = "a a a a a b b b b c c c d d e"


@pytest.fixture
def count(spark, tmp_path):
    """Tokenize lines and choose their vocabulary; return it and the facts."""

    def run(*lines, **settings):
        corpus = tmp_path / "corpus.txt"
        corpus.write_text("\n".join(lines), encoding="utf-8")
        root = Location.of(tmp_path / "output").make_folder()
        reading = TokenizeSettings(input=(str(corpus),), tokenizer="whitespace", lowercase=False)
        run_stage(TOKENS, spark, reading, root, overwrite=True)
        settings = VocabularySettings(**{"min_count": 1, **settings})
        dataset = run_stage(VOCABULARY, spark, settings, root, overwrite=True)
        vocabulary, facts = Vocabulary.read(dataset.location), dataset.facts
        assert facts["vocabulary_size"] == len(vocabulary)
        assert facts["tokens"] == facts["tokens_kept"] + sum(facts["dropped_tokens"].values())
        assert facts["tokens"] == sum(len(line.split()) for line in lines)
        return dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)), facts

    return run


def test_words_are_ordered_by_count_and_then_by_code_point(count):
    # U+FF5E comes after U+1F40B in UTF-16, Java's order, and before it in code points
    words = ["b", "a", "Z", "é", "～", "\U0001f40b", "zz", "z"]
    found, facts = count("top top", " ".join(words))
    assert list(found) == ["top", *sorted(words)]
    assert facts["distinct_words"] == 9
    assert (facts["largest_count"], facts["smallest_count"]) == (2, 1)


def test_counts_equal_a_plain_count(count):
    rng = np.random.default_rng(1)
    lines = [" ".join(f"w{k}" for k in rng.zipf(1.3, 60) % 500) for _ in range(200)]
    found, _ = count(*lines)
    assert found == Counter(" ".join(lines).split())


def test_counting_in_several_passes_gives_the_same(count, monkeypatch):
    monkeypatch.setattr(stage, "PENDING_ROWS", 2)
    assert count(*[FIVE] * 3)[0] == {"a": 15, "b": 12, "c": 9, "d": 6, "e": 3}


@pytest.mark.parametrize(
    ("settings", "kept", "dropped"),
    [
        ({"min_count": 3}, "abc", {"min_count": 3}),
        ({"max_vocabulary": 2}, "ab", {"max_vocabulary": 6}),
        ({"drop_most_frequent": 2}, "cde", {"drop_most_frequent": 9}),
        (
            {"min_count": 2, "drop_most_frequent": 1, "max_vocabulary": 2},
            "bc",
            {"min_count": 1, "drop_most_frequent": 5, "max_vocabulary": 2},
        ),
    ],
)
def test_rules_drop_words_and_tokens(count, settings, kept, dropped):
    found, facts = count(FIVE, **settings)
    assert "".join(found) == kept
    assert {name: n for name, n in facts["dropped_tokens"].items() if n} == dropped


def test_a_stop_list_drops_words(count, tmp_path):
    stops = tmp_path / "stops.txt"
    stops.write_bytes("\ufeffa\r\n\r\n c \nnowhere\n".encode())
    found, facts = count(FIVE, stop_words=str(stops), drop_most_frequent=1)
    assert "".join(found) == "de"
    assert facts["dropped_tokens"]["stop_words"] == 8
    assert facts["dropped_tokens"]["drop_most_frequent"] == 4


def test_a_changed_stop_list_is_noticed(tmp_path):
    stops = tmp_path / "stops.txt"
    settings = VocabularySettings(stop_words=str(stops))
    stops.write_text("a\nb\n")
    before = VOCABULARY.external_inputs(settings)
    stops.write_text("b\na\n")
    assert VOCABULARY.external_inputs(settings) == before
    stops.write_text("a\n")
    assert VOCABULARY.external_inputs(settings) != before
    assert VOCABULARY.external_inputs(VocabularySettings()) == {}


def test_a_bad_stop_list_is_refused(count, tmp_path):
    with pytest.raises(InputError, match=r"none\.txt does not exist"):
        count(FIVE, stop_words=str(tmp_path / "none.txt"))
    with pytest.raises(InputError, match=r"stop_words=.* cannot be read"):
        count(FIVE, stop_words=str(tmp_path))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(InputError, match=r"stop_words=.*latin\.txt is not UTF-8 \(byte 3\)"):
        count(FIVE, stop_words=str(tmp_path / "latin.txt"))


def test_unknown_words_become_one_word_that_is_ranked(count):
    found, facts = count(FIVE, min_count=4, unk="keep")
    assert list(found.items()) == [("<unk>", 6), ("a", 5), ("b", 4)]
    assert facts["vocabulary_size"] == 3
    # equal counts are ordered by code point, and '<' comes before letters
    assert list(count("a a a b b b c c d", min_count=3, unk="keep")[0]) == ["<unk>", "a", "b"]
    assert list(count("! ! ! a a a c c d", min_count=3, unk="keep")[0]) == ["!", "<unk>", "a"]


def test_no_unknown_words_make_no_word_of_their_own(count):
    assert "<unk>" not in count(FIVE, unk="keep")[0]


@pytest.mark.parametrize("unk", ["drop", "average"])
def test_unknown_words_are_dropped(count, unk):
    found, facts = count(FIVE + " <unk> <unk> <unk>", min_count=2, unk=unk)
    assert "".join(found) == "abcd"
    assert facts["dropped_tokens"]["<unk>"] == 3


def test_a_corpus_that_holds_the_unknown_word_needs_a_decision(count):
    with pytest.raises(ConfigurationError, match=r"unk is not set.* <unk> 2 times; set --unk keep"):
        count(FIVE + " <unk> <unk>", min_count=5)
    assert count(FIVE + " <unk> <unk>", min_count=4, unk="keep")[0]["<unk>"] == 8


def test_a_vocabulary_of_no_word_is_refused(count):
    expected = r"min_count=50 leaves 0 of 5 words; lower it or check the tokenizer"
    with pytest.raises(ConfigurationError, match=expected):
        count(FIVE, min_count=50)


def test_a_vocabulary_of_one_word_is_refused(count):
    with pytest.raises(ConfigurationError, match="min_count=5 leaves 1 of 5 words; a model needs"):
        count(FIVE, min_count=5)
    with pytest.raises(ConfigurationError, match="with drop_most_frequent=4 leaves 1 of 5 words"):
        count(FIVE, drop_most_frequent=4)


def test_the_schema_is_as_documented(spark, count, tmp_path):
    count("b a a")
    found = spark.read.parquet(str(tmp_path / "output" / "vocabulary"))
    expected = spark.createDataFrame([(0, "a", 2), (1, "b", 1)], "id int, word string, count long")
    assert_df_equality(found, expected, ignore_nullable=True)
    assert pq.read_metadata(tmp_path / "output" / "vocabulary" / FILE).num_row_groups == 1
