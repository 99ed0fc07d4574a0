"""How many steps of all pairs the words of a block take, and in which visits of a cell.

The step divides a word's component along an eigenvector by ``1 + a L`` (see ``unobserved``). For
the most frequent words, ``a L`` is far above 1: in few steps such a word loses most of its vector
each time, and its nonzeros restore it. For rare words it is below 1; more steps for them would gain
nothing and take most of the time, because most words are rare. So the number of steps falls with
the rank of a word, in tiers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple


class Tier(NamedTuple):
    """Words that take equally many steps: the first of a block that are in no earlier tier.

    Attributes
    ----------
    one_in
        The tier ends with the first one in so many words of the block.
    draws
        The steps per epoch of each of its words, on each side of the matrix.
    with_many_blocks
        With many blocks, two steps per block up to this number (one, if vectors are large): a step
        sees only the words of one block on the other side, so the A of few steps would be that of
        few blocks.
    most_visits
        The most visits of a cell that one step may represent, whatever their number.
    """

    one_in: int
    draws: int
    with_many_blocks: int
    most_visits: int


TIERS = (Tier(64, 64, 64, 1), Tier(16, 32, 32, 1), Tier(4, 8, 32, 1), Tier(1, 4, 4, 32))

MEASURING_TIER = 1
"""From this tier on, a step first measures A from the words that take it; steps of earlier tiers
alone use the last one. They are many, and an eigendecomposition would take most of their time."""

LARGE_VECTORS = 200
"""From this number of dimensions on, words up to `MEASURING_TIER` take half of the steps. Most of
theirs need the eigenvectors of A, in d^3 operations, and a step shrinks a vector less, because A is
spread over more directions."""


class Draws(NamedTuple):
    """The steps of one visit of a cell, by tier.

    Attributes
    ----------
    steps
        The number of steps, distributed over the batches; 0 in some visits.
    visits
        The number of visits that the steps represent.
    """

    steps: tuple[int, ...] = (1,) * len(TIERS)
    visits: tuple[int, ...] = (1,) * len(TIERS)

    @property
    def most(self) -> int:
        """The number of steps of the tier that takes most; each takes part in some of them."""
        return max(self.steps)

    def taken(self, tier: int, step: int) -> bool:
        """Return whether a tier takes part in a step, from 1 to `most`."""
        steps = self.steps[tier]
        return step * steps // self.most > (step - 1) * steps // self.most


ONE_DRAW = Draws()


def tiers_of(num_words: int) -> list[slice]:
    """Return the places of the words of each tier in a block.

    >>> [(tier.start, tier.stop) for tier in tiers_of(100)]
    [(0, 2), (2, 7), (7, 25), (25, 100)]
    """
    ends = [0, *(-(-num_words // tier.one_in) for tier in TIERS)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def draws_of(
    num_blocks: int, vector_size: int, row_block: int, column_block: int, epoch: int
) -> Draws:
    """Return the steps to take in a visit of a cell.

    An epoch visits each of the P cells of a block. With many blocks, most words take steps only in
    some visits, and in those of other cells in the next epoch; a step is then larger. Blocks are
    similar, because ids are distributed by modulo.

    >>> draws_of(2, 100, 0, 1, epoch=1)
    Draws(steps=(32, 16, 4, 2), visits=(1, 1, 1, 1))
    >>> [draws_of(16, 100, 3, column, epoch=1).steps for column in range(4)]
    [(4, 2, 2, 1), (4, 2, 2, 0), (4, 2, 2, 0), (4, 2, 2, 0)]
    """
    steps, visits = [], []
    large = vector_size >= LARGE_VECTORS
    per_block = 1 if large else 2
    for number, tier in enumerate(TIERS):
        draws = min(max(tier.draws, per_block * num_blocks), tier.with_many_blocks)
        if large and number <= MEASURING_TIER:
            draws //= 2
        represented = max(1, min(num_blocks // draws, tier.most_visits))
        takes = (row_block + column_block + epoch) % represented == 0
        steps.append(max(1, round(draws / num_blocks)) if takes else 0)
        visits.append(represented)
    return Draws(tuple(steps), tuple(visits))
