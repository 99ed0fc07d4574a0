"""Metrics of a run for Prometheus: how it ended, and facts from the manifests."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeGuard

from glove_spark.errors import GloveSparkError
from glove_spark.release.gate import ANALOGIES
from glove_spark.store.location import Location
from glove_spark.store.manifest import SUFFIX, Manifest
from glove_spark.store.versions import VERSIONS, Judgement

log = logging.getLogger("glove_spark")

HELP = {
    "run_success": "Whether the last run ended well: 1 or 0.",
    "run_exit_code": "Exit code of the last run; 0 is done.",
    "run_start_timestamp_seconds": "When the last run started.",
    "run_end_timestamp_seconds": "When the last run ended.",
    "dataset_seconds": "What making the dataset that is there took.",
    "dataset_created_timestamp_seconds": "When the dataset that is there was made.",
    "files": "Files of text read.",
    "documents": "Documents, which are rows of tokens.",
    "dropped_documents": "Documents not used, by reason.",
    "tokens": "Tokens of the text.",
    "dropped_tokens": "Tokens dropped, by rule.",
    "batches": "Batches that the counts are the sum of.",
    "vocabulary_words": "Words that have a vector.",
    "nonzeros": "Nonzeros of the co-occurrence matrix.",
    "epochs": "Epochs trained.",
    "cost": "Mean cost of a nonzero in the last epoch.",
    "held_out_cost": "Mean cost of a nonzero kept out of training.",
    "analogies_percent": "Analogies answered rightly, by set.",
    "spearman_percent": "Spearman's rho with human judgement, times 100, by set.",
}
"""The help text of every metric, by its name without the prefix."""

Sample = tuple[str, dict[str, str], float]
"""The name of a metric without the prefix, its labels, and its value."""

DROPPED_DOCUMENTS = {
    "documents_empty": "empty",
    "documents_unparsed": "unparsed",
    "documents_without_text": "without_text",
}

PLAIN = (
    ("tokens", "files", "files"),
    ("tokens", "documents", "documents"),
    ("tokens", "tokens", "tokens"),
    ("vocabulary", "vocabulary_size", "vocabulary_words"),
    ("cooccurrence", "nnz", "nonzeros"),
    ("model", "epoch", "epochs"),
    ("model", "cost", "cost"),
)
"""The dataset, the fact and the name of each metric."""


def write_run_metrics(
    path: str,
    command: str,
    exit_code: int,
    started: float,
    root: Location | None,
    reuse: Location | None = None,
) -> None:
    """Write the metrics of a run that has ended.

    If the file cannot be written, this is logged; it does not change the exit code of the run.

    Parameters
    ----------
    started
        Seconds since the epoch.
    root, reuse
        The output folder, and the folder of inputs that it does not contain.
    """
    samples: list[Sample] = [
        ("run_success", {}, int(exit_code == 0)),
        ("run_exit_code", {}, exit_code),
        ("run_start_timestamp_seconds", {}, round(started, 3)),
        ("run_end_timestamp_seconds", {}, round(time.time(), 3)),
    ]
    if root is not None:
        samples += _of_folder(root, reuse)
    labels = {"command": command, "output": _shown(root)}
    try:
        Location.of(path).write_bytes(
            as_text((name, labels | more, value) for name, more, value in samples)
        )
    # the driver of a cluster may lack the library
    except (GloveSparkError, OSError, ImportError) as error:
        log.error("metrics=%s cannot be written: %s; name another file", path, error)


def as_text(samples: Iterable[Sample]) -> bytes:
    """Write metrics in Prometheus's text format.

    A run writes them once and ends, so all are gauges, not counters. Samples of one metric have the
    same labels.
    """
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily

    families: dict[str, GaugeMetricFamily] = {}
    for name, labels, value in samples:
        if name not in families:
            families[name] = GaugeMetricFamily(
                f"glove_spark_{name}", HELP[name], labels=list(labels)
            )
        families[name].add_metric(list(labels.values()), value)

    class Collector:
        def collect(self) -> Iterable[GaugeMetricFamily]:
            return families.values()

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry)


def _shown(root: Location | None) -> str:
    """Return the label of the folder; for versions that of their counts, so series continue."""
    if root is None:
        return ""
    return (root.parent.parent if root.parent.name == VERSIONS else root).shown


def _of_folder(root: Location, reuse: Location | None) -> Iterator[Sample]:
    """Return the metrics, labels and values of all facts in the manifests."""
    facts: dict[str, Mapping[str, Any]] = {}
    for name, manifest in _manifests(root, reuse).items():
        facts[name] = manifest.facts
        created = datetime.fromisoformat(manifest.created).timestamp()
        yield "dataset_created_timestamp_seconds", {"dataset": name}, created
        yield "dataset_seconds", {"dataset": name}, sum_of(manifest.timings)
    if "batches" in facts.get("cooccurrence", {}):
        # with incremental updates there is no dataset of tokens
        facts["tokens"] = {k: facts["cooccurrence"].get(k) for k in ("documents", "tokens")}
        ledger = facts["cooccurrence"]["batches"]
        yield "batches", {}, len(ledger["batches"])
    for dataset, fact, metric in PLAIN:
        if _is_number(value := facts.get(dataset, {}).get(fact)):
            yield metric, {}, value
    for fact, reason in DROPPED_DOCUMENTS.items():
        if _is_number(value := facts.get("tokens", {}).get(fact)):
            yield "dropped_documents", {"reason": reason}, value
    for dataset in ("tokens", "vocabulary"):
        for rule, count in (facts.get(dataset, {}).get("dropped_tokens") or {}).items():
            yield "dropped_tokens", {"dataset": dataset, "rule": rule}, count
    held_out = facts.get("model", {}).get("held_out_costs") or [None]
    if _is_number(held_out[-1]):
        yield "held_out_cost", {}, held_out[-1]
    judgement = Judgement.read(root)
    for name, score in (judgement.scores if judgement else {}).items():
        kind, _, label = name.partition("/")
        metric = "analogies_percent" if kind == ANALOGIES else "spearman_percent"
        yield metric, {"set": label}, score


def sum_of(timings: Mapping[str, float]) -> float:
    """Return the seconds of a manifest: the total, or the sum of all."""
    return timings.get("total", sum(timings.values()))


def _manifests(root: Location, reuse: Location | None) -> dict[str, Manifest]:
    """Read all manifests; ignore one that cannot be read."""
    found: dict[str, Manifest] = {}
    for folder in (root, reuse):
        for info in folder.walk(recursive=False) if folder is not None else ():
            name = info.base_name.removesuffix(SUFFIX)
            if name == info.base_name or name.startswith(".") or name in found:
                continue
            try:
                manifest = Manifest.read(folder / name) if folder is not None else None
            except (GloveSparkError, OSError):
                continue
            if manifest is not None:
                found[name] = manifest
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
