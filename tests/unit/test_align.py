"""The command align: a planted rotation is undone, and what cannot be aligned is refused."""

from __future__ import annotations

import numpy as np
import pytest

from glove_spark.cli import main
from glove_spark.exchange.formats import convert
from glove_spark.exchange.source import MemorySource
from glove_spark.vectors.word_vectors import WordVectors

WORDS = [f"w{k}" for k in range(60)]


@pytest.fixture
def planted(tmp_path):
    """Old vectors, and new ones: a rotation of them, without ten words and with five more."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(65, 6)).astype(np.float32)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0].astype(np.float32)
    new_words = [*WORDS[10:], *(f"n{k}" for k in range(5))]
    convert(MemorySource(WORDS, vectors[:60]), str(tmp_path / "old.txt"))
    convert(MemorySource(new_words, vectors[10:] @ rotation), str(tmp_path / "new.vec"))
    return vectors, new_words


@pytest.mark.parametrize("ending", [".txt", ".bin", ".parquet", ".safetensors", ".npy"])
def test_a_planted_rotation_is_undone_in_every_format(tmp_path, planted, capsys, ending):
    vectors, new_words = planted
    names = [str(tmp_path / name) for name in ("old.txt", "new.vec", f"aligned{ending}")]
    assert main(["align", *names]) == 0
    found = WordVectors.load(names[2])
    assert found.words == new_words
    np.testing.assert_allclose(found.vectors, vectors[10:], atol=1e-4)
    shown = capsys.readouterr().out
    assert "50 words in common, 5 new, 10 gone" in shown
    assert "drift 0.0000" in shown or "drift -0.0000" in shown


def test_an_existing_target_is_kept(tmp_path, planted, capsys):
    names = [str(tmp_path / name) for name in ("old.txt", "new.vec", "old.txt")]
    before = (tmp_path / "old.txt").read_bytes()
    assert main(["align", *names]) != 0
    assert "exists; give --overwrite" in capsys.readouterr().err
    assert (tmp_path / "old.txt").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("w1 1 2\nw2 3 4\n", "old vectors have 6 dimensions and the new ones 2"),
        ("x 1 2 3 4 5 6\n", "0 common words are too few"),
    ],
)
def test_what_cannot_be_aligned_is_refused(tmp_path, planted, capsys, text, message):
    (tmp_path / "bad.txt").write_text(text)
    names = [str(tmp_path / name) for name in ("old.txt", "bad.txt", "out.txt")]
    assert main(["align", *names]) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.txt").exists()
