"""The summary line of a run."""

import pytest

from glove_spark.pipeline import _summarize
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe


def model(**facts):
    manifest = Manifest(Recipe("train", 1, {}, {}), {}, facts)
    return {"model": Dataset(Location.of("model"), manifest)}


@pytest.mark.parametrize(
    ("made", "skipped", "known", "line"),
    [
        (["tokens"], [], {}, "tokenize: done in 2.5 s; made tokens"),
        (["model"], ["blocks"], model(cost=0.25, held_out_costs=[0.4, 0.5]),
         "tokenize: done in 2.5 s; made model; skipped blocks; cost 0.25; held-out cost 0.5"),
        ([], ["model"], model(cost=None, held_out_costs=[]),
         "tokenize: done in 2.5 s; skipped model"),
    ],
)  # fmt: skip
def test_the_line(log_lines, made, skipped, known, line):
    _summarize("tokenize", made, skipped, known, 2.49)
    assert log_lines == [line]
