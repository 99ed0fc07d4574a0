"""Words that are too rare, join, keep their ids and are removed; ledgers that are read again."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glove_spark.datasets import matrix_parts
from glove_spark.datasets.cooccurrence import Nonzeros, write_nonzeros
from glove_spark.datasets.ledger import Ledger, Sum, TextBatch, day_of
from glove_spark.datasets.lexicon import WORD_COUNTS, Lexicon, Rules, read_counts, write_counts
from glove_spark.datasets.matrix_parts import MatrixPart, cut_ranges
from glove_spark.errors import ConfigurationError, DatasetError
from glove_spark.store.location import Location

WORDS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 5))


def table(counts):
    return pa.table([list(counts), list(counts.values())], schema=WORD_COUNTS)


def state(lexicon):
    """Counts, ids and missed by word."""
    rows = lexicon.table.to_pylist()
    return {row["word"]: (row["count"], row["id"], row["missed"]) for row in rows}


@given(batches=st.lists(WORDS, max_size=6), min_count=st.integers(1, 6))
def test_ids_are_stable_and_words_enter_when_they_are_frequent(batches, min_count):
    lexicon, ids, totals = Lexicon.empty(), {}, {}
    for counts in batches:
        for word, count in counts.items():
            totals[word] = totals.get(word, 0) + count
        lexicon = lexicon.plus(table(counts)).grown(Rules(min_count), table(counts))
        found = {
            word: number for word, (_, number, _) in state(lexicon).items() if number is not None
        }
        assert found.items() >= ids.items()
        assert set(found) == {word for word, total in totals.items() if total >= min_count}
        ids = found
    assert {word: count for word, (count, _, _) in state(lexicon).items()} == totals
    assert sorted(ids.values()) == list(range(len(ids)))
    assert lexicon.vocabulary().words == sorted(ids, key=ids.get)
    assert lexicon.tokens == sum(totals.values())


@given(batches=st.lists(WORDS, max_size=6), min_count=st.integers(1, 6))
def test_ranks_are_those_of_the_pipeline(batches, min_count):
    lexicon = Lexicon.empty()
    for counts in batches:
        # words join early, and some of them are too rare for the ranking
        lexicon = lexicon.plus(table(counts)).grown(Rules(max(1, min_count - 2)), table(counts))
    before = lexicon.vocabulary()
    total = {word: count for word, (count, _, _) in state(lexicon).items()}
    ranked, new_ids = lexicon.ranked(min_count)
    enough = {word: total[word] for word in before.words if total[word] >= min_count}
    assert ranked.vocabulary().words == sorted(enough, key=lambda word: (-enough[word], word))
    assert [word for word, new in zip(before.words, new_ids, strict=True) if new < 0] == [
        word for word in before.words if word not in enough
    ]
    assert ranked.vocabulary().ids_of(before.words).tolist() == new_ids.tolist()
    assert ranked.tokens == lexicon.tokens
    assert len(ranked.table) == len(lexicon.table)


@given(first=WORDS, second=WORDS)
def test_what_is_taken_away_was_never_there(first, second):
    before = Lexicon.empty().plus(table(first))
    assert state(before.plus(table(second)).plus(table(second), -1)) == state(before)


def test_the_first_batch_is_ranked_as_the_pipeline_ranks():
    counts = {"b": 3, "a": 3, "c": 9, "rare": 1, "<unk>": 50, "stop": 7}
    rules = Rules(2, stop_words=frozenset({"stop"}))
    lexicon = Lexicon.empty().plus(table(counts)).grown(rules, table(counts))
    assert lexicon.vocabulary().words == ["c", "a", "b"]
    assert lexicon.vocabulary().counts.tolist() == [9, 3, 3]


def test_missed_is_what_a_word_occurred_before_it_entered():
    lexicon = Lexicon.empty().plus(table({"a": 5, "late": 1})).grown(Rules(3), table({"a": 5}))
    lexicon = lexicon.plus(table({"late": 1})).grown(Rules(3), table({"late": 1}))
    latest = table({"late": 4})
    lexicon = lexicon.plus(latest).grown(Rules(3), latest)
    assert state(lexicon)["late"] == (6, 1, 2)
    assert lexicon.missed() == (2, 2)
    assert lexicon.missed(since_id=1) == (1, 2)
    assert lexicon.missed(since_id=2) == (0, 0)


def test_the_vocabulary_may_be_limited():
    counts = {"a": 5, "b": 4, "c": 3}
    rules = Rules(1, max_vocabulary=2)
    lexicon = Lexicon.empty().plus(table(counts)).grown(rules, table(counts))
    assert lexicon.vocabulary().words == ["a", "b"]
    more = table({"c": 9})
    assert lexicon.plus(more).grown(rules, more).vocabulary().words == ["a", "b"]


def test_taking_away_too_much_is_damage():
    with pytest.raises(DatasetError, match="a batch contains words that were never added"):
        Lexicon.empty().plus(table({"a": 1})).plus(table({"a": 2}), -1)


def test_round_trips(tmp_path):
    counts = table({"b": 2, "a": 3})
    lexicon = Lexicon.empty().plus(counts).grown(Rules(3), counts)
    lexicon.write(Location.of(tmp_path / "lexicon"))
    assert state(Lexicon.read(Location.of(tmp_path / "lexicon"))) == state(lexicon)
    write_counts(counts, Location.of(tmp_path / "counts"))
    assert read_counts(Location.of(tmp_path / "counts")).to_pydict() == {
        "word": ["a", "b"],
        "count": [3, 2],
    }


def test_files_of_another_kind_are_refused(tmp_path):
    file = Location.of(tmp_path / "x")
    pq.write_table(pa.table({"word": ["a"]}), file.path)
    with pytest.raises(DatasetError, match="has the columns word but must have word, count, id, m"):
        Lexicon.read(file)
    ids = pa.array([1], pa.int32())
    pq.write_table(pa.table({"word": ["a"], "count": [1], "id": ids, "missed": [0]}), file.path)
    with pytest.raises(DatasetError, match="is damaged: ids must be 0, 1, 2"):
        Lexicon.read(file)
    file.write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_counts(file)


def batch(name):
    return TextBatch(f"batch={name}.r1", "hash", 5, 10, 2, 1, 0, "2026-11-20T00:00:00+00:00")


def test_a_ledger_is_read_back():
    ledger = Ledger(3, "lexicon", {"a": batch("a"), "b": batch("b")}, Sum("sum.r2", ("a",)))
    assert Ledger.of({"batches": ledger.as_fact()}) == ledger
    assert Ledger.of({}) is None
    assert ledger.not_in_sum() == ["b"]
    assert ledger.without("b").sum == ledger.sum
    assert ledger.without("a").sum is None
    assert ledger.folders() == ["batch=a.r1", "batch=b.r1", "sum.r2"]


@pytest.mark.parametrize(
    "content", [1, {}, {"batches": {"a": {}}}, {"batches": {}, "sum": 3, "revision": 0}]
)
def test_what_is_no_ledger_is_refused(content):
    with pytest.raises(DatasetError, match="the list of batches cannot be read"):
        Ledger.of({"batches": content})


def test_a_sum_of_batches_that_are_not_listed_is_refused():
    ledger = Ledger(3, "lexicon", {}, Sum("sum.r2", ("a",)))
    with pytest.raises(DatasetError, match="contains batches that it does not list"):
        Ledger.of({"batches": ledger.as_fact()})


def test_days_of_batches():
    assert day_of("2026-11-20-evening").isoformat() == "2026-11-20"
    with pytest.raises(ConfigurationError, match="batch=monday does not begin with a date"):
        day_of("monday")


def test_sums_of_parts_are_those_of_dense_matrices(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_parts, "NONZEROS_PER_RANGE", 40)
    rng = np.random.default_rng(0)
    parts, dense, weighted = [], np.zeros((30, 30)), np.zeros((30, 30))
    for number, weight in enumerate((1.0, 0.5, 0.25)):
        units = rng.integers(0, 4, (30, 30)) * (rng.random((30, 30)) < 0.3)
        units[number * 7 : number * 7 + 4] = 0
        rows, cols = np.nonzero(units)
        counts = units[rows, cols] / 12
        file = Location.of(tmp_path / f"{number}.parquet")
        cuts = np.array_split(np.arange(len(rows)), 3)
        write_nonzeros(
            (Nonzeros(rows[c].astype(np.int32), cols[c].astype(np.int32), counts[c]) for c in cuts),
            file,
        )
        parts.append(MatrixPart((file,), weight))
        dense += units / 12
        weighted += weight * units / 12
    for some, wanted in (([MatrixPart(p.files) for p in parts], dense), (parts, weighted)):
        found = np.zeros((30, 30))
        ranges = cut_ranges(some, 30)
        assert len(ranges) > 5
        for part in ranges:
            rows, cols, counts = part.read(12)
            assert (np.diff(rows.astype(np.int64) * 30 + cols) > 0).all()
            found[rows, cols] += counts
        np.testing.assert_allclose(found, wanted, rtol=1e-15)
    assert cut_ranges([], 30) == []
