"""The output of `make dist`, sent by spark-submit to executors without the project."""

import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from tests.cluster.processes import PROJECT, finish, start
from tests.harness.small_run import RUN_OPTIONS, results

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """A Python with pyspark, numpy, scipy and pyarrow, but without the project."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    site = [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    ours = subprocess.run(site, capture_output=True, text=True, check=True).stdout.strip()
    theirs = subprocess.run([python, *site[1:]], capture_output=True, text=True, check=True)
    # a folder in a .pth file is searched, but its own .pth files, such as the project's, are not
    # read
    with open(f"{theirs.stdout.strip()}/packages.pth", "w") as file:
        file.write(ours + "\n")
    script = (
        "import importlib.util as u, pyspark, numpy, scipy, pyarrow; "
        "raise SystemExit(u.find_spec('glove_spark') is not None)"
    )
    subprocess.run([python, "-c", script], env=without_project(), cwd=folder, check=True)
    return python


def without_project():
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def make_dist(folder, *what):
    command = [PROJECT / "scripts" / "dist.sh", folder, *what]
    made = subprocess.run(
        command, env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    (file,) = make_dist(tmp_path_factory.mktemp("dist"), "zip").glob("*.zip")
    return file


def submit_job(cluster, python, *options):
    """Return the spark-submit command of the whole pipeline, with settings and secret."""
    environment = cluster.environment("submit")
    del environment["SPARK_CONF_DIR"]
    environment.pop("PYTHONPATH", None)
    scripts = sysconfig.get_path("scripts")
    settings = cluster.folder / "conf" / "submit" / "spark-defaults.conf"
    subprocess.run(cluster.command("submit", "--version"), env=cluster.environment("submit"))
    command = [f"{scripts}/spark-submit", "--properties-file", settings, *options]
    environment |= {"PYSPARK_PYTHON": str(python)}
    return command, environment


def test_package_holds_what_the_checkout_has(package):
    names = zipfile.ZipFile(package).namelist()
    inside = {name for name in names if name.startswith("glove_spark/")}
    here = {
        str(file.relative_to(PROJECT))
        for file in (PROJECT / "glove_spark").rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    assert inside == here


def test_executors_get_the_project_as_a_zip(
    cluster, bare_python, package, long_corpus, undisturbed_out, tmp_path
):
    out = tmp_path / "out"
    # the setting of the image, which needs the package before the zip is received
    options = ["--py-files", package, "--conf", "spark.python.daemon.module=pyspark.daemon"]
    command, environment = submit_job(cluster, bare_python, *options)
    job = [PROJECT / "jobs" / "glove_pipeline.py", "--input", long_corpus, "--output", out]
    code, output = finish(start([*command, *job, *RUN_OPTIONS], env=environment))
    assert code == 0, output
    assert results(out) == results(undisturbed_out)


@pytest.mark.slow
def test_executors_get_python_and_the_project_as_an_archive(
    cluster, long_corpus, undisturbed_out, tmp_path
):
    archive = make_dist(tmp_path / "dist") / "environment.tar.gz"
    out = tmp_path / "out"
    options = ["--archives", f"{archive}#environment"]
    command, environment = submit_job(cluster, "./environment/bin/python", *options)
    environment |= {"PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONPATH": str(PROJECT)}
    # the executors only have the Python of the archive
    options = ["--conf", "spark.executorEnv.PYTHONPATH="]
    job = [PROJECT / "jobs" / "glove_pipeline.py", "--input", long_corpus, "--output", out]
    code, output = finish(start([*command, *options, *job, *RUN_OPTIONS], env=environment))
    assert code == 0, output
    assert results(out) == results(undisturbed_out)
