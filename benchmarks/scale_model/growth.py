"""How costs grow with the corpus: medians of repeated runs, fitted lines, and their table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from benchmarks.records.record import Record

DATASETS = ("tokens", "vocabulary", "cooccurrence", "blocks", "model", "vectors", "vectors.txt")
"""The datasets, in order, by which the seconds of stages are recorded."""


class Line(NamedTuple):
    """The cost of n units: `fixed` + `each` * n."""

    fixed: float
    each: float

    def at(self, n: float) -> float:
        """Return the cost of n units."""
        return self.fixed + self.each * n


def fit_line(n: Sequence[float], cost: Sequence[float]) -> Line:
    """Fit a line whose costs are not negative, by least squares of relative errors.

    Errors are relative, so that the longest run alone does not determine the fixed cost.
    """
    return Line(*fit_costs([(1.0, unit) for unit in n], cost))


def fit_costs(
    columns: Sequence[Sequence[float]], cost: Sequence[float], known: Sequence[float] | None = None
) -> list[float]:
    """Fit non-negative costs of the quantities in the columns.

    `known` is the part of `cost` that is not fitted. Errors are relative to the whole cost.
    """
    costs = np.asarray(cost, float)
    matrix = np.asarray(columns, float) / costs[:, np.newaxis]
    scale = np.linalg.norm(matrix, axis=0)
    rest = costs - (0 if known is None else np.asarray(known, float))
    found, _ = nnls(matrix / scale, rest / costs)
    return [float(each) for each in found / scale]


def fit_power(n: Sequence[float], value: Sequence[float]) -> tuple[float, float]:
    """Fit ``value = c * n ** h`` by least squares of logarithms; return c and h."""
    h, log_c = np.polyfit(np.log(n), np.log(value), 1)
    return float(np.exp(log_c)), float(h)


def training_seconds(record: Record) -> float:
    """Return the median epoch's seconds; the first also warms up."""
    return median(record["epoch_seconds"][1:] or record["epoch_seconds"])


def main_runs(records: Sequence[Record], cores: int) -> dict[int, list[Record]]:
    """Return the runs of the grid of sizes and cores, with repeats together, by size.

    These are the runs with the smallest vectors and the fewest blocks.
    """
    runs = [record for record in records if record["kind"] == "run" and record["cores"] == cores]
    least = min(
        (run["options"]["vector-size"], run["options"]["num-blocks"])
        for run in records
        if run["kind"] == "run"
    )
    found: dict[int, list[Record]] = {}
    for run in runs:
        if (run["options"]["vector-size"], run["options"]["num-blocks"]) == least:
            found.setdefault(run["size"], []).append(run)
    return dict(sorted(found.items()))


def medians(runs: dict[int, list[Record]], of: Callable[[Record], float]) -> list[float]:
    """Return for each size the median of a number of its runs."""
    return [median(of(run) for run in repeats) for repeats in runs.values()]


def core_counts(records: Sequence[Record]) -> list[int]:
    """List the numbers of cores of a sweep, ascending."""
    return sorted({record["cores"] for record in records if record["kind"] == "run"})


def cost_table(records: Sequence[Record]) -> list[str]:
    """Return a table of times per token and nonzero by size, fixed and unit costs, and speed-up."""
    lines = []
    for cores in core_counts(records):
        runs = main_runs(records, cores)
        tokens = medians(runs, lambda run: run["tokens"])
        nonzeros = medians(runs, lambda run: run["nnz"])
        sizes = "".join(f"{n / 1e6:>8.1f}M" for n in tokens)
        lines += ["", f"{cores} cores, tokens".ljust(30) + sizes + "   fixed s   growth"]
        lines.append("nonzeros".ljust(30) + "".join(f"{n / 1e6:>8.1f}M" for n in nonzeros))
        for stage in DATASETS:
            lines.append(_row(f"{stage}, us per token", _stage(runs, stage), tokens, 1e6))
        lines.append(_row("total, us per token", medians(runs, _wall), tokens, 1e6))
        lines.append(_row("blocks, ns per nonzero", _stage(runs, "blocks"), nonzeros, 1e9))
        epochs = medians(runs, training_seconds)
        lines.append(_row("epoch, ns per nonzero", epochs, nonzeros, 1e9))
    lines += ["", "fixed s: of the line fixed + each * n; growth: each time a unit of the largest"]
    lines += ["size against the smallest, and in brackets without the fixed seconds"]
    few, many = core_counts(records)[0], core_counts(records)[-1]
    if few != many:
        ours, others = main_runs(records, many), main_runs(records, few)
        for name, of in {"epoch": training_seconds, "text to vectors": _wall}.items():
            ratios = np.divide(medians(others, of), medians(ours, of))
            shown = "".join(f"{ratio:>9.2f}" for ratio in ratios)
            lines.append(f"{name}: speed-up {few} to {many}".ljust(30) + shown)
    return lines


def _wall(run: Record) -> float:
    return float(run["wall_seconds"])


def _stage(runs: dict[int, list[Record]], stage: str) -> list[float]:
    return medians(runs, lambda run: run["stages"][stage])


def _row(name: str, seconds: list[float], units: list[float], scale: float) -> str:
    each = np.divide(seconds, units) * scale
    line = fit_line(units, seconds)
    marginal = (np.asarray(seconds) - line.fixed) / units
    return (
        name.ljust(30)
        + "".join(f"{value:>9.3f}" for value in each)
        + f"{line.fixed:>10.2f}{each[-1] / each[0] - 1:>+9.0%}"
        + f" ({marginal[-1] / marginal[0] - 1:+.0%})"
    )
