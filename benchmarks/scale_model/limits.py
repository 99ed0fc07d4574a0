"""What breaks as corpora and clusters grow, and at what size, by the bounds in the code."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from benchmarks.scale_model.coefficients import Coefficients
from benchmarks.scale_model.model import WORD_BYTES, Cluster, Workload, sizes_of, stage_costs
from glove_spark.datasets.cooccurrence import ROW_GROUP_ROWS
from glove_spark.stages.blocks import LARGEST_CELL

DRIVER_HEAP = 1536 * 2**20
"""spark.driver.memory as the session sets it."""

LARGEST_RESULT = 2**30
"""spark.driver.maxResultSize, by default."""

MOST_BLOCKS = 4096
"""The largest num_blocks."""

MOST_TOKENS = 1e16


class Limit(NamedTuple):
    """What breaks, the remedy, and the number of tokens; None: not before `MOST_TOKENS`."""

    what: str
    remedy: str
    tokens: float | None


def map_output_bytes(work: Workload, cluster: Cluster, known: Coefficients) -> float:
    """Return the driver's bytes for the shuffle of `blocks`: one bit per row group and cell.

    Spark marks the empty pieces of a map output in a bitmap. If pieces have a few nonzeros, the
    empty ones follow no pattern, and the bitmap does not compress.
    """
    sizes = sizes_of(work, cluster, known)
    return sizes.stored / ROW_GROUP_ROWS * sizes.cells / 8


def piece_nonzeros(work: Workload, cluster: Cluster, known: Coefficients) -> float:
    """Return the nonzeros that a row group has for one cell."""
    return ROW_GROUP_ROWS / sizes_of(work, cluster, known).cells


def collected_bytes(tokens: float, known: Coefficients) -> float:
    """Return the bytes of all words of at least min_count, which the driver collects."""
    return WORD_BYTES * known.growth.vocabulary.at(tokens)


def limits(work: Workload, cluster: Cluster, known: Coefficients) -> list[Limit]:
    """Find the corpus at which each bound is reached, the smallest first."""

    def of_tokens(measure: Callable[[Workload], float], bound: float) -> float | None:
        return first_at_least(lambda tokens: measure(replace(work, tokens=tokens)), bound)

    found = [
        Limit(
            f"`blocks`: the driver keeps one bit per row group and cell, more than its "
            f"{DRIVER_HEAP / 2**30:.1f} GiB",
            "--spark-conf spark.driver.memory=16g, or fewer blocks by --num-blocks",
            of_tokens(lambda w: map_output_bytes(w, cluster, known), DRIVER_HEAP),
        ),
        Limit(
            f"`vocabulary`: words with at least min_count occurrences exceed "
            f"spark.driver.maxResultSize ({LARGEST_RESULT / 2**30:.0f} GiB); "
            "max_vocabulary is applied later",
            "a larger --min-count, or a larger spark.driver.maxResultSize and memory",
            of_tokens(lambda w: collected_bytes(w.tokens, known), LARGEST_RESULT),
        ),
        Limit(
            f"`blocks`: more than {MOST_BLOCKS:,} x {MOST_BLOCKS:,} cells of {LARGEST_CELL:,} "
            "nonzeros",
            "no option helps",
            of_tokens(
                lambda w: sizes_of(replace(w, num_blocks=1), cluster, known).nonzeros,
                float(LARGEST_CELL) * MOST_BLOCKS**2,
            ),
        ),
    ]
    return sorted(found, key=lambda limit: limit.tokens or math.inf)


def best_executors(work: Workload, cluster: Cluster, known: Coefficients) -> tuple[int, float]:
    """Return the number of executors for which training is fastest, and its seconds."""
    candidates = sorted({round(2 ** (k / 4)) for k in range(49)})
    times = {
        executors: stage_costs(work, replace(cluster, executors=executors), known)["train"].seconds
        for executors in candidates
    }
    best = min(times, key=lambda executors: times[executors])
    return best, times[best]


def first_at_least(measure: Callable[[float], float], bound: float) -> float | None:
    """Return the least n, within 1 %, at which an increasing measure reaches its bound."""
    low, high = 1e6, MOST_TOKENS
    if measure(high) < bound:
        return None
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if measure(middle) < bound else (low, middle)
    return high
