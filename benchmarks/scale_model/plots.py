"""Plots of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.records.record import Record
from benchmarks.scale_model.growth import (
    DATASETS,
    core_counts,
    main_runs,
    medians,
    training_seconds,
)


def draw_plots(records: Sequence[Record], folder: Path) -> list[Path]:
    """Draw time per token, time per nonzero, speed-up and bytes; return the files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    many = core_counts(records)[-1]
    runs = main_runs(records, many)
    repeats = list(runs.values())
    tokens = np.array(medians(runs, lambda run: run["tokens"]))
    nonzeros = np.array(medians(runs, lambda run: run["nnz"]))
    figures = {}

    figures["time-a-token"], axes = _figure(plt, f"Time a token, {many} cores", "microseconds")
    for stage in DATASETS:
        seconds = np.array([median(run["stages"][stage] for run in same) for same in repeats])
        axes.plot(tokens / 1e6, seconds / tokens * 1e6, marker="o", label=stage)
    total = np.array(medians(runs, lambda run: run["wall_seconds"]))
    axes.plot(tokens / 1e6, total / tokens * 1e6, "k--", marker="o", label="text to vectors")

    figures["time-a-nonzero"], axes = _figure(plt, "Time per nonzero", "nanoseconds")
    for cores in core_counts(records):
        own = main_runs(records, cores)
        for name, of in {
            "blocks": lambda run: run["stages"]["blocks"],
            "train, an epoch": training_seconds,
        }.items():
            seconds = np.array(medians(own, of))
            label = f"{name}, {cores} cores"
            axes.plot(tokens / 1e6, seconds / nonzeros * 1e9, marker="o", label=label)

    few = core_counts(records)[0]
    if few != many:
        title = f"Speed-up from {few} to {many} cores"
        figures["speed-up"], axes = _figure(plt, title, "times")
        others = main_runs(records, few)
        for name, of in {
            "train, an epoch": training_seconds,
            "text to vectors": lambda run: run["wall_seconds"],
        }.items():
            ratio = np.divide(medians(others, of), medians(runs, of))
            axes.plot(tokens / 1e6, ratio, marker="o", label=name)
        axes.axhline(many / few, color="gray", linewidth=0.8)

    figures["bytes"], axes = _figure(plt, "Bytes on disk per token", "bytes")
    for dataset in DATASETS:
        size = np.array([median(run["bytes"][dataset] for run in same) for same in repeats])
        axes.plot(tokens / 1e6, size / tokens, marker="o", label=dataset)

    files = []
    for name, figure in figures.items():
        axes = figure.axes[0]
        axes.set_ylim(bottom=0)
        axes.legend(fontsize="small")
        files.append(folder / f"{name}.png")
        # without dates and versions, so that the same records give the same bytes
        figure.savefig(files[-1], dpi=100, metadata={"Software": None})
        plt.close(figure)
    return files


def _figure(plt: Any, title: str, unit: str) -> tuple[Any, Any]:
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    axes.set_title(title)
    axes.set_xlabel("million tokens")
    axes.set_ylabel(unit)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.grid(alpha=0.3)
    return figure, axes
