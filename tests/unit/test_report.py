"""The page of an output folder and the plots of a word, without a browser."""

import json
import logging
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from glove_spark.cli import main
from glove_spark.errors import ConfigurationError, InputError, SetupError, UnknownWordError
from glove_spark.exchange.source import MemorySource
from glove_spark.report import word_map
from glove_spark.report.build import make_page, write_report
from glove_spark.report.neighbor_plot import lay_out, write_plots
from glove_spark.report.page import as_html, as_script_data
from glove_spark.report.word_map import (
    choose_words,
    nearest_chosen,
    nearest_words,
    place_words,
    principal_components,
    telling_words,
)
from glove_spark.settings.vectors import PageSettings
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest
from glove_spark.vectors.word_vectors import WordVectors

from ..conftest import HOSTILE

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def sections(root, **options):
    page = make_page(root, PageSettings(map="pca", **options))
    return {section.name: section for section in page.sections}


def data_of(html):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html)
    return json.loads(found.group(1))


@pytest.fixture
def vectors():
    rng = np.random.default_rng(1)
    return WordVectors([f"w{k}" for k in range(700)], rng.normal(size=(700, 5)).astype(np.float32))


def test_everything_that_is_there_is_shown(trained_folder):
    found = sections(trained_folder, neighbors=["tyranny", "w9"], ratio=["w9", "w10", "w11"])
    assert not [name for name in found if found[name].missing and name != "evaluation"]
    assert [row[0] for row in found["neighbors"].tables[0].rows] == ["tyranny", "w9"]
    assert found["training"].tables[0].rows[2] == ["3", "0.0200", "1,234,567", "1 min 15 s"]
    assert found["vocabulary"].tables[0].rows == [
        ["in the vocabulary", "39,000", "97.50 %"],
        ["rarer than min_count", "1,000", "2.50 %"],
    ]
    assert ["train", "epochs", "3", "set"] in found["configuration"].tables[0].rows
    assert found["ratios"].tables[0].header[1] == "P(k | w9)"
    assert "not here: tokens, blocks, vectors.txt" in found["stages"].text


@pytest.mark.parametrize(
    ("deleted", "section", "reason"),
    [
        ("vectors", "map", "vectors does not exist yet"),
        ("vocabulary", "vocabulary", "vocabulary does not exist yet"),
        ("model", "training", "there is no model here"),
        ("cooccurrence", "ratios", "name others by --ratio I J K"),
    ],
)
def test_what_is_missing_says_so_and_the_rest_is_shown(trained_folder, deleted, section, reason):
    (trained_folder / f"{deleted}.manifest.json").delete()
    found = sections(trained_folder)
    assert reason in found[section].missing
    assert not found["configuration"].missing


def test_a_dataset_whose_files_are_gone_is_missing_too(trained_folder):
    (trained_folder / "vocabulary").delete()
    assert "is damaged" in sections(trained_folder)["vocabulary"].missing


def test_datasets_of_different_runs_are_told_of(trained_folder):
    manifest = Manifest.read(trained_folder / "vectors")
    recipe = replace(manifest.recipe, inputs={"model": "0" * 32})
    replace(manifest, recipe=recipe).write(trained_folder / "vectors")
    text = sections(trained_folder)["stages"].text
    assert "vectors was made from another model than the one here" in text


def test_datasets_may_lie_in_another_folder(trained_folder, tmp_path):
    lender = Location.of(tmp_path / "lender").make_folder()
    for name in ("cooccurrence", "vocabulary"):
        (trained_folder / name).move_to(lender / name)
        (trained_folder / f"{name}.manifest.json").move_to(lender / f"{name}.manifest.json")
    assert sections(trained_folder)["vocabulary"].missing
    found = sections(trained_folder, reuse=lender.uri, ratio=["w10", "w11", "w12"])
    assert not found["vocabulary"].missing
    assert not found["ratios"].missing


def test_evaluation_is_shown_where_questions_are_given(trained_folder, tmp_path):
    (tmp_path / "all.txt").write_text("w9 w10 w11 w12\nw9 w10 w11 nobody\n")
    (tmp_path / "pairs.txt").write_text("w9 w10 3\nw11 w12 5\nw13 w14 4\n")
    tables = sections(
        trained_folder,
        analogies=str(tmp_path / "all.txt"),
        similarity=(str(tmp_path / "pairs.txt"),),
    )["evaluation"].tables
    assert tables[0].rows[0][-1] == "1 of 2"
    assert tables[1].rows[0][0] == "pairs"
    assert tables[1].rows[0][-1] == "3 of 3"


def test_words_are_never_markup(trained_folder):
    html = as_html(make_page(trained_folder, PageSettings(map="pca", neighbors=HOSTILE)))
    assert "<img" not in html.split("<script>", 1)[0]
    assert "<b>bold" not in html
    assert data_of(html)["map"]["words"][: len(HOSTILE)] == list(HOSTILE)
    assert "&lt;/script&gt;&lt;img src=x onerror=window.pwned=1&gt;" in html


def test_the_page_allows_its_own_scripts_and_no_connection(trained_folder):
    html = as_html(make_page(trained_folder, PageSettings(map="pca")))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.count("'sha256-") == 2
    assert "'unsafe-eval'" not in policy
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=[\"']?(https?:|//)", html)


def test_data_cannot_end_its_element():
    text = as_script_data({"x": "</script><!--<script>&\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"x": "</script><!--<script>&\u2028"}


def test_the_page_has_a_bounded_size(trained_folder, tmp_path):
    size = write_report(trained_folder, str(tmp_path / "r.html"), PageSettings(map="pca"))
    assert size == (tmp_path / "r.html").stat().st_size < 7_000_000
    with pytest.raises(ConfigurationError, match=r"map_words=20000 must be from 2 to 10000"):
        make_page(trained_folder, PageSettings(map_words=20_000))


def test_wrong_folders_and_words_are_refused(trained_folder, tmp_path):
    with pytest.raises(InputError, match="contains no dataset; name the output folder"):
        make_page(tmp_path / "nothing", PageSettings())
    with pytest.raises(UnknownWordError, match="'tyrany' is not among the 60 words with a vector"):
        sections(trained_folder, neighbors=["tyrany"])
    with pytest.raises(UnknownWordError, match="near spellings"):
        sections(trained_folder, ratio=["w9", "w100", "w10"])
    with pytest.raises(ConfigurationError, match="map='tsne' must be one of auto, umap, pca"):
        make_page(trained_folder, PageSettings(map="tsne"))


@pytest.mark.parametrize(
    ("arguments", "module", "message"),
    [
        (["report"], "plotly", "the report needs plotly, which is not installed; "
         "run: pip install 'glove_spark[plot]'"),
        (["report", "--map", "umap"], "umap", "--map umap needs umap, which is not installed; "
         "run: pip install 'glove_spark[umap]'"),
        (["plot-neighbors", "tyranny", "--vectors"], "matplotlib", "a PNG needs matplotlib, which "
         "is not installed; run: pip install 'glove_spark[plot]'"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_named_with_its_command(
    trained_folder, capsys, monkeypatch, tmp_path, arguments, module, message
):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)

    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == module:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, trained_folder.path]) == SetupError.exit_code
    assert message in capsys.readouterr().err


def test_pca_is_used_where_umap_is_not_installed(monkeypatch, vectors):
    monkeypatch.setattr(word_map, "installed", lambda module: False)
    places, name = place_words(vectors.vectors, "auto", 1)
    assert name == "PCA"
    assert places.shape == (700, 2)


def test_umap_keeps_two_far_groups_apart():
    pytest.importorskip("umap", reason="umap-learn is not installed")
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(5, dtype=np.float32)[:2], 60, axis=0)
    units = groups + 0.1 * rng.normal(size=(120, 5)).astype(np.float32)
    places, name = place_words(units, "umap", 1)
    assert name == "UMAP"
    one, other = places[:60], places[60:]
    gap = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    assert gap > 2 * max(one.std(axis=0).max(), other.std(axis=0).max())


def test_principal_components_find_the_plane():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(200, 2)) * [5, 2]
    rows = np.zeros((200, 6), np.float32)
    rows[:, [4, 1]] = plane
    found = principal_components(rows)
    np.testing.assert_allclose(np.abs(np.corrcoef(found.T, plane.T)[[0, 1], [2, 3]]), 1, atol=0.02)
    assert principal_components(np.array([[1.0], [2.0]], np.float32)).shape == (2, 2)


def test_neighbours_on_the_map_and_in_the_table_are_those_of_the_vectors(vectors):
    source = MemorySource(vectors.words, vectors.vectors)
    chosen = choose_words(source, 600, ["w650"])
    assert chosen.words == [*vectors.words[:600], "w650"]
    positions, cosines = nearest_chosen(chosen, 4)
    part = WordVectors(chosen.words, chosen.units)
    for k in (0, 511, 512, 600):
        wanted = part.most_similar(chosen.words[k], topn=4)
        assert [chosen.words[other] for other in positions[k]] == [word for word, _ in wanted]
        np.testing.assert_allclose(cosines[k], [cosine for _, cosine in wanted], atol=1e-6)
    [found] = nearest_words(source, chosen.units[600:], ["w650"], 5)
    assert [word for word, _ in found] == [word for word, _ in vectors.most_similar("w650", topn=5)]


def test_words_for_the_table_are_spread_over_the_ranks(vectors):
    source = MemorySource(vectors.words, vectors.vectors)
    _, cosines = nearest_chosen(choose_words(source, 700, []), 4)
    found = telling_words(cosines, 6, skip=100)
    assert found == sorted(set(found))
    assert len(found) == 6
    assert found[0] >= 100


def test_distance_from_the_middle_is_the_cosine(vectors):
    plot = lay_out(vectors, "w3", 12)
    wanted = vectors.most_similar("w3", topn=12)
    assert [(spot.word, spot.cosine) for spot in plot.spots] == wanted
    distances = [np.hypot(spot.x, spot.y) for spot in plot.spots]
    scale = 1 / (1 - plot.spots[-1].cosine)
    np.testing.assert_allclose(
        distances, np.maximum([(1 - spot.cosine) * scale for spot in plot.spots], 0.12)
    )
    for cosine, radius in plot.rings:
        assert radius == pytest.approx((1 - cosine) * scale)
    for side in (True, False):
        heights = sorted(spot.label_y for spot in plot.spots if spot.on_the_right is side)
        assert np.diff(heights).min() > 0.05


@pytest.mark.parametrize("word", HOSTILE)
def test_any_word_can_be_drawn(trained_folder, tmp_path, word):
    vectors = WordVectors.load(trained_folder)
    page, light, dark = write_plots(vectors, word, 12, tmp_path / "plots")
    html = page.read_bytes().decode()
    assert "<img" not in html
    assert "<b>bold" not in html
    assert page.parent.path == str(tmp_path / "plots")
    assert light.read_bytes()[:8] == dark.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert light.read_bytes() != dark.read_bytes()
    assert len(light.read_bytes()) < 60_000


def test_plot_neighbors_writes_what_is_asked_for(trained_folder, tmp_path, capsys):
    common = ["plot-neighbors", "tyranny", "--vectors", trained_folder.path, "--output"]
    assert main([*common, str(tmp_path / "a"), "--only", "html"]) == 0
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["neighbors-tyranny.html"]
    assert main([*common, str(tmp_path / "b"), "--only", "png", "--theme", "dark"]) == 0
    assert [file.name for file in (tmp_path / "b").iterdir()] == ["neighbors-tyranny-dark.png"]
    assert main([*common, str(tmp_path / "b"), "-n", "100"]) == 0
    logging.getLogger("glove_spark").handlers.clear()


def test_report_needs_three_words_for_a_ratio(trained_folder, capsys):
    assert main(["report", trained_folder.path, "--ratio", "ice", "steam"]) == 2
    assert "ratio=ice steam must be at least three words" in capsys.readouterr().err
