"""`start copy` of the image: a folder to and from an object store."""

import subprocess
import sys

import pytest

from tests.cluster.object_store import s3_server
from tests.harness.standalone import PROJECT

COPY = PROJECT / "conf" / "docker" / "copy_folder.py"


def copy(*words):
    return subprocess.run([sys.executable, COPY, *words], capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "from" / "2026-11-01"
    made.mkdir(parents=True)
    (made / "a b%20.txt").write_bytes(bytes(range(256)))
    (made.parent / "empty").touch()
    return made.parent


def files_of(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_copy_needs_two_folders(tmp_path):
    found = copy(tmp_path)
    assert found.returncode == 2
    assert "start copy FROM TO" in found.stderr


def test_a_folder_is_copied_whole(folder, tmp_path):
    found = copy(folder, tmp_path / "to")
    assert found.returncode == 0, found.stderr
    assert files_of(tmp_path / "to") == files_of(folder)
    assert len(files_of(folder)) == 2


def test_the_bucket_is_made_and_one_that_is_there_is_kept(folder, tmp_path, monkeypatch):
    pytest.importorskip("moto", reason="moto, the S3 server, is not installed")
    with s3_server("other") as door:
        for name, value in door.environment.items():
            monkeypatch.setenv(name, value)
        for target in ("s3://new/one", "s3://new/two"):
            found = copy(folder, target)
            assert found.returncode == 0, found.stderr
        found = copy("s3://new", tmp_path / "back")
        assert found.returncode == 0, found.stderr
    back = files_of(tmp_path / "back")
    one = {f"one/{name}": content for name, content in files_of(folder).items()}
    two = {f"two/{name}": content for name, content in files_of(folder).items()}
    assert back == one | two
