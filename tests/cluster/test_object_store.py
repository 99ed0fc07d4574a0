"""The pipeline on an S3 server: the bytes of a disk, retries, errors, and no secret told."""

import os
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glove_spark.cli import main
from glove_spark.datasets.vectors import write_parquet
from glove_spark.store.dataset import claim_folder
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest, Recipe, list_files
from glove_spark.vectors.word_vectors import WordVectors

from .complaints import DAEMON_COMPLAINT
from .object_store import SECRET, s3_server

pytestmark = pytest.mark.cluster

PIPELINE = [sys.executable, "-m", "glove_spark.cli"]
OPTIONS = ["--min-count", "2", "--vector-size", "8", "--num-blocks", "2", "--master", "local[2]"]
DATASETS = ("vocabulary", "cooccurrence", "blocks", "model", "vectors", "vectors.txt")


@pytest.fixture(scope="module")
def store():
    pytest.importorskip("moto", reason="moto, the S3 server, is not installed")
    with s3_server("bucket") as door, pytest.MonkeyPatch.context() as patch:
        for name, value in door.environment.items():
            patch.setenv(name, value)
        yield door


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Texts in several formats, with some bytes that are not UTF-8."""
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(3)
    words = np.array([f"wörd{k}" for k in range(200)])
    lines = [" ".join(words[rng.zipf(1.3, 30) % 200]) for _ in range(3000)]
    (folder / "a b%20.txt").write_bytes("\r\n".join(lines[:1000]).encode() + b"\ncaf\xe9 caf\xe9\n")
    with pa.output_stream(str(folder / "b.txt.gz"), compression="gzip") as sink:
        sink.write("\n".join(lines[1000:2000]).encode())
    pq.write_table(pa.table({"text": lines[2000:]}), folder / "c.parquet", row_group_size=300)
    return folder


@pytest.fixture(scope="module")
def on_disk(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("disk") / "out"
    code, log = run("run", corpus, out)
    assert code == 0, log
    return contents(Location.of(out))


@pytest.fixture(scope="module")
def uploaded(store, corpus):
    source = Location.of("s3://bucket/texts")
    for file in corpus.iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    return source.uri


def start(command, source, out, *more):
    corpus = ["--input", str(source)] if command == "run" else []
    return subprocess.Popen(
        [*PIPELINE, command, *corpus, "--output", str(out), *OPTIONS, *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ},
    )  # fmt: skip


def finish(process):
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def run(*arguments):
    return finish(start(*arguments))


def contents(out):
    return {
        f"{name}/{file}": ((out / name / file) if file else out / name).read_bytes()
        for name in DATASETS
        for file in list_files(out / name)
        if not file.endswith((".json", ".jsonl"))
    }


def test_the_bytes_are_those_of_a_disk_and_a_second_run_skips(store, uploaded, on_disk):
    out = Location.of("s3://bucket/out")
    code, log = run("run", uploaded, out.uri)
    assert code == 0, log
    assert contents(out) == on_disk
    facts = Manifest.read(out / "tokens").facts
    assert facts["documents_repaired"] == 1
    assert [info.base_name for info in out.walk(recursive=False) if "tmp" in info.base_name] == []
    assert "wörd1" in WordVectors.load(out.uri)
    code, log = run("run", uploaded, out.uri)
    assert code == 0, log
    assert log.count("already complete, skipped") == 7
    # the key is in no file and no message
    said = log + "".join(
        out.found(info).read_bytes().decode("latin-1") for info in out.walk() if info.is_file
    )
    assert SECRET not in said
    assert "a-key" not in said


def test_a_store_that_is_away_for_some_seconds_is_waited_for(store, uploaded, on_disk):
    out = Location.of("s3://bucket/waits")
    process = start("run", uploaded, out.uri)
    try:
        for name in ("vocabulary", "blocks"):
            wait_for(process, Manifest.location(out / name))
            store.shut, before = True, store.refused
            time.sleep(4)
            store.shut = False
            assert store.refused > before
    finally:
        store.shut = False
    code, log = finish(process)
    assert code == 0, log
    assert contents(out) == on_disk


def test_a_store_that_stays_away_is_a_clear_error_and_nothing_is_lost(store, uploaded, on_disk):
    out = Location.of("s3://bucket/away")
    process = start("run", uploaded, out.uri)
    try:
        wait_for(process, Manifest.location(out / "cooccurrence"))
        store.shut = True
        code, log = finish(process)
    finally:
        store.shut = False
    assert code in (4, 5), log
    assert "Traceback" not in DAEMON_COMPLAINT.sub("", log)
    assert "AWS Error" in log.splitlines()[-1]
    for name in ("tokens", "vocabulary", "cooccurrence"):
        assert Manifest.read(out / name).damaged_files(out / name) == []
    code, log = run("run", uploaded, out.uri)
    assert code == 0, log
    assert "cooccurrence: already complete, skipped" in log
    assert contents(out) == on_disk


def test_a_bucket_that_is_not_there_is_a_clear_error(store, uploaded):
    code, log = run("run", uploaded, "s3://nowhere/out")
    assert code == 4, log
    assert "nowhere" in log
    assert "Traceback" not in log
    code, log = run("run", "s3://nowhere/texts", "s3://bucket/none")
    assert code == 3, log
    assert "Traceback" not in log


def wait_for(process, location):
    deadline = time.monotonic() + 200
    while not location.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_versions_are_published_by_a_file_and_refused_when_damaged(store):
    root = Location.of("s3://bucket/daily")
    words = pa.array(["a", "b"])
    for number, name in enumerate(("monday", "tuesday")):
        version = root / "versions" / name
        claim_folder(version)
        rows = np.full((2, 3), number + 1, np.float32)
        write_parquet(words, rows, version / "vectors" / "part-00000.parquet")
        files = list_files(version / "vectors")
        Manifest(Recipe("export", 1, {}, {"model": name}), files, {}).write(version / "vectors")
    publish = ["publish", "--output", root.uri, "--version"]
    assert main([*publish, "monday"]) == 0
    assert main([*publish, "tuesday", "--keep", "2"]) == 0
    assert (root / "current").read_bytes() == b"tuesday\n"
    assert WordVectors.load((root / "current").uri).vectors[0, 0] == 2
    assert WordVectors.load((root / "current" / "vectors").uri).vectors[0, 0] == 2
    assert main([*publish, "monday", "--rollback"]) == 0
    (root / "versions" / "tuesday" / "vectors" / "part-00000.parquet").write_bytes(b"damaged")
    assert main([*publish, "tuesday"]) == 5
    assert WordVectors.load((root / "current").uri).vectors[0, 0] == 1
    assert main([*publish, "monday", "--keep", "1"]) == 0
    left = (root / "versions").walk(recursive=False)
    assert [info.base_name for info in left] == ["monday"]
