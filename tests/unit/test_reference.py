"""The reference implementation, compared with hand calculation and the program in C."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from glove_spark.kernels.reference import (
    ReferenceSide,
    count_cooccurrences,
    train_epoch,
    weight,
)

RECORD = np.dtype([("row", "<i4"), ("col", "<i4"), ("count", "<f8")])
VECTOR_SIZE = 8


def test_weight_is_capped_at_x_max():
    assert weight(10.0, 10.0, 0.75) == 1.0
    assert weight(500.0, 10.0, 0.75) == 1.0
    assert weight(5.0, 10.0, 0.75) == pytest.approx(0.5**0.75)


def test_one_nonzero_by_hand():
    rows = ReferenceSide.start([[2.0, 0.5]])
    columns = ReferenceSide.start([[3.0, -0.5]])
    cost = train_epoch(
        [(0, 0, math.e)], rows, columns, learning_rate=0.1, x_max=1.0, alpha=0.75
    )  # r = 6 + 0.5 - 0.5 - 1 = 5, f = 1
    assert cost == pytest.approx(12.5)
    assert rows.vectors[0] == pytest.approx([2.0 - 0.1 * 15, 0.5 - 5])
    assert columns.vectors[0] == pytest.approx([3.0 - 0.1 * 10, -0.5 - 5])
    assert rows.gradsq[0] == pytest.approx([1 + 1.5**2, 26])
    assert columns.gradsq[0] == pytest.approx([1 + 1.0**2, 26])


def test_gradients_are_clipped_but_biases_are_not():
    rows, columns = ReferenceSide.start([[0.0, 0.0]]), ReferenceSide.start([[1000.0, 0.0]])
    train_epoch([(0, 0, math.e)], rows, columns, learning_rate=0.1, x_max=1.0, alpha=0.75)
    assert rows.vectors[0] == pytest.approx([10.0, 1.0])


def test_no_nonzeros_cost_nothing():
    side = ReferenceSide.start([[0.0, 0.0]])
    assert train_epoch([], side, side, learning_rate=0.1, x_max=10.0, alpha=0.75) == 0.0


def test_window_closes_over_unknown_words_and_stays_in_its_document():
    counts = count_cooccurrences([[0, None, 1], [2]], window_size=1)
    assert counts == {(0, 1): 1.0, (1, 0): 1.0}


def test_a_word_beside_itself_counts_from_both_sides():
    assert count_cooccurrences([[0, 0]], window_size=2) == {(0, 0): 2.0}
    assert count_cooccurrences([[0, 0]], window_size=2, symmetric=False) == {(0, 0): 1.0}


def golden_documents(golden: Path) -> list[list[int | None]]:
    lines = (golden / "vocab.txt").read_text(encoding="utf-8").splitlines()
    ids = {line.split()[0]: number for number, line in enumerate(lines)}
    corpus = (golden / "corpus.txt").read_text(encoding="utf-8").splitlines()
    return [[ids.get(word) for word in line.split()] for line in corpus]


@pytest.mark.parametrize(
    ("name", "symmetric", "harmonic"),
    [
        ("symmetric-harmonic", True, True),
        ("symmetric-flat", True, False),
        ("left-harmonic", False, True),
    ],
)
def test_counts_equal_the_golden_matrix(shared_data, name, symmetric, harmonic):
    golden = shared_data / "golden"
    records = np.fromfile(golden / f"cooccurrence-{name}.bin", dtype=RECORD)
    counts = count_cooccurrences(
        golden_documents(golden), 5, symmetric=symmetric, harmonic=harmonic
    )
    expected = {
        (row - 1, col - 1): count
        for row, col, count in zip(
            records["row"].tolist(), records["col"].tolist(), records["count"].tolist(), strict=True
        )
    }
    # In the golden files, the first record (the most frequent word next to itself) is doubled in
    # every mode; all other records, also diagonal ones, follow the rules.
    assert expected.pop((0, 0)) == pytest.approx(2 * counts.pop((0, 0)), rel=1e-9)
    assert counts.keys() == expected.keys()
    assert all(math.isclose(counts[key], expected[key], rel_tol=1e-9) for key in expected)


def test_three_epochs_equal_the_golden_parameters(shared_data):
    golden = shared_data / "golden"
    records = np.fromfile(golden / "cooccurrence-shuffled.bin", dtype=RECORD)
    nonzeros = list(
        zip(
            (records["row"] - 1).tolist(),
            (records["col"] - 1).tolist(),
            records["count"].tolist(),
            strict=True,
        )
    )

    def sides(name: str) -> np.ndarray:
        return np.fromfile(golden / name, dtype="<f8").reshape(2, -1, VECTOR_SIZE + 1)

    rows, columns = map(ReferenceSide.start, sides("parameters-initial.bin").tolist())
    costs = [
        train_epoch(nonzeros, rows, columns, learning_rate=0.05, x_max=10.0, alpha=0.75)
        for _ in range(3)
    ]
    assert costs == pytest.approx([0.078426, 0.067433, 0.063660], abs=6e-7)
    vectors = sides("parameters-after-3-epochs.bin")
    gradsq = sides("gradsq-after-3-epochs.bin")
    for side, trained, accumulated in zip((rows, columns), vectors, gradsq, strict=True):
        np.testing.assert_allclose(side.vectors, trained, rtol=0, atol=1e-6)
        np.testing.assert_allclose(side.gradsq, accumulated, rtol=0, atol=1e-6)
