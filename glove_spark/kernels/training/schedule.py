"""The schedule of cells: rounds of tasks, as pure functions of a seed.

An epoch is a list of rounds. The tasks of a round run in parallel. A task has a row block and the
column blocks that it visits, in order. After a round, the replicas of the tasks are merged (see
``merge``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Task(NamedTuple):
    """One task of a round: train cells ``(row_block, c)`` for c in `column_blocks`, in order."""

    row_block: int
    column_blocks: list[int]


Round = list[Task]


def derived_rng(seed: int, *keys: int) -> np.random.Generator:
    """Return the random generator for one place in a run, independent of all other places.

    Parameters
    ----------
    seed
        The seed of the run, not negative.
    keys
        The keys of the place, such as epoch, row block and column block; not negative. They do not
        contain the number of executors or the attempt, so a repeated task draws the same numbers.

    Examples
    --------
    >>> int(derived_rng(1, 0, 2).integers(1000)) == int(derived_rng(1, 0, 2).integers(1000))
    True
    """
    if seed < 0 or any(key < 0 for key in keys):
        raise ValueError(f"seed={seed} and keys={keys} must not be negative; use integers from 0")
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=keys))


def stratified_rounds(num_blocks: int, rng: np.random.Generator) -> list[Round]:
    """Return an epoch of P rounds of P tasks of one cell each: the strata in random order.

    Invariant: no two tasks of a round share a row block or a column block, and every cell is
    visited once. So every merge has one contributor and is exact.

    Examples
    --------
    >>> for tasks in stratified_rounds(2, np.random.default_rng(1)):
    ...     print([tuple(task) for task in tasks])
    [(0, [0]), (1, [1])]
    [(0, [1]), (1, [0])]
    """
    _check_num_blocks(num_blocks)
    return [
        [Task(row, [(row + shift) % num_blocks]) for row in range(num_blocks)]
        for shift in rng.permutation(num_blocks).tolist()
    ]


def averaging_rounds(
    num_blocks: int, syncs_per_epoch: int, rng: np.random.Generator, row_tasks: int = 1
) -> list[Round]:
    """Return one epoch of `syncs_per_epoch` rounds in which tasks share blocks as replicas.

    A round consists of several strata, P / R on average: each row block visits as many column
    blocks, and each column block has as many visitors. With P rounds, they are those of
    `stratified_rounds`.

    Parameters
    ----------
    num_blocks
        P.
    syncs_per_epoch
        Merges per epoch, 1 to P.
    rng
        Draws the order of the strata.
    row_tasks
        The number of tasks, each with its own replica, over which the column blocks of a row block
        are distributed in a round; at most the number of these column blocks.
    """
    _check_num_blocks(num_blocks)
    for name, value in (("syncs_per_epoch", syncs_per_epoch), ("row_tasks", row_tasks)):
        if not 1 <= value <= num_blocks:
            raise ValueError(
                f"{name}={value} must be in 1..num_blocks={num_blocks}; "
                "lower it or raise num_blocks"
            )
    shifts = rng.permutation(num_blocks)
    return [
        [
            Task(row, ((row + part) % num_blocks).tolist())
            for row in range(num_blocks)
            for part in np.array_split(together, min(row_tasks, len(together)))
        ]
        for together in np.array_split(shifts, syncs_per_epoch)
    ]


def _check_num_blocks(num_blocks: int) -> None:
    if num_blocks < 1:
        raise ValueError(
            f"num_blocks={num_blocks} must be at least 1; "
            "use the number of cores that train at once"
        )
