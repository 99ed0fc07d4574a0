"""Measure the counting kernel alone: nanoseconds per pair of tokens on one core.

    python -m benchmarks.speed.counting [--window-size 15] [--left-only]
    python -m benchmarks.speed.counting --output work --window-size 15

Without ``--output``, the text consists of independent Zipfian words in documents of 300. With the
output folder of a run, its first tokens are used. The text is counted several times, and the
fastest time is printed. Times are processor times, which a shared machine disturbs less.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glove_spark.kernels.counting.runs import cut_rows
from glove_spark.kernels.counting.windows import (
    count_windows,
    distance_weights,
    gap,
    lay_out,
    pair_counts,
)
from glove_spark.kernels.training.schedule import derived_rng

DOCUMENT = 300

Documents = tuple[NDArray[np.int32], NDArray[np.int64]]


def zipfian_documents(vocabulary_size: int, num_tokens: int) -> Documents:
    """Draw independent Zipfian words; return ids and the lengths of documents."""
    share = 1 / (np.arange(vocabulary_size) + 2.7)
    edges = np.cumsum(share) / share.sum()
    ids = np.searchsorted(edges, derived_rng(1).random(num_tokens)).astype(np.int32)
    lengths = np.full(-(-num_tokens // DOCUMENT), DOCUMENT, np.int64)
    lengths[-1] = num_tokens - lengths[:-1].sum()
    return np.minimum(ids, vocabulary_size - 1), lengths


def stored_documents(output: Path, num_tokens: int) -> Documents:
    """Read the first documents of a run, without words that have no id."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    words = pq.read_table(output / "vocabulary", columns=["word"]).column(0).combine_chunks()
    documents = pq.read_table(output / "tokens", columns=["tokens"]).column(0).combine_chunks()
    ends = documents.offsets.to_numpy()
    documents = documents.slice(0, int(np.searchsorted(ends, num_tokens)))
    found = pc.index_in(pc.list_flatten(documents), value_set=pc.cast(words, pa.string()))
    ids = pc.fill_null(found, -1).to_numpy()
    number = pc.list_parent_indices(documents).to_numpy()[ids >= 0]
    return ids[ids >= 0], np.bincount(number, minlength=len(documents))


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="output folder of a run")
    parser.add_argument("--vocabulary-size", type=int, default=75_000, help="of the drawn text")
    parser.add_argument("--num-tokens", type=int, default=4_000_000)
    parser.add_argument("--window-size", type=int, default=15)
    parser.add_argument("--left-only", action="store_true")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    window, symmetric = options.window_size, not options.left_only

    if options.output is not None:
        ids, lengths = stored_documents(options.output, options.num_tokens)
    else:
        ids, lengths = zipfian_documents(options.vocabulary_size, options.num_tokens)
    counts = np.sort(np.bincount(ids))[::-1]
    edges = cut_rows(counts, window, symmetric=symmetric, target=4_000_000)
    weights = distance_weights(window, "harmonic", int(counts[0]))
    seconds = []
    for _ in range(options.times):
        start = time.process_time()
        text = np.concatenate([gap(window), lay_out(ids, lengths, window)])
        nnz = sum(run.nnz for run in count_windows(text, weights, edges, symmetric=symmetric))
        seconds.append(time.process_time() - start)
    pairs = int(pair_counts(text, window).sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{len(ids):,} tokens, V = {len(counts):,}, {pairs:,} pairs, {nnz:,} nonzeros: "
        f"{min(seconds) / pairs * 1e9:.1f} ns per pair, peak {peak:,} MiB"
    )


if __name__ == "__main__":
    main()
