"""The sections about a run: its options, its stages and its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import GloveSparkError
from glove_spark.report.sections import Figure, Section, Table, number, seconds, size
from glove_spark.settings.config import SETTINGS
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.store.manifest import Manifest

DATASETS = ("tokens", "vocabulary", "cooccurrence", "blocks", "model", "vectors", "vectors.txt")
"""The datasets in the order in which they are made."""

_COUNTS = {
    "tokens": (("documents", "documents"), ("tokens", "tokens")),
    "vocabulary": (("vocabulary_size", "words"), ("distinct_words", "distinct words")),
    "cooccurrence": (("nnz", "nonzeros"), ("pairs", "pairs")),
    "blocks": (("batches", "batches"), ("num_blocks", "blocks per side")),
    "model": (
        ("epoch", "epochs"),
        ("vector_size", "dimensions"),
        ("known_words", "words of an earlier model"),
    ),
    "vectors": (("words", "words"), ("vector_size", "dimensions")),
    "vectors.txt": (("words", "words"),),
}
"""The facts to show, and their units."""

_DROPPED = {
    "<unk>": "the corpus' own <unk>",
    "min_count": "rarer than min_count",
    "stop_words": "stop words",
    "drop_most_frequent": "most frequent words dropped",
    "max_vocabulary": "beyond max_vocabulary",
}

PLOTTED_RANKS = 300
"""The number of points of the frequency plot, whose axes are logarithmic."""


class Manifests:
    """The manifests of an output folder, and of the folder of its inputs.

    Attributes
    ----------
    found
        The existing datasets, by name.
    """

    def __init__(self, root: Location, reuse: Location | None = None) -> None:
        self._roots = [root] if reuse is None else [root, reuse]
        self.found: dict[str, Manifest] = {}
        for name in DATASETS:
            manifest = Manifest.read(self.holder(name) / name)
            if manifest is not None:
                self.found[name] = manifest

    def holder(self, name: str) -> Location:
        """Return the folder that has a dataset; the output folder if none has."""
        for root in self._roots:
            if Manifest.location(root / name).exists():
                return root
        return self._roots[0]

    def fact(self, dataset: str, name: str) -> Any:
        """Return a fact; None if there is none."""
        return self.found[dataset].facts.get(name) if dataset in self.found else None

    def strangers(self) -> list[str]:
        """Return a note on datasets that were not made from the present ones."""
        found = []
        for name, manifest in self.found.items():
            for source, fingerprint in manifest.recipe.inputs.items():
                if source in self.found and self.found[source].fingerprint != fingerprint:
                    found.append(f"{name} was made from another {source} than the one here")
        return found


def summary(manifests: Manifests) -> list[tuple[str, str]]:
    """List the few numbers at the top of the page."""
    found = []
    for dataset, fact, text in (
        ("tokens", "tokens", "tokens"),
        ("vectors", "words", "words"),
        ("vectors", "vector_size", "dimensions"),
        ("cooccurrence", "nnz", "nonzeros"),
        ("model", "epoch", "epochs"),
        ("model", "cost", "last cost"),
    ):
        value = manifests.fact(dataset, fact)
        if value is not None:
            found.append((text, number(value)))
    taken = [manifest.timings.get("total", 0.0) for manifest in manifests.found.values()]
    return [*found, ("all stages", seconds(sum(taken)))]


def configuration(manifests: Manifests) -> Section:
    """Show the options that made the datasets."""
    rows = []
    shown = set()
    for manifest in manifests.found.values():
        stage = manifest.recipe.stage
        if stage in shown:
            continue
        shown.add(stage)
        specs = {spec.name: spec for spec in SETTINGS[stage].specs()} if stage in SETTINGS else {}
        for name, value in manifest.recipe.settings.items():
            spec = specs.get(name)
            changed = spec is not None and _plain(spec.default) != value
            rows.append([stage, name, _setting(value), "set" if changed else "default"])
    return Section(
        "configuration",
        "Configuration",
        "Every option that changes the result, as the manifests have it.",
        [Table(["stage", "option", "value", ""], rows)],
    )


def stages(manifests: Manifests) -> Section:
    """Show what each stage made, when, and how long it took."""
    rows = []
    for name, manifest in manifests.found.items():
        counts = [
            f"{number(manifest.facts[fact])} {text}"
            for fact, text in _COUNTS[name]
            if manifest.facts.get(fact) is not None
        ]
        taken = manifest.timings.get("total")
        rows.append(
            [
                name,
                ", ".join(counts),
                "" if taken is None else seconds(taken),
                size(sum(state.bytes for state in manifest.files.values())),
                manifest.created.replace("T", " ").removesuffix("+00:00"),
            ]
        )
    absent = [name for name in DATASETS if name not in manifests.found]
    notes = manifests.strangers()
    if absent:
        notes.append(f"not here: {', '.join(absent)}")
    newest = max(manifests.found.values(), key=lambda manifest: manifest.created)
    notes.append(", ".join(f"{name} {found}" for name, found in newest.software.items()))
    return Section(
        "stages",
        "Stages",
        "; ".join(notes) + ".",
        [Table(["dataset", "holds", "made in", "size", "finished (UTC)"], rows, frozenset({2, 3}))],
    )


def training(manifests: Manifests) -> Section:
    """Show cost and speed by epoch."""
    title = "Training"
    costs = manifests.fact("model", "costs")
    if not costs:
        why = "the model was imported" if "model" in manifests.found else "there is no model here"
        return Section("training", title, missing=f"No curve: {why}.")
    rates = manifests.fact("model", "nonzeros_per_second") or []
    times = manifests.fact("model", "epoch_seconds") or []
    epochs = list(range(1, len(costs) + 1))
    rows = [
        [str(epoch), f"{cost:.4f}", *(_at(rates, epoch, number), _at(times, epoch, seconds))]
        for epoch, cost in zip(epochs, costs, strict=True)
    ]
    data = {"epochs": epochs, "costs": costs, "rates": rates if len(rates) == len(costs) else []}
    return Section(
        "training",
        title,
        "Cost is the mean of f (w·w̃ + b + b̃ − ln X)² / 2 over the nonzeros, each before its update"
        + ("; training stopped early." if manifests.fact("model", "stopped_early") else "."),
        [Table(["epoch", "cost", "nonzeros/s", "time"], rows, frozenset({0, 1, 2, 3}))],
        [Figure("training", f"cost by epoch, from {costs[0]:.4f} to {costs[-1]:.4f}", data)],
    )


def vocabulary(manifests: Manifests) -> Section:
    """Show the frequency of words by rank, and what was dropped."""
    title = "Vocabulary"
    try:
        words = Vocabulary.read(
            open_dataset(manifests.holder("vocabulary") / "vocabulary").location
        )
    except GloveSparkError as error:
        return Section("vocabulary", title, missing=f"No frequencies: {error}.")
    ranks = np.unique(np.geomspace(1, len(words), PLOTTED_RANKS).astype(int))
    chosen = (ranks - 1).tolist()
    data = {
        "ranks": ranks.tolist(),
        "counts": words.counts[chosen].tolist(),
        "words": [words.words[k] for k in chosen],
    }
    tables = []
    tokens = manifests.fact("vocabulary", "tokens")
    if tokens:
        kept = int(manifests.fact("vocabulary", "tokens_kept"))
        dropped: Mapping[str, int] = manifests.fact("vocabulary", "dropped_tokens")
        rows = [["in the vocabulary", number(kept), f"{100 * kept / tokens:.2f} %"]]
        rows += [
            [_DROPPED.get(rule, rule), number(count), f"{100 * count / tokens:.2f} %"]
            for rule, count in dropped.items()
            if count
        ]
        tables.append(Table(["tokens", "", "share"], rows, frozenset({1, 2})))
    text = (
        f"{len(words):,} words, from {words.words[0]!r}, seen {int(words.counts[0]):,} times, to "
        f"words seen {int(words.counts[-1]):,} times."
    )
    figure = Figure("frequency", "count of words by their rank, on logarithmic axes", data)
    return Section("vocabulary", title, text, tables, [figure])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _setting(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return number(value) if isinstance(value, float) else str(value)


def _at(values: list[float], epoch: int, shown: Any) -> str:
    return shown(values[epoch - 1]) if epoch <= len(values) else ""
