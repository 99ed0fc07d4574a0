"""Locations: local paths as they are, URIs as given."""

import errno

import pytest
from pyarrow import fs

from glove_spark.errors import ConfigurationError, InputError, OutputError, StorageError
from glove_spark.store.location import Location, writing
from glove_spark.store.manifest import Manifest


def test_relative_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Location.of("a/b").path == str(tmp_path / "a/b")
    assert Location.of("a/b").is_local


@pytest.mark.parametrize("name", ["a b", "50%", "a#b", "ä", "a%20b", "a?b"])
def test_odd_names_survive(tmp_path, name):
    file = Location.of(tmp_path / name) / "data"
    file.parent.make_folder()
    file.write_bytes(b"x")
    assert (tmp_path / name / "data").read_bytes() == b"x"
    assert file.read_bytes() == b"x"
    assert [info.base_name for info in file.parent.walk()] == ["data"]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3://bucket/folder/", "bucket/folder/x y"),
        ("gs://bucket/folder", "bucket/folder/x y"),
        ("abfss://container@account.dfs.core.windows.net/folder", "container/folder/x y"),
        ("hdfs://name-node:8020/folder", "/folder/x y"),
        ("hdfs:///folder", "/folder/x y"),
    ],
)
def test_paths_of_uris_are_those_of_pyarrow(uri, path):
    location = Location.of(uri) / "x y"
    assert location.path == path
    assert location.name == "x y"
    assert not location.is_local
    assert location.is_in_object_store == (not uri.startswith("hdfs"))
    assert location.found(fs.FileInfo(path + "/deep/z")).uri == location.uri + "/deep/z"


def test_unknown_schemes_are_refused():
    with pytest.raises(
        ConfigurationError, match="ftp:// is not supported; name a local path or a URI"
    ):
        Location.of("ftp://host/folder")


@pytest.mark.parametrize(
    "uri", ["s3://key:secret@bucket/x", "gs://secret@bucket", "hdfs://user:secret@host/x"]
)
def test_credentials_in_a_uri_are_refused_and_not_repeated(uri):
    with pytest.raises(
        ConfigurationError, match="must not contain a key or password; give it in"
    ) as found:
        Location.of(uri)
    assert "secret@" not in str(found.value)


def test_publish_replaces_a_file_and_leaves_nothing_behind(tmp_path):
    target = Location.of(tmp_path / "file")
    for content in (b"one", b"two"):
        target.write_bytes(content)
    assert target.read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_delete_takes_files_folders_and_nothing(tmp_path):
    folder = Location.of(tmp_path / "folder")
    (folder / "inner").make_folder()
    (folder / "inner" / "file").write_bytes(b"x")
    folder.delete()
    folder.delete()
    assert not folder.exists()


def test_reading_what_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="none does not exist"):
        Location.of(tmp_path / "none").read_bytes()


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission"), (errno.EIO, "odd")],
)
def test_a_refused_write_is_an_output_error(number, message):
    with (
        pytest.raises(OutputError, match=f"cannot write /x: .*{message}"),
        writing(Location.of("/x")),
    ):
        raise OSError(number, "odd")


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("file:/data/x", "file:///data/x"),
        ("file:///data/x", "file:///data/x"),
        ("file://localhost/data/x", "file:///data/x"),
        ("s3a://bucket/x", "s3://bucket/x"),
        ("s3n://bucket/x", "s3://bucket/x"),
        ("S3://bucket/x", "s3://bucket/x"),
        ("hdfs:///x", "hdfs:///x"),
    ],
)
def test_ways_to_write_one_uri(text, uri):
    assert Location.of(text).uri == uri


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dbfs:/FileStore/v", "is a Databricks path, but /dbfs is not mounted here"),
        ("dbfs:///FileStore/v", "is a Databricks path"),
        ("s3:/bucket/x", "would be a folder named 's3:'; write s3://bucket/x"),
        ("s3a:/bucket/x", "write s3://bucket/x"),
        ("hdfs:/x", "write hdfs:///x"),
        ("notes:/x", "write ./notes:/x, if a folder of that name is meant"),
        (
            "file://host/x",
            "names the machine 'host', but only files of this machine can be read; write file:///host/x",
        ),
    ],
)
def test_what_would_be_a_folder_by_mistake_is_refused(text, message):
    with pytest.raises(ConfigurationError, match=message):
        Location.of(text)


def test_databricks_paths_are_those_of_its_mount(monkeypatch):
    monkeypatch.setattr("os.path.isdir", lambda path: path == "/dbfs")
    assert Location.of("dbfs:/FileStore/v").uri == "file:///dbfs/FileStore/v"
    assert Location.of("./dbfs:/x").is_local


class Away:
    """A file system that answers every call like an object store that cannot be reached."""

    def __getattr__(self, name):
        def refuse(*arguments, **settings):
            raise OSError("When listing objects: AWS Error UNKNOWN (HTTP status 503)")

        return refuse


@pytest.mark.parametrize(
    "ask",
    [
        Location.kind,
        Location.exists,
        Location.walk,
        Location.read_bytes,
        Location.open_input,
        Location.delete,
        Location.make_folder,
        lambda location: location.copy_to(location),
        lambda location: location.write_bytes(b"x"),
        lambda location: location.move_to(location),
        Manifest.read,
    ],
)
def test_a_store_that_is_away_is_an_error_of_ours(monkeypatch, ask):
    monkeypatch.setattr(Location, "filesystem", lambda *arguments: Away())
    with pytest.raises(StorageError, match=r"cannot (read|write) s3://b/.*HTTP status 503") as met:
        ask(Location.of("s3://b/out"))
    assert isinstance(met.value, OutputError)
    assert met.value.exit_code == 4


def test_what_is_missing_is_not_a_refusal(tmp_path):
    missing = Location.of(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        missing.open_input()
    with pytest.raises(InputError, match="does not exist"):
        missing.read_bytes()
    missing.delete()
