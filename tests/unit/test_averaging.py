"""The average vector of a document, compared with a simple loop."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.document_averages import average_vectors, frequency_weights, unit_weights

VECTORS = np.random.default_rng(3).normal(size=(7, 4)).astype(np.float32)


def by_loop(documents, weights):
    averages = np.zeros((len(documents), VECTORS.shape[1]))
    for row, ids in enumerate(documents):
        known = [k for k in ids if k >= 0]
        for k in known:
            averages[row] += weights[k] * VECTORS[k].astype(float) / len(known)
    return averages


@given(st.lists(st.lists(st.integers(-1, 6), max_size=12), max_size=8), st.booleans())
def test_is_the_mean_of_known_words(documents, weighted):
    weights = np.linspace(0.2, 1, 7, dtype=np.float32) if weighted else None
    ids = np.array([k for ids in documents for k in ids], np.int32)
    ends = np.cumsum([len(ids) for ids in documents]).astype(np.int64)
    found = average_vectors(ids, ends, VECTORS, weights)
    assert found.dtype == np.float32
    expected = by_loop(documents, np.ones(7) if weights is None else weights)
    np.testing.assert_allclose(found, expected.reshape(-1, 4), atol=1e-6)


def test_weights_fall_with_the_share_of_all_tokens():
    weights = frequency_weights(np.array([900, 99, 1, 0]), 1e-3)
    np.testing.assert_allclose(weights, [1e-3 / 0.901, 1e-3 / 0.1, 0.5, 1], rtol=1e-6)


def test_unit_weights_make_every_length_one():
    vectors = np.random.default_rng(4).standard_normal((9, 5)).astype(np.float32) * 7
    vectors[3] = 0
    lengths = np.linalg.norm(vectors * unit_weights(vectors)[:, np.newaxis], axis=1)
    np.testing.assert_allclose(np.delete(lengths, 3), 1, rtol=1e-6)
    assert lengths[3] == 0


def ended(*documents):
    return [None if words is None else b"".join(w + b"\xff" for w in words) for words in documents]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_tokens_are_found_in_joined_documents(kind):
    from glove_spark.ml.vectors_udf import token_ids

    words = pa.array(ended([b"a"], ["é".encode()], [b"ab"], [b"z z"]), pa.binary())
    documents = pa.array(
        ended([b"skipped"], [b"ab", b"", b"a"], None, [], [b"a\0b", b"a", "é".encode()], [b"z z"]),
        kind,
    )[1:]
    ids, ends = token_ids(documents, words)
    assert ids.tolist() == [2, -1, 0, -1, 0, 1, 3]
    assert ends.tolist() == [3, 3, 3, 6, 7]


def test_no_documents_have_no_tokens():
    from glove_spark.ml.vectors_udf import token_ids

    ids, ends = token_ids(pa.array([None, None], pa.binary()), pa.array([b"a\xff"]))
    assert ids.tolist() == []
    assert ends.tolist() == [0, 0]
