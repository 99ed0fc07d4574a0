"""Tokens, stop words and columns for the Estimator, as users have them."""

import logging

import numpy as np
import pytest

from glove_spark.ml import GloVe
from glove_spark.settings.stages import VocabularySettings
from glove_spark.stages.stage import run_stage
from glove_spark.stages.vocabulary import VOCABULARY, as_tokens
from glove_spark.store.location import Location

pytestmark = pytest.mark.spark


def test_stop_words_are_matched_as_the_tokenizer_writes_words(
    spark, tokenize, write, tmp_path, caplog
):
    stop_words = tmp_path / "stop.txt"
    stop_words.write_text("The\nAND\ncafe\u0301\nNever\n", "utf-8")
    tokenize(write("a.txt", "The cat AND the dog and the café\n" * 5))
    settings = VocabularySettings(stop_words=str(stop_words))
    with caplog.at_level(logging.WARNING, "glove_spark"):
        words = run_stage(VOCABULARY, spark, settings, Location.of(tmp_path / "output"))
    assert words.facts["vocabulary_size"] == 2
    assert words.facts["dropped_tokens"]["stop_words"] == 30
    assert "1 of 4 stop words do not occur in the corpus" in caplog.text
    assert ": never" in caplog.text


def test_stop_words_of_a_corpus_in_its_own_case_are_taken_as_they_are():
    assert as_tokens(frozenset(["The"]), {"lowercase": False, "normalize": "nfc"}) == {"The"}
    assert as_tokens(frozenset(["The"]), {}) == {"The"}
    assert as_tokens(frozenset(["ﬁNE"]), {"lowercase": True, "normalize": "nfkc"}) == {"fine"}


def test_a_token_with_nul_is_fitted_and_looked_up_in_one_spelling(spark):
    rows = [(["a\0b", "c", "d", "c"],)] * 20
    frame = spark.createDataFrame(rows, "tokens array<string>")
    model = GloVe(vectorSize=4, minCount=1, maxIter=1, numPartitions=1).fit(frame)
    alone = spark.createDataFrame([(["a\0b"],)], "tokens array<string>")
    found = model.transform(alone).first().vector.toArray()
    wanted = {row.word: row.vector.toArray() for row in model.getVectors().collect()}
    assert np.any(found)
    assert np.allclose(found, wanted["a b"], atol=1e-6)


@pytest.mark.parametrize("tokenizer", ["builtins:str.split", "shlex:split"])
def test_callables_of_python_itself_are_tokenizers(tokenize, write, tokenizer):
    assert tokenize(write("a.txt", "One two"), tokenizer=tokenizer)[0] == [["one", "two"]]
