"""One corpus, one undisturbed run and one cluster for all tests with processes."""

import pytest

from tests.cluster.processes import EXECUTORS_FIND_THE_CHECKOUT, finish, start
from tests.harness.small_run import COMMAND, RUN_OPTIONS, write_corpus
from tests.harness.standalone import StandaloneCluster


@pytest.fixture(scope="session")
def long_corpus(tmp_path_factory):
    """Enough tokens that every stage lasts for seconds."""
    return write_corpus(tmp_path_factory.mktemp("corpus of seconds"))


@pytest.fixture(scope="session")
def undisturbed_out(long_corpus, tmp_path_factory):
    """The output folder of an undisturbed run on local[2]."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run = [*COMMAND, "run", "--master", "local[2]", "--input", long_corpus, "--output", out]
    code, output = finish(start([*run, *RUN_OPTIONS]))
    assert code == 0, output
    return out


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory):
    """The cluster of docker-compose.yml: a master and two workers of one core."""
    with StandaloneCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster):
    """The cluster; after the test, killed processes are started again."""
    yield running_cluster
    running_cluster.repair()


@pytest.fixture
def submit(cluster):
    """Start `glove-spark` on the cluster as the service `submit` does."""
    started = []

    def run(*arguments, **kwargs):
        words = [*map(str, arguments), *EXECUTORS_FIND_THE_CHECKOUT]
        command = cluster.command("submit", *words)
        process = start(command, env=cluster.environment("submit"), **kwargs)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()
