"""The steps of all pairs by tiers: as many for a word whatever the number of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.kernels.training.draws import MEASURING_TIER, TIERS, Draws, draws_of, tiers_of


@pytest.mark.parametrize("vector_size", [100, 300])
@pytest.mark.parametrize("blocks", [1, 2, 3, 8, 16, 32, 100, 128])
def test_every_word_is_drawn_with_all_of_nu_an_epoch_whatever_the_number_of_blocks(
    blocks, vector_size
):
    large = vector_size == 300
    for row in (0, blocks // 2, blocks - 1):
        # in so many epochs, a tier takes steps in equally many visits of each cell
        represented = [draws_of(blocks, vector_size, row, 0, 0).visits[tier] for tier in range(4)]
        epochs = range(np.lcm.reduce(represented))
        visits = [
            draws_of(blocks, vector_size, row, column, epoch)
            for epoch in epochs
            for column in range(blocks)
        ]
        assert all(visit.steps[0] == visit.most >= 1 for visit in visits)
        for number, tier in enumerate(TIERS):
            # a step represents several visits, and is taken in one of them
            drawn = sum(visit.visits[number] for visit in visits if visit.steps[number])
            assert drawn == len(epochs) * blocks
            less = 2 if large and number <= MEASURING_TIER else 1
            steps = sum(visit.steps[number] for visit in visits) / len(epochs)
            assert steps >= 0.75 * tier.draws / less
            at_least = blocks / tier.most_visits
            assert steps <= 1.5 * max(tier.with_many_blocks / less, at_least)


@given(st.integers(0, 300))
def test_tiers_divide_a_block(num_words):
    places = [np.arange(num_words)[tier] for tier in tiers_of(num_words)]
    np.testing.assert_array_equal(np.concatenate(places), np.arange(num_words))


@given(st.lists(st.integers(0, 40), min_size=3, max_size=3), st.integers(1, 40))
def test_a_tier_takes_part_in_as_many_steps_as_it_has(others, first):
    draws = Draws((first, *others))
    for tier, steps in enumerate(draws.steps):
        taken = [draws.taken(tier, step) for step in range(1, draws.most + 1)]
        assert sum(taken) == steps
        # and takes its last one at the end of the visit
        assert not steps or taken[-1]
