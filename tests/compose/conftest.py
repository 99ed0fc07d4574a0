"""One cluster of containers for all tests, and what an undisturbed run makes of its corpus."""

from datetime import datetime, timedelta, timezone

import pytest

from tests.compose.engine import ComposeCluster, find_engine, wait_until
from tests.harness.small_run import RUN_OPTIONS, write_corpus


@pytest.fixture(scope="session")
def days():
    """The last two days that the daily DAG has at this hour: they end at two o'clock."""
    last = (datetime.now(timezone.utc) - timedelta(hours=26)).date()
    return [(last - timedelta(days=1)).isoformat(), last.isoformat()]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory, days):
    """The cluster, up and healthy; taken down with its volumes at the end."""
    found = find_engine()
    if found is None:
        pytest.skip("neither docker nor podman runs here, or there is no compose")
    corpus = tmp_path_factory.mktemp("corpus")
    # a folder of each day, together the corpus
    written = sorted(write_corpus(corpus).iterdir())
    for number, file in enumerate(written):
        folder = corpus / days[2 * number // len(written)]
        folder.mkdir(exist_ok=True)
        file.rename(folder / file.name)
    for folder in (corpus, *list(corpus.parents)[:2]):
        folder.chmod(0o755)
    made = ComposeCluster(*found, corpus)
    try:
        made.run("up", "--build", "--detach")
        wait_until(lambda: made.alive_workers() == 2, "two workers")
        yield made
    finally:
        made.run("--profile", "notebook", "--profile", "airflow", "down", "--volumes",
                 "--remove-orphans")  # fmt: skip


@pytest.fixture(scope="session")
def first_run(cluster, tmp_path_factory):
    """What an undisturbed run copied out."""
    cluster.run("run", "--rm", "submit", "run", "--input", "/corpus", "--output", "/shared/out",
                *RUN_OPTIONS)  # fmt: skip
    target = tmp_path_factory.mktemp("copied") / "out"
    cluster.copy_out("/shared/out", target)
    return target
