"""What may import what, and names that say nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from glove_spark.settings.stages import STAGES

PACKAGE = Path(__file__).parents[2] / "glove_spark"
LAYERS = {
    "kernels": {"datasets", "stages", "pipeline", "cli", "session", "stage", "config"},
    "datasets": {"stages", "pipeline", "cli", "session", "stage", "config"},
    "stages": {"pipeline", "cli", "commands", "ml"},
    "exchange": {"stages", "stage", "session", "pipeline", "cli", "commands", "word_vectors"},
    "c_program": {"stage", "session", "pipeline", "cli", "commands", "word_vectors"},
    "report": {"stages", "stage", "session", "progress", "pipeline", "cli", "commands"},
    "evaluation": {"stages", "stage", "pipeline", "cli", "commands"},
}
WITHOUT_SPARK = ("datasets", "exchange", "c_program", "report", "commands")


def imports_of(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_one_way(layer):
    forbidden = {f"glove_spark.{name}" for name in LAYERS[layer]}
    for file in (PACKAGE / layer).glob("*.py"):
        for name in imports_of(file):
            assert ".".join(name.split(".")[:2]) not in forbidden, f"{file.name} imports {name}"


def test_kernels_need_numpy_and_scipy_only():
    script = (
        "import pkgutil, importlib, sys, glove_spark.kernels as k\n"
        "for module in pkgutil.iter_modules(k.__path__):\n"
        "    importlib.import_module(k.__name__ + '.' + module.name)\n"
        "print([m for m in ('pyspark', 'pyarrow', 'pandas') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


@pytest.mark.parametrize("layer", WITHOUT_SPARK)
def test_layers_that_do_not_import_spark(layer):
    for file in (PACKAGE / layer).glob("*.py"):
        assert not [name for name in imports_of(file) if name.startswith("pyspark")], file.name


def test_command_line_starts_without_spark():
    script = "import sys, glove_spark.cli; print('pyspark' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "False", found.stderr


def test_no_job_hides_a_module_of_the_standard_library():
    # spark-submit puts the job's folder first on the path
    jobs = {file.stem for file in (PACKAGE.parent / "jobs").glob("*.py")}
    stages = {f"glove_{stage}" for stage in STAGES}
    assert jobs == {"glove_pipeline", "glove_update", "glove_publish", *stages}
    assert not jobs & sys.stdlib_module_names
