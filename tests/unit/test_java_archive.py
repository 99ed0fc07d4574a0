"""The path of the class-data archive, and when it is used."""

import pytest

from glove_spark.cli.prepare import make_archive
from glove_spark.errors import SetupError
from glove_spark.spark import class_archive as java_archive
from glove_spark.spark.class_archive import archive_file, archive_options
from glove_spark.spark.session import _driver_settings


@pytest.fixture
def java(tmp_path, monkeypatch):
    """A Java that writes no archive, and prints the reason."""
    program = tmp_path / "home" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'no such thing' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a cache"))
    return program


def test_an_archive_is_used_once_it_is_there(java, tmp_path):
    file = archive_file()
    assert file.parent == tmp_path / "a cache" / "glove_spark"
    assert archive_options() == ""
    assert "SharedArchiveFile" not in _driver_settings(())["spark.driver.extraJavaOptions"]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"classes")
    options = _driver_settings(())["spark.driver.extraJavaOptions"]
    assert options.endswith(f'"-XX:SharedArchiveFile={file}"')


def test_another_java_or_spark_has_another_archive(java, monkeypatch):
    before = archive_file()
    assert archive_file() == before
    monkeypatch.setattr(java_archive.pyspark, "__version__", "9.9")
    after = archive_file()
    assert after != before
    java.write_text("#!/bin/sh\n# updated\n")
    assert archive_file() not in (before, after)


def test_without_java_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert archive_file() is None
    assert archive_options() == ""
    with pytest.raises(SetupError, match="no Java found; install Java 17"):
        make_archive("")


def test_a_java_that_makes_none_is_said_and_leaves_nothing(java):
    with pytest.raises(SetupError, match=r"Java wrote no class-data archive: .*work without"):
        make_archive("")
    assert list(archive_file().parent.iterdir()) == []
