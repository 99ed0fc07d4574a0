"""Ratios of co-occurrence probabilities by hand."""

import numpy as np
import pytest

from glove_spark.errors import InputError, UnknownWordError
from glove_spark.store.location import Location
from glove_spark.vectors.cooccurrence_ratio import probability_ratios

#                  w0 ice, w1 steam, w2 solid, w3 gas, w4 fashion, w5 alone
COUNTS = np.array(
    [
        [2.0, 1.0, 4.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 1.0, 8.0, 0.0, 0.0],
        [4.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 8.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 6.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


def test_probabilities_are_shares_of_a_words_whole_context(tmp_path, publish_matrix):
    publish_matrix(Location.of(tmp_path), COUNTS, row_group=2)
    found = probability_ratios(str(tmp_path), "w0", "w1", ["w2", "w3", "w4", "w0"])
    np.testing.assert_allclose(found.probabilities[0], [4 / 8, 1 / 8, 0, 2 / 8])
    np.testing.assert_allclose(found.probabilities[1], [1 / 10, 8 / 10, 0, 1 / 10])
    np.testing.assert_allclose(found.ratios, [5, 0.15625, np.nan, 2.5])
    lines = [line.split() for line in found.as_table().splitlines()]
    assert lines == [
        ["k", "w2", "w3", "w4", "w0"],
        ["P(k|w0)", "0.5", "0.125", "0", "0.25"],
        ["P(k|w1)", "0.1", "0.8", "0", "0.1"],
        ["P(k|w0)/P(k|w1)", "5", "0.156", "-", "2.5"],
    ]


def test_of_left_context_it_is_what_stands_before(tmp_path, publish_matrix):
    left = np.triu(COUNTS)  # row before column
    publish_matrix(Location.of(tmp_path), left, symmetric=False)
    found = probability_ratios(str(tmp_path), "w3", "w2", ["w0", "w1"])
    np.testing.assert_allclose(found.probabilities, [[1 / 9, 8 / 9], [4 / 5, 1 / 5]])


def test_a_word_without_context_has_no_probabilities(tmp_path, publish_matrix):
    publish_matrix(Location.of(tmp_path), COUNTS)
    found = probability_ratios(str(tmp_path), "w5", "w4", ["w0", "w4"])
    assert np.isnan(found.probabilities[0]).all()
    assert found.probabilities[1].tolist() == [0, 1]
    assert np.isinf(probability_ratios(str(tmp_path), "w0", "w4", ["w2"]).ratios[0])


def test_unknown_words_and_folders_are_named(tmp_path, publish_matrix):
    with pytest.raises(InputError, match="vocabulary does not exist yet"):
        probability_ratios(str(tmp_path), "w0", "w1", ["w2"])
    publish_matrix(Location.of(tmp_path), COUNTS)
    with pytest.raises(UnknownWordError, match="'w9' is not among the 6 words of the vocabulary;"):
        probability_ratios(str(tmp_path), "w0", "w1", ["w9"])
    with pytest.raises(InputError, match="there are no context words k to compare"):
        probability_ratios(str(tmp_path), "w0", "w1", [])
