"""`glove-spark prepare` with a real Java: an archive that the next run starts from."""

import os

import pytest

from glove_spark.errors import SetupError
from tests.cluster.processes import finish, start
from tests.harness.small_run import COMMAND, results, write_corpus

pytestmark = pytest.mark.cluster


def test_a_run_starts_from_the_archive_and_gives_the_same_bytes(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "a cache")}
    corpus = write_corpus(tmp_path / "corpus", tokens=20_000, words=500, files=2)
    options = ["--min-count", "2", "--vector-size", "4", "--epochs", "1", "--master", "local[2]"]

    def run(name, expected=0, **more):
        command = [*COMMAND, "run", "--input", corpus, "--output", tmp_path / name, *options]
        # where Java writes a report when it crashes
        code, output = finish(start(command, env=environment | more, cwd=tmp_path))
        assert code == expected, output
        return results(tmp_path / name) if code == 0 else None, output

    without, _ = run("without")
    code, output = finish(start([*COMMAND, "prepare"], env=environment))
    assert code == 0, output
    (file,) = (tmp_path / "a cache" / "glove_spark").iterdir()
    assert str(file) in output
    # Java ends if it cannot share classes
    found, _ = run("with", JAVA_TOOL_OPTIONS="-Xshare:on")
    assert found == without
    # the archive is not the cause
    run("without memory", expected=SetupError.exit_code, JAVA_TOOL_OPTIONS="-Xmx1k")
    assert file.exists()
    file.chmod(0o644)
    os.truncate(file, 1 << 20)
    found, output = run("damaged")
    assert found == without
    assert "glove-spark prepare writes a new one" in output
    assert not file.exists()
