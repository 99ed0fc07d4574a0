"""Drift: a rotation is no drift, planted movements are found, new words are listed."""

import json

import numpy as np
import pytest

from glove_spark.cli import main
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.report.build import make_page
from glove_spark.settings.vectors import PageSettings
from glove_spark.store.location import Location
from glove_spark.vectors import drift
from glove_spark.vectors.drift import counts_beside, measure_drift
from glove_spark.vectors.word_vectors import WordVectors

WORDS = [f"w{k}" for k in range(300)]
MOVED = (7, 30, 200)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def old(rng):
    return WordVectors(WORDS, rng.normal(size=(300, 8)).astype(np.float32))


@pytest.fixture
def rotation(rng):
    return np.linalg.qr(rng.normal(size=(8, 8)))[0]


@pytest.fixture
def moved(old, rotation, rng):
    """The old vectors rotated, in another order, three of them reversed, with two new words."""
    vectors = old.vectors @ rotation
    vectors[list(MOVED)] *= -1
    vectors = np.vstack([vectors, vectors[5] + 0.01, vectors[6] + 0.01])
    order = rng.permutation(302)
    words = np.array([*WORDS, "near5", "near6"])[order]
    return WordVectors(words.tolist(), vectors[order].astype(np.float32))


def test_a_rotated_and_scaled_copy_has_not_moved(old, rotation):
    found = measure_drift(old, WordVectors(WORDS, (3 * old.vectors @ rotation).astype(np.float32)))
    assert found.mean == pytest.approx(0, abs=1e-6)
    assert found.weighted_mean == pytest.approx(0, abs=1e-6)
    assert (found.num_common, found.num_new, found.num_gone, found.new) == (300, 0, 0, [])


@pytest.mark.parametrize("chunk", [7, 1000])
def test_planted_movements_come_first_and_new_words_are_named(old, moved, monkeypatch, chunk):
    monkeypatch.setattr(drift, "CHUNK_ROWS", chunk)
    found = measure_drift(old, moved, shown=5, num_neighbors=3)
    assert {word.word for word in found.moved[:3]} == {f"w{k}" for k in MOVED}
    assert all(word.cosine < -0.9 for word in found.moved[:3])
    assert all(word.cosine > 0.9 for word in found.moved[3:])
    assert found.moved[0].before == old.most_similar(found.moved[0].word, topn=3)
    assert found.moved[0].after == moved.most_similar(found.moved[0].word, topn=3)
    assert {word: near[0][0] for word, near in found.new} == {"near5": "w5", "near6": "w6"}
    assert (found.num_common, found.num_new, found.num_gone) == (300, 2, 0)
    # three of 300 words have the largest distance, all others have none
    assert found.mean == pytest.approx(6 / 300, rel=0.1)


def test_words_are_weighed_by_their_counts_and_only_frequent_ones_are_listed(old, moved):
    counts = np.array([1000 if word == "w7" else 1 for word in moved.words])
    found = measure_drift(old, moved, counts, among=1)
    assert found.weighted_mean == pytest.approx((2 * 1000 + 4) / (1000 + 299), rel=0.1)
    assert found.weights == "counts"
    assert [word.word for word in found.moved] == ["w7"]
    assert np.isnan(measure_drift(old, moved, np.zeros(302, np.int64)).weighted_mean)


def test_words_that_are_gone_are_counted(old):
    fewer = WordVectors(WORDS[:100], old.vectors[:100])
    assert measure_drift(old, fewer).num_gone == 200


def test_what_cannot_be_compared_is_refused(old):
    with pytest.raises(ConfigurationError, match="8 dimensions and the new ones 3; compare"):
        measure_drift(old, WordVectors(WORDS, old.vectors[:, :3]))
    strangers = WordVectors([*WORDS[:8], "x"], old.vectors[:9])
    with pytest.raises(InputError, match="8 common words are too few: vectors of 8"):
        measure_drift(old, strangers)


def test_the_command_prints_text_or_json(old, moved, tmp_path, capsys):
    files = [str(tmp_path / name) for name in ("old.txt", "new.txt")]
    old.save(files[0])
    moved.save(files[1])
    assert main(["drift", *files, "-n", "2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("300 words in common, 2 new, 0 gone\ndrift 0.0")
    assert "weighted by 1/rank" in text
    assert "\nnew words\nnear" in text
    assert main(["drift", *files, "-n", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {word["word"] for word in found["moved"]} == {f"w{k}" for k in MOVED}
    assert found["num_new"] == 2


def test_the_report_has_a_section_where_it_is_asked_for(trained_folder, tmp_path, rng):
    here = WordVectors.load(trained_folder)
    there = WordVectors(here.words[:-1], here.vectors[:-1] * np.float32(2))
    file = str(tmp_path / "old.txt")
    WordVectors(
        [f"a{k}" if " " in w else w for k, w in enumerate(there.words)], there.vectors
    ).save(file)
    options = PageSettings(map="pca", compare_with=file)
    found = {part.name: part for part in make_page(trained_folder, options).sections}["drift"]
    assert "drift (mean of 1 - cosine) 0.0000" in found.text
    assert "(counts)" in found.text
    assert here.words[-1] in [row[0] for row in found.tables[1].rows]
    plain = make_page(trained_folder, PageSettings(map="pca"))
    assert "drift" not in [section.name for section in plain.sections]


def test_a_report_without_vectors_refuses_to_compare(trained_folder):
    (trained_folder / "vectors.manifest.json").delete()
    with pytest.raises(InputError, match="vectors does not exist yet"):
        make_page(trained_folder, PageSettings(map="pca", compare_with="old.txt"))


def test_counts_are_those_of_the_vocabulary_beside(trained_folder, tmp_path):
    np.testing.assert_array_equal(counts_beside(trained_folder, ["tyranny", "whale"]), [593, 0])
    assert counts_beside(Location.of(tmp_path / "nowhere"), ["tyranny"]) is None
