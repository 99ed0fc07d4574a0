"""The standard corpus through the whole pipeline: quality that does not depend on P.

Takes about ten minutes; `make test-slow` runs it. The C reference has 19.6 % of
analogies, MEN 46.1, WordSim-353 39.1 and SimLex-999 17.6 after 15 epochs.
"""

import argparse
from statistics import mean

import pytest

from benchmarks.speed.standard import measure, show

pytestmark = pytest.mark.slow

LEAST = {"MEN": 47.5, "WS353": 40.0, "SimLex": 18.0}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """One output folder for all runs, so that the corpus is counted once."""
    return tmp_path_factory.mktemp("standard")


@pytest.mark.parametrize(("epochs", "analogies"), [(5, 21.5), (10, 22.5)])
@pytest.mark.parametrize("blocks", [2, 8, 32])
def test_mean_of_three_seeds(shared_data, work, blocks, epochs, analogies):
    given = argparse.Namespace(
        epochs=epochs,
        vector_size=50,
        master="local[2]",
        extra=[],
        record=work / "results.jsonl",
        input=shared_data / "data" / "wiki",
    )
    records = [measure(shared_data, work / "out", blocks, seed, given) for seed in (1, 2, 3)]
    show(blocks, records)
    for name, least in {"total": analogies, **LEAST}.items():
        assert mean(record["scores"][name]["value"] for record in records) >= least, name
    assert all(record["scores"]["total"]["covered"] == 17_345 for record in records)
