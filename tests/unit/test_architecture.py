"""Which modules may import which. Imports in functions and for type checkers count too."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from glove_spark.settings.config import STAGE_COMMANDS

PACKAGE = Path(__file__).parents[2] / "glove_spark"

LAYERS = (
    "errors",
    "extras",
    "logs",
    "kernels",
    "store",
    "settings",
    "spark",
    "datasets",
    "exchange",
    "corpus",
    "training",
    "stages",
    "following",
    "c_program",
    "vectors",
    "evaluation",
    "report",
    "release",
    "ml",
    "pipeline",
    "python_daemon",
    "cli",
)
"""In order of dependency: a module imports from its own subpackage and those before it."""

WITHOUT_SPARK = (
    "kernels",
    "store",
    "settings",
    "datasets",
    "exchange",
    "c_program",
    "vectors",
    "report",
    "release",
    "cli",
)
LARGEST_ROOM = 16


def module_name(file):
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imports_of(file):
    """Yield the dotted names of the imports of a file; for our own, those of modules."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (item.value for item in node.args if isinstance(item, ast.Constant))
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import hides which subpackage it imports"
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in FILES else node.module


def ours(file):
    return [name for name in imports_of(file) if name.split(".")[0] == "glove_spark"]


def layer_of(module):
    # the package itself is above the modules whose names it exports
    return len(LAYERS) if module == "glove_spark" else LAYERS.index(module.split(".")[1])


def test_every_room_has_its_layer():
    subpackages = {module.split(".")[1] for module in FILES if "." in module}
    assert subpackages == set(LAYERS)
    assert set(WITHOUT_SPARK) <= subpackages


@pytest.mark.parametrize("module", FILES)
def test_no_import_runs_upwards(module):
    for name in ours(FILES[module]):
        if name == "glove_spark":
            # only for __version__, which needs nothing
            continue
        assert layer_of(name) <= layer_of(module), f"{module} imports {name}"


def test_no_files_import_each_other_in_a_circle():
    # a package imports the names that it exports, which is not a circular import
    arrows = {
        module: {name for name in ours(file) if FILES[name].name != "__init__.py"} - {module}
        for module, file in FILES.items()
        if file.name != "__init__.py"
    }
    while ground := [module for module, needed in arrows.items() if not needed & arrows.keys()]:
        for module in ground:
            del arrows[module]
    assert not arrows, "in circles, or above one: " + ", ".join(arrows)


def test_few_modules_beside_the_rooms():
    assert len(list(PACKAGE.glob("*.py"))) <= 6


@pytest.mark.parametrize("folder", sorted({file.parent for file in FILES.values()} - {PACKAGE}))
def test_no_room_is_crowded(folder):
    assert len(list(folder.glob("*.py"))) - 1 <= LARGEST_ROOM


def test_kernels_need_numpy_and_scipy_only():
    script = (
        "import pkgutil, importlib, sys, glove_spark.kernels as k\n"
        "for module in pkgutil.walk_packages(k.__path__, k.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print([m for m in ('pyspark', 'pyarrow', 'pandas') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


@pytest.mark.parametrize("subpackage", WITHOUT_SPARK)
def test_subpackages_that_start_without_spark(subpackage):
    """Loading every module of the subpackage loads no Spark; a function may, when it is called."""
    script = (
        f"import pkgutil, importlib, sys, glove_spark.{subpackage} as subpackage\n"
        "for module in pkgutil.walk_packages(subpackage.__path__, subpackage.__name__ + '.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print('pyspark' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "False", found.stderr


def test_public_names_are_found_where_they_are_said_to_be():
    import glove_spark

    for name in glove_spark.__all__:
        assert getattr(glove_spark, name) is not None
    assert set(glove_spark.__all__) <= set(dir(glove_spark))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = glove_spark.no_such_name


def test_the_face_of_the_package_needs_nothing():
    script = "import sys, glove_spark; print({'pyspark', 'numpy', 'pyarrow'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "set()", found.stderr


def test_no_job_hides_a_module_of_the_standard_library():
    # spark-submit puts the folder of the job first on the path
    jobs = {file.stem for file in (PACKAGE.parent / "jobs").glob("*.py")}
    stages = {f"glove_{stage}" for stage in STAGE_COMMANDS}
    assert jobs == {"glove_pipeline", "glove_update", "glove_publish", *stages}
    assert not jobs & sys.stdlib_module_names
