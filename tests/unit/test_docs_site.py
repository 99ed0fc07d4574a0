"""The documentation site is built without a warning, and has a page for every public name."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import glove_spark
from glove_spark import evaluation

PROJECT = Path(__file__).parents[2]

if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("mkdocstrings") is None:
    pytest.skip("mkdocs is not installed; the extra 'docs' has it", allow_module_level=True)


def build(folder, *, config=PROJECT / "mkdocs.yml"):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(
        [*command, "--config-file", config, "--site-dir", folder],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    answer = build(folder)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder


def test_every_public_name_has_a_page(site):
    pages = "".join(file.read_text("utf-8") for file in site.glob("api/*/index.html"))
    anchors = set(re.findall(r'id="(glove_spark\.[\w.]+)"', pages))
    names = {name for name in glove_spark.__all__ if name != "__version__"}
    names |= set(evaluation.__all__)
    assert names <= {anchor.rpartition(".")[2] for anchor in anchors}
    assert "glove_spark.vectors.word_vectors.WordVectors.most_similar" in anchors


def test_links_out_of_the_documents_lead_to_the_repository(site):
    page = (site / "RELIABILITY" / "index.html").read_text("utf-8")
    assert "https://github.com/glove-spark/glove_spark/blob/main/benchmarks/records/soak" in page


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[gone](../gone.md) [lost](lost.md)")
    settings = (PROJECT / "mkdocs.yml").read_text()
    validation = settings[settings.index("validation:") :]
    (tmp_path / "mkdocs.yml").write_text(
        f"site_name: x\nhooks: [{PROJECT}/docs/site_links.py]\n"
        f"repo_url: https://example.org\n{validation}"
    )
    answer = build(tmp_path / "site", config=tmp_path / "mkdocs.yml")
    assert answer.returncode == 1
    assert "lost.md" in answer.stdout + answer.stderr
    assert "gone.md" in answer.stdout + answer.stderr
