"""Re-rank: assign new ids in order of frequency to a vocabulary that has grown.

Words keep their ids from update to update, so that batches can be added. After a year, frequent
words of the last months have higher ids than rare words of the first months. Here, ids are assigned
again by the present counts, words that have become too rare leave, and the matrix of every batch is
rewritten: a flatMap over row groups, and a reduce by block of rows. No text is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from glove_spark.datasets.cooccurrence import (
    Nonzeros,
    file_name,
    open_matrix_file,
    read_row_group,
    write_rows,
)
from glove_spark.datasets.ledger import COUNTS_FILE, TextBatch, batch_folder, files_of
from glove_spark.datasets.lexicon import counts_by_id, write_counts
from glove_spark.datasets.matrix_parts import RowGroup, row_groups
from glove_spark.following.matrix import (
    Followed,
    commit,
    counts_of,
    delete_unnamed,
    open_followed,
    recover,
    verified_lexicon,
    verify_counts,
)
from glove_spark.kernels.counting.runs import Run, RunStack, cut_rows
from glove_spark.spark.collecting import collected
from glove_spark.spark.failures import task_errors
from glove_spark.spark.session import describe
from glove_spark.stages.cooccurrence import NONZEROS_PER_BLOCK
from glove_spark.store.location import Location
from glove_spark.store.run_lock import RunLock

log = logging.getLogger(__name__)

LEFT = -1
"""The new id of a word that leaves."""

Key: TypeAlias = tuple[int, int]
"""The number of a batch, and one of its blocks of rows."""


@dataclass(frozen=True)
class Plan:
    """The plan that every task receives.

    Attributes
    ----------
    new_ids
        int32[V], by old id; `LEFT` if the word leaves.
    edges
        For each batch, the first row of every block of rows, and V.
    targets
        The folder of each batch.
    """

    new_ids: NDArray[np.int32]
    edges: tuple[NDArray[np.int64], ...]
    targets: tuple[Location, ...]
    unit: int
    symmetric: bool


def rerank(spark: SparkSession, root: Location, lock: RunLock) -> Followed:
    """Assign ids by frequency, and rewrite the counts of every batch with them.

    Raises
    ------
    InputError
        If there are no batches.
    DatasetError
        If files are damaged. Then nothing has changed.
    """
    followed = open_followed(root)
    recover(root, followed)
    settings = followed.settings
    lexicon, new_ids = verified_lexicon(followed).ranked(int(settings["min_count"]))
    if np.array_equal(new_ids, np.arange(len(new_ids))):
        log.info("update: all %s words are in order of frequency already", f"{len(new_ids):,}")
        return followed
    verify_counts(spark, followed)
    revision = followed.ledger.revision + 1
    batches = followed.ledger.batches
    vocabulary = lexicon.vocabulary()
    edges, targets, groups = [], [], []
    for number, (name, batch) in enumerate(batches.items()):
        words = counts_of(followed, batch)
        edges.append(_edges(counts_by_id(vocabulary, words), settings))
        target = (followed.location / batch_folder(name, revision)).make_folder()
        write_counts(words, target / COUNTS_FILE)
        targets.append(target)
        files = files_of(followed.dataset(), batch.folder)
        groups += [(number, group) for group in row_groups(files)]
    plan = Plan(new_ids, tuple(edges), tuple(targets), followed.unit, bool(settings["symmetric"]))
    with task_errors():
        nnz = _write_batches(spark, groups, plan)
    moved: dict[str, TextBatch] = {
        name: replace(batch, folder=targets[number].name, nnz=nnz.get(number, 0))
        for number, (name, batch) in enumerate(batches.items())
    }
    ledger = replace(followed.ledger, revision=revision, batches=moved, sum=None)
    lock.check()
    followed = commit(root, replace(followed, ledger=ledger), lexicon, spark)
    delete_unnamed(followed)
    log.info(
        "update: %s words have new ids, %s words were removed",
        f"{len(vocabulary):,}",
        f"{np.count_nonzero(new_ids == LEFT):,}",
    )
    return followed


def _edges(counts: NDArray[np.int64], settings: Mapping[str, Any]) -> NDArray[np.int64]:
    """Divide the rows of a batch into blocks, as if it were counted again."""
    if not counts.any():
        return np.array([0, len(counts)])
    return cut_rows(
        counts,
        int(settings["window_size"]),
        symmetric=bool(settings["symmetric"]),
        target=NONZEROS_PER_BLOCK,
    )


def _write_batches(
    spark: SparkSession, groups: list[tuple[int, RowGroup]], plan: Plan
) -> Mapping[int, int]:
    """Write the blocks of all batches; return the stored nonzeros of each batch."""
    if not groups:
        return {}
    # the blocks of all batches in a row, so that a reduce task has few of them
    first_block = np.concatenate([[0], np.cumsum([len(edges) - 1 for edges in plan.edges])])
    num_blocks = int(first_block[-1])
    describe(spark, f"update: re-rank {len(plan.edges):,} batches")
    written = collected(
        spark.sparkContext.parallelize(groups, len(groups))
        .flatMap(lambda group: blocks_of(*group, plan))
        .reduceByKey(RunStack.absorb, num_blocks, lambda key: int(first_block[key[0]]) + key[1])
        .mapPartitions(lambda blocks: _write_blocks(blocks, plan))
    )
    nnz: dict[int, int] = {}
    for number, stored in written:
        nnz[number] = nnz.get(number, 0) + stored
    return nnz


def blocks_of(number: int, group: RowGroup, plan: Plan) -> Iterator[tuple[Key, RunStack]]:
    """Read a row group of a batch, and yield a sorted run for every block of new rows."""
    with open_matrix_file(group.file) as source:
        stored = read_row_group(source, group.file, group.number)
    edges = plan.edges[number]
    rows, cols, units = renumbered(stored, plan)
    blocks = np.searchsorted(edges, rows, side="right") - 1
    bounds = np.searchsorted(blocks, np.arange(len(edges)))
    for block in np.unique(blocks).tolist():
        inside = slice(bounds[block], bounds[block + 1])
        first, stop = edges[block], edges[block + 1]
        indptr = np.searchsorted(rows[inside], np.arange(first, stop + 1))
        yield (number, block), RunStack([Run(indptr, cols[inside], units[inside])])


def renumbered(
    stored: Nonzeros, plan: Plan
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Give nonzeros their new ids, drop those of words that leave, and sort by row and column.

    Returns
    -------
    tuple
        Rows, columns, and counts in units; for a symmetric matrix, the stored triangle.
    """
    rows, cols = plan.new_ids[stored.row_ids], plan.new_ids[stored.col_ids]
    stay = (rows != LEFT) & (cols != LEFT)
    rows, cols = rows[stay], cols[stay]
    units = np.rint(stored.counts[stay] * plan.unit).astype(np.int64)
    if plan.symmetric:
        rows, cols = np.minimum(rows, cols), np.maximum(rows, cols)
    order = np.argsort(rows.astype(np.int64) << 32 | cols)
    return rows[order], cols[order], units[order]


def _write_blocks(blocks: Iterable[tuple[Key, RunStack]], plan: Plan) -> Iterator[tuple[int, int]]:
    """Write each block; yield its batch and its nonzeros."""
    for (number, block), runs in blocks:
        run = runs.merged()
        with (plan.targets[number] / file_name(block)).written_whole() as temporary:
            write_rows(run, int(plan.edges[number][block]), plan.unit, temporary)
        yield number, run.nnz
