"""Files, modules and commands named in documents and docstrings exist; examples are right."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

from glove_spark.cli.entry import build_parser

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "glove_spark"
DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("benchmarks/*.md")]
)
SOURCES = sorted([*PACKAGE.rglob("*.py"), *PROJECT.glob("benchmarks/**/*.py")])
TEXTS = [*DOCUMENTS, *SOURCES]


def shown(file):
    return str(file.relative_to(PROJECT))


@pytest.mark.parametrize("file", TEXTS, ids=shown)
def test_modules_that_are_named_exist(file):
    text = file.read_text("utf-8")
    for name in re.findall(r"\b(?:glove_spark|benchmarks|tests)(?:\.[a-z_]\w*)+", text):
        parts = name.split(".")
        if parts[-1] in ("py", "md", "jsonl", "zip", "toml"):
            continue
        # a module, or a name in one; names of datasets and metrics are not dotted
        found = [PROJECT.joinpath(*parts[:n]) for n in (len(parts), len(parts) - 1)]
        there = any(f.is_dir() or f.with_suffix(".py").is_file() for f in found)
        assert there, f"{name} in {shown(file)}"


@pytest.mark.parametrize("file", DOCUMENTS, ids=shown)
def test_files_that_are_named_exist(file):
    text = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
    for name in re.findall(r"`([\w./-]+\.(?:py|sh|toml|jsonl|css|js))`", text):
        if name.rpartition("/")[2] == "metrics.jsonl":
            # files that a run writes
            continue
        reports = PROJECT / "tests" / "reports"
        places = [PROJECT, PACKAGE, PROJECT / "benchmarks", reports, *PACKAGE.rglob("*/")]
        assert any((place / name).is_file() for place in places), f"{name} in {shown(file)}"
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (file.parent / target).exists(), f"{target} in {shown(file)}"


@pytest.mark.parametrize("file", DOCUMENTS, ids=shown)
def test_commands_that_are_shown_exist(file):
    commands = next(
        a.choices for a in build_parser()._actions if a.dest == "==SUPPRESS==" or a.choices
    )
    for name in re.findall(r"glove-spark ([a-z][a-z-]*)\b", file.read_text("utf-8")):
        assert name in commands, f"glove-spark {name} in {shown(file)}"


@pytest.mark.parametrize("file", [f for f in SOURCES if ">>> " in f.read_text("utf-8")], ids=shown)
def test_examples_in_docstrings_hold(file):
    name = ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    if "SparkSession" in file.read_text("utf-8") and ">>> spark" in file.read_text("utf-8"):
        pytest.skip("needs a Spark session")
    assert doctest.testmod(importlib.import_module(name)).failed == 0
