"""Subsampling of tokens: the shares of word2vec; the draw depends only on the document."""

import numpy as np
import pytest

from glove_spark.kernels.counting.subsampling import kept_shares, kept_tokens


def documents(lengths, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1 << 32, sum(lengths)).astype(np.uint64), np.array(lengths)


def test_shares_are_word2vecs():
    counts = np.array([600_000, 390_000, 9_000, 1_000, 0])
    p = counts[:4] / 1_000_000
    expected = [*np.minimum(1, np.sqrt(1e-3 / p) + 1e-3 / p), 1.0]
    np.testing.assert_allclose(kept_shares(counts, 1e-3), expected)


@pytest.mark.parametrize("share", [0.03, 0.5, 1.0])
def test_as_many_are_kept_as_the_share_says(share):
    words, lengths = documents([500] * 400)
    kept = kept_tokens(words, lengths, np.full(len(words), share), seed=1)
    assert kept.mean() == pytest.approx(share, abs=0.004)
    # it does not depend on the position in the document either
    by_place = kept.reshape(400, 500).mean(axis=0)
    assert np.abs(by_place - share).max() < 0.13


def test_a_document_is_drawn_alike_in_any_company():
    lengths = [7, 0, 400, 1, 60]
    words, lengths = documents(lengths)
    shares = np.random.default_rng(2).random(len(words))
    together = kept_tokens(words, lengths, shares, seed=3)
    start, alone = 0, []
    for length in lengths:
        part = slice(start, start + length)
        alone.append(kept_tokens(words[part], np.array([length]), shares[part], seed=3))
        start += length
    np.testing.assert_array_equal(np.concatenate(alone), together)


def test_documents_of_the_same_beginning_and_other_seeds_are_drawn_otherwise():
    words, lengths = documents([300])
    shares = np.full(300, 0.5)
    drawn = kept_tokens(words, lengths, shares, seed=1)
    other = words.copy()
    other[-1] += np.uint64(1)
    for changed, seed in ((other, 1), (words, 2)):
        again = kept_tokens(changed, lengths, shares, seed=seed)
        assert 0.3 < (again[:-1] == drawn[:-1]).mean() < 0.7


def test_a_word_of_a_higher_share_is_kept_wherever_one_of_a_lower_is():
    words, lengths = documents([200])
    low, high = (kept_tokens(words, lengths, np.full(200, s), seed=1) for s in (0.2, 0.6))
    assert (high | ~low).all()
    assert high.sum() > low.sum() > 0
