"""Versions: one is current, it changes in one step, worse ones are refused, old ones deleted."""

import os
import threading

import numpy as np
import pyarrow as pa
import pytest

from glove_spark.cli import main
from glove_spark.datasets.vectors import write_parquet
from glove_spark.errors import (
    ConfigurationError,
    DatasetError,
    InputError,
    OutputError,
    QualityError,
)
from glove_spark.evaluation.report import Questions
from glove_spark.exchange.formats import open_vectors
from glove_spark.release.gate import gate_scores, questions_fingerprint
from glove_spark.release.publish import publish_version
from glove_spark.store import versions
from glove_spark.store.dataset import claim_folder
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest, Recipe, list_files
from glove_spark.store.versions import (
    Judgement,
    current_version,
    make_current,
    prune,
    resolved,
    version_folder,
)
from glove_spark.vectors.word_vectors import WordVectors

WORDS = ["man", "woman", "king", "queen"]
GOOD = [[0, 1], [0, -1], [1, 1], [1, -1]]
BAD = [[0, 1], [1, 1], [0, -1], [-1, -0.2]]
NO_QUESTIONS = Questions({}, {})


@pytest.fixture
def root(tmp_path):
    return Location.of(tmp_path / "out").make_folder()


@pytest.fixture
def pairs(tmp_path):
    """Scored pairs, on which GOOD is better than BAD."""
    file = tmp_path / "pairs.txt"
    file.write_text("man king 9\nwoman queen 8\nman woman 1\nking woman 2\n")
    return str(file)


@pytest.fixture
def questions(pairs):
    from glove_spark.evaluation.questions import read_similarities

    return Questions({}, {"pairs": read_similarities(pairs)})


@pytest.fixture
def make(root):
    """Make a version of vectors; each is a second younger than the one before."""
    made = []

    def make(name, vectors=GOOD):
        version = root / "versions" / name
        claim_folder(version)
        (version / "vectors").make_folder()
        table = np.array(vectors, np.float32)
        write_parquet(pa.array(WORDS), table, version / "vectors" / "part-00000.parquet")
        recipe = Recipe("export", 1, {"vectors": "sum"}, {"model": f"{name} {vectors}"})
        files = list_files(version / "vectors")
        created = f"2026-11-20T10:00:{len(made):02}+00:00"
        Manifest(recipe, files, {"words": 4, "vector_size": 2}, created=created).write(
            version / "vectors"
        )
        made.append(name)
        return version

    return make


def names(root):
    return sorted(info.base_name for info in (root / "versions").walk(recursive=False))


def test_the_first_version_becomes_current_and_the_pointer_is_a_relative_link(root, make):
    make("a")
    assert current_version(root) is None
    assert publish_version(root, "a", NO_QUESTIONS, margin=1).what == "is current"
    assert current_version(root) == "a"
    assert os.readlink(f"{root.path}/current") == "versions/a"
    assert WordVectors.load(root / "current").most_similar("man", topn=1)[0][0] == "king"


def test_publishing_twice_changes_nothing(root, make, questions):
    make("a")
    publish_version(root, "a", questions, margin=1)
    before = (root / "versions/a/scores.json").read_bytes()
    inode = os.lstat(f"{root.path}/current").st_ino
    assert publish_version(root, "a", questions, margin=1).what == "is current already"
    assert (root / "versions/a/scores.json").read_bytes() == before
    assert os.lstat(f"{root.path}/current").st_ino == inode


def test_a_worse_version_is_refused_and_the_current_one_stays(root, make, questions):
    make("a")
    make("b", BAD)
    publish_version(root, "a", questions, margin=1)
    with pytest.raises(
        QualityError,
        match=r"version=b is worse than a by more than margin=1 points: similarity fall from "
        r"\d+\.\d\d to -?\d+\.\d\d\. a stays the current",
    ):
        publish_version(root, "b", questions, margin=1)
    assert current_version(root) == "a"
    assert Judgement.read(root / "versions/b").published is None
    # with a large enough margin it is published
    publish_version(root, "b", questions, margin=200)
    assert current_version(root) == "b"
    assert Judgement.read(root / "versions/b").published


def test_a_margin_below_zero_demands_progress(root, make, questions):
    make("a")
    make("b")
    publish_version(root, "a", questions, margin=1)
    with pytest.raises(QualityError, match=r"margin=-0\.5 points"):
        publish_version(root, "b", questions, margin=-0.5)
    publish_version(root, "b", questions, margin=0)
    assert current_version(root) == "b"


def test_the_current_version_is_asked_again_only_when_the_questions_changed(
    root, make, questions, monkeypatch
):
    make("a")
    make("b")
    make("c")
    asked = []

    def counting(source, some):
        asked.append(source.shown.split("/")[-2])
        return gate_scores(source, some)

    monkeypatch.setattr("glove_spark.release.publish.gate_scores", counting)
    publish_version(root, "a", questions, margin=1)
    publish_version(root, "b", questions, margin=1)
    assert asked == ["a", "b"]
    others = Questions({}, {"others": [("man", "king", 5.0), ("man", "woman", 1.0)]})
    assert questions_fingerprint(others) != questions_fingerprint(questions)
    publish_version(root, "c", others, margin=1)
    assert asked == ["a", "b", "c", "b"]
    # the record of its publication is kept
    assert Judgement.read(root / "versions/b").published


def test_an_older_version_is_published_by_rollback_only(root, make, questions):
    make("a", BAD)
    make("b")
    for name in "ab":
        publish_version(root, name, questions, margin=1)
    assert publish_version(root, "a", questions, margin=1).what.startswith("is older than b")
    assert current_version(root) == "b"
    publish_version(root, "a", questions, margin=1, rollback=True)
    assert current_version(root) == "a"


def test_a_damaged_version_is_not_published(root, make):
    version = make("a")
    file = version / "vectors/part-00000.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DatasetError, match="has 1 damaged datasets: vectors"):
        publish_version(root, "a", NO_QUESTIONS, margin=1)
    assert current_version(root) is None


def test_what_cannot_be_published(root):
    with pytest.raises(
        InputError, match="versions/a does not exist; make it with the commands blocks, train"
    ):
        publish_version(root, "a", NO_QUESTIONS, margin=1)
    (root / "versions/a").make_folder()
    with pytest.raises(InputError, match="versions/a contains no vectors; first run export for it"):
        publish_version(root, "a", NO_QUESTIONS, margin=1)
    with pytest.raises(
        ConfigurationError, match=r"version='\.\./b' must consist of at most 100 letters, digits"
    ):
        version_folder(root, "../b")


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_a_current_that_is_no_pointer_is_not_replaced(root, make, what, tmp_path):
    make("a")
    pointer = tmp_path / "out" / "current"
    if what == "folder":
        pointer.mkdir()
    elif what == "file":
        pointer.write_text("a")
    else:
        pointer.symlink_to(tmp_path)
    with pytest.raises(
        OutputError, match="current is not a file that points to a version; move it away"
    ):
        publish_version(root, "a", NO_QUESTIONS, margin=1)


def test_a_reader_never_misses_the_pointer_nor_mixes_versions(root, make):
    """While versions alternate, every reader gets one complete version."""
    make("a", GOOD)
    make("b", BAD)
    make_current(root, "a")
    ended = threading.Event()

    def swap():
        while not ended.is_set():
            make_current(root, "b")
            make_current(root, "a")

    writer = threading.Thread(target=swap)
    writer.start()
    try:
        seen = set()
        for _ in range(300):
            assert os.path.isdir(f"{root.path}/current")
            chunk = next(open_vectors(root / "current").chunks())
            seen.add(chunk.rows.tobytes())
        assert seen <= {np.array(rows, "f4").tobytes() for rows in (GOOD, BAD)}
    finally:
        ended.set()
        writer.join()
    left = [info.base_name for info in root.walk(recursive=False)]
    assert left == ["current", "versions"]


def test_the_pointer_is_followed_before_files_are_opened(root, make):
    make("a")
    make_current(root, "a")
    assert resolved(root / "current") == root / "versions/a"
    assert resolved(root / "current" / "vectors") == root / "versions/a/vectors"
    assert resolved(root / "versions") == root / "versions"
    assert open_vectors(root / "current").shown.endswith("versions/a/vectors")


def test_where_there_are_no_links_the_pointer_is_a_file(root, make, monkeypatch):
    # as on an object store
    monkeypatch.setattr(Location, "is_local", property(lambda self: False))
    monkeypatch.setattr(Location, "filesystem", lambda self: pa.fs.LocalFileSystem())
    make("a")
    publish_version(root, "a", NO_QUESTIONS, margin=1)
    assert (root / "current").read_bytes() == b"a\n"
    assert resolved(root / "current" / "vectors") == root / "versions/a/vectors"
    make("b")
    publish_version(root, "b", NO_QUESTIONS, margin=1)
    assert current_version(root) == "b"
    # vectors of that name are vectors
    (root / "current").write_bytes(b"a 1 2\nb 3 4\n")
    assert open_vectors(root / "current").num_words == 2
    (root / "current").write_bytes(b"x" * 10_000)
    assert resolved(root / "current") == root / "current"
    (root / "current").write_bytes(b"../../etc")
    with pytest.raises(OutputError, match="is not a file that points to a version"):
        current_version(root)


def test_keep_deletes_the_oldest_published_and_never_the_current(root, make):
    for name in "abcd":
        make(name)
        publish_version(root, name, NO_QUESTIONS, margin=1)
    publish_version(root, "a", NO_QUESTIONS, margin=1, rollback=True)
    (root / "versions" / "unfinished").make_folder()
    assert prune(root, 2) == ["b", "c"]
    assert names(root) == ["a", "d", "unfinished"]
    assert prune(root, 1) == ["d"]
    assert current_version(root) == "a"


def test_keep_deletes_a_refused_version_when_another_came_after_it(root, make, questions):
    make("a")
    publish_version(root, "a", questions, margin=1)
    make("b", BAD)
    with pytest.raises(QualityError):
        publish_version(root, "b", questions, margin=1)
    assert prune(root, 3) == []
    make("c")
    publish_version(root, "c", questions, margin=1)
    assert prune(root, 3) == ["b"]


def test_the_command(root, make, pairs, log_lines):
    make("a")
    make("b")
    make("c", BAD)
    arguments = ["publish", "--output", root.path, "--similarity", pairs, "--keep", "1"]
    assert main([*arguments, "--version", "a"]) == 0
    assert main([*arguments, "--version", "b"]) == 0
    assert main([*arguments, "--version", "c"]) == 8
    assert main([*arguments, "--version", "d"]) == 3
    assert main([*arguments, "--version", "b", "--margin", "nan"]) == 2
    assert current_version(root) == "b"
    assert names(root) == ["b", "c"]


def test_what_a_crash_leaves_is_mended(root, make):
    make("a")
    make("b")
    publish_version(root, "a", NO_QUESTIONS, margin=1)
    # before the pointer was replaced, and before the publication was written down
    os.symlink("versions/b", f"{root.path}/.current.0123.tmp")
    make_current(root, "b")
    assert prune(root, 1) == ["a"]
    assert publish_version(root, "b", NO_QUESTIONS, margin=1).what == "is current already"
    assert Judgement.read(root / "versions/b").published
    assert [info.base_name for info in root.walk(recursive=False)] == ["current", "versions"]


def test_a_current_version_that_somebody_deleted_is_replaced(root, make, questions, log_lines):
    make("a")
    publish_version(root, "a", questions, margin=1)
    (root / "versions/a").delete()
    make("b", BAD)
    publish_version(root, "b", questions, margin=1)
    assert any("the current version a no longer has vectors" in line for line in log_lines)
    assert current_version(root) == "b"


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert main(["publish", "--output", str(tmp_path / "no"), "--version", "a"]) == 3
    assert (
        "/no does not exist; name the output folder that contains versions"
        in capsys.readouterr().err
    )


def test_the_command_says_in_a_line_what_it_did(root, make, pairs, capsys):
    make("a")
    main(["publish", "--output", root.path, "--similarity", pairs, "--version", "a"])
    line = capsys.readouterr().err.splitlines()[-1]
    assert " publish: a is current, similarity 94.87, in " in line


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"x": 1}', b'{"vectors": "", "scores": 5}'])
def test_scores_that_cannot_be_read_are_made_again(root, make, questions, content):
    version = make("a")
    (version / versions.SCORES_FILE).write_bytes(content)
    publish_version(root, "a", questions, margin=1)
    assert Judgement.read(version).scores["similarity/mean"] == 94.8683
