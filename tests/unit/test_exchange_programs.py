"""Other programs read our files, and we read theirs."""

import numpy as np
import pytest

from glove_spark.vectors.word_vectors import WordVectors


@pytest.fixture
def interchanged():
    """Words that every program must return, and their vectors."""
    words = ["<unk>", "naïve", "東京", "🙂", '"', ",", "#", "'s", "1", "1.5", "a\u00a0b", "nan"]
    rng = np.random.default_rng(2)
    return WordVectors(words, rng.standard_normal((len(words), 5)).astype("f4"))


@pytest.mark.parametrize(("suffix", "binary"), [(".vec", False), (".bin", True)])
def test_gensim_reads_ours_and_we_read_gensims(tmp_path, interchanged, suffix, binary):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    ours, theirs = str(tmp_path / f"ours{suffix}"), str(tmp_path / f"theirs{suffix}")
    interchanged.save(ours)
    found = models.KeyedVectors.load_word2vec_format(ours, binary=binary)
    assert found.index_to_key == interchanged.words
    np.testing.assert_array_equal(found.vectors, interchanged.vectors)
    found.save_word2vec_format(theirs, binary=binary)
    back = WordVectors.load(theirs)
    assert sorted(back.words) == sorted(interchanged.words)
    # gensim writes str(float32): the same floats
    np.testing.assert_array_equal(back[interchanged.words], interchanged.vectors)


def test_gensim_reads_our_glove_text(tmp_path, interchanged):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    interchanged.save(str(tmp_path / "v.txt"))
    found = models.KeyedVectors.load_word2vec_format(str(tmp_path / "v.txt"), no_header=True)
    assert found.index_to_key == interchanged.words
    np.testing.assert_array_equal(found.vectors, interchanged.vectors)


@pytest.mark.parametrize("suffix", [".vec", ".txt", ".vec.gz"])
def test_spacy_reads_ours(tmp_path, interchanged, suffix):
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
    from spacy.training.initialize import convert_vectors

    interchanged.save(str(tmp_path / f"v{suffix}"))
    pipeline = spacy.blank("en")
    convert_vectors(pipeline, tmp_path / f"v{suffix}", truncate=0, prune=-1)
    assert pipeline.vocab.vectors.shape == interchanged.vectors.shape
    for word in interchanged.words:
        np.testing.assert_array_equal(pipeline.vocab[word].vector, interchanged[word])


def test_the_safetensors_library_reads_ours_and_we_read_its(tmp_path, interchanged):
    library = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    interchanged.save(str(tmp_path / "v.safetensors"))
    tensors = library.load_file(tmp_path / "v.safetensors")
    np.testing.assert_array_equal(tensors["vectors"], interchanged.vectors)
    text, ends = tensors["words"].tobytes(), tensors["word_offsets"]
    words = [text[ends[k] : ends[k + 1]].decode() for k in range(len(ends) - 1)]
    assert words == interchanged.words
    library.save_file(tensors, tmp_path / "w.safetensors")
    back = WordVectors.load(str(tmp_path / "w.safetensors"))
    assert back.words == interchanged.words
    np.testing.assert_array_equal(back.vectors, interchanged.vectors)


def test_numpy_reads_our_npy(tmp_path, interchanged):
    interchanged.save(str(tmp_path / "v.npy"))
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), interchanged.vectors)
    assert (tmp_path / "v.words.txt").read_text("utf-8").split("\n")[:-1] == interchanged.words
