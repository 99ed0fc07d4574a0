"""The section that compares the vectors with older ones."""

from __future__ import annotations

from glove_spark.exchange.source import VectorSource
from glove_spark.report.sections import Section, Table
from glove_spark.store.location import Location
from glove_spark.vectors.drift import Drift, counts_beside, listed, measure_drift
from glove_spark.vectors.word_vectors import WordVectors


def drift(source: VectorSource, holder: Location, compared_with: str) -> Section:
    """Show which words moved since ``compared_with``, vectors in any format or an output folder.

    Parameters
    ----------
    holder
        The folder whose vocabulary has the counts, if there is one.
    """
    new = WordVectors.read(source)
    old = WordVectors.load(compared_with)
    found = measure_drift(old, new, counts_beside(holder, new.words))
    text = (
        f"Compared with {Location.of(compared_with).shown}, whose vectors were rotated to fit "
        f"these best: drift (mean of 1 - cosine) {found.mean:.4f}, with every word counted as "
        f"often as it occurs ({found.weights}) {found.weighted_mean:.4f}. {found.num_common:,} "
        f"words in common, {found.num_new:,} new, {found.num_gone:,} gone."
    )
    return Section("drift", "Drift", text, _tables(found))


def _tables(found: Drift) -> list[Table]:
    moved = [
        [moved.word, f"{moved.cosine:.2f}", listed(moved.before), listed(moved.after)]
        for moved in found.moved
    ]
    tables = [
        Table(
            ["word", "cosine", "nearest before", "nearest after"],
            moved,
            frozenset({1}),
            "Frequent words that moved most",
        )
    ]
    if found.new:
        rows = [[word, listed(neighbors)] for word, neighbors in found.new]
        tables.append(Table(["word", "nearest"], rows, caption="New words, most frequent first"))
    return tables
