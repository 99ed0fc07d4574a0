"""Batches are added, refused if repeated, replaced, removed; the matrix is always exact."""

from __future__ import annotations

import re

import numpy as np
import pytest

from glove_spark.cli import main
from glove_spark.datasets.blocks import cell_file, read_cell
from glove_spark.datasets.matrix_parts import iterate_matrix
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, DatasetError, InputError
from glove_spark.following import batches as update
from glove_spark.following import matrix as followed_matrix
from glove_spark.following import rerank as reranking
from glove_spark.following.batches import add_batch, compact, remove_batch
from glove_spark.following.matrix import CountSettings
from glove_spark.following.rerank import rerank
from glove_spark.settings.stages import (
    BlocksSettings,
    CooccurrenceSettings,
    TokenizeSettings,
    VocabularySettings,
)
from glove_spark.stages.blocks import BLOCKS
from glove_spark.stages.stage import run_stage
from glove_spark.store.dataset import claim_folder, open_dataset
from glove_spark.store.location import Location
from glove_spark.store.run_lock import hold_lock

pytestmark = pytest.mark.spark

WORDS = np.array([f"w{k}" for k in range(60)])


@pytest.fixture
def root(tmp_path):
    root = Location.of(tmp_path / "out")
    claim_folder(root)
    return root


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Ten days of text, one file each, in which every word occurs."""
    folder = tmp_path_factory.mktemp("days")
    rng = np.random.default_rng(5)
    for day in range(10):
        lines = [" ".join(WORDS[rng.zipf(1.4, 12) % 60]) for _ in range(40)]
        (folder / f"2026-11-{day + 1:02}.txt").write_text("\n".join([" ".join(WORDS), *lines]))
    return folder


def settings(path, subsample_tokens=None, **vocabulary):
    return CountSettings(
        TokenizeSettings(input=(str(path),)),
        VocabularySettings(**{"min_count": 1, **vocabulary}),
        CooccurrenceSettings(window_size=4, subsample_tokens=subsample_tokens),
    )


def add(spark, root, path, name, *, min_count=1, subsample_tokens=None, **options):
    counted = settings(path, subsample_tokens, min_count=min_count)
    with hold_lock(root, "update") as lock:
        return add_batch(spark, root, name, counted, lock, **options)


def remove(root, name):
    with hold_lock(root, "update") as lock:
        return remove_batch(root, name, lock)


def by_words(root):
    """The matrix as a dictionary of pairs of words."""
    words = Vocabulary.read(open_dataset(root / "vocabulary").location).words
    matrix = open_dataset(root / "cooccurrence")
    return {
        (words[row], words[col]): count
        for part in iterate_matrix(matrix)
        for row, col, count in zip(*(column.tolist() for column in part), strict=True)
    }


def counts(root):
    vocabulary = Vocabulary.read(root / "vocabulary")
    return dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))


def folders(root):
    return sorted(info.base_name for info in (root / "cooccurrence").walk(recursive=False))


@pytest.fixture(scope="module")
def at_once(spark, days, tmp_path_factory):
    """Matrix and words of all ten days, counted as one batch."""
    return one_batch(spark, days, tmp_path_factory.mktemp("once"))


@pytest.fixture(scope="module")
def two_at_once(spark, days, tmp_path_factory):
    """The same for the first two days."""
    return one_batch(spark, days / "2026-11-0[12].txt", tmp_path_factory.mktemp("once"))


def one_batch(spark, path, folder):
    root = Location.of(folder / "out")
    claim_folder(root)
    add(spark, root, path, "all")
    return by_words(root), counts(root)


def test_ten_batches_are_one_count_bit_for_bit(spark, root, days, at_once):
    for file in sorted(days.iterdir()):
        add(spark, root, file, file.stem)
    assert by_words(root) == at_once[0]
    assert counts(root) == at_once[1]
    with hold_lock(root, "update") as lock:
        compact(spark, root, lock)
    assert by_words(root) == at_once[0]
    # every batch still exists, and the next one is added to the sum
    followed = remove(root, "2026-11-10")
    assert followed.ledger.sum is None
    add(spark, root, days / "2026-11-10.txt", "2026-11-10")
    assert by_words(root) == at_once[0]


def test_subsampled_batches_add_up_and_can_be_taken_out(spark, root, days, tmp_path, two_at_once):
    first, second = (days / f"2026-11-0{day}.txt" for day in (1, 2))
    add(spark, root, first, "one", subsample_tokens=0.01)
    alone, all_pairs = by_words(root), sum(two_at_once[0].values())
    add(spark, root, second, "two", subsample_tokens=0.01)
    both = by_words(root)
    assert all(both[pair] >= n for pair, n in alone.items())
    assert sum(alone.values()) < sum(both.values()) < 0.9 * all_pairs
    # the counts of words include all tokens
    assert counts(root) == two_at_once[1]
    remove(root, "two")
    assert {pair: n for pair, n in by_words(root).items() if n} == alone
    # the draw of a token depends only on its document: the same text in other files
    other = Location.of(tmp_path / "other")
    claim_folder(other)
    lines = first.read_text().splitlines()
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(4):
        (parts / f"{number}.txt").write_text("\n".join(lines[number::4]))
    add(spark, other, parts, "one", subsample_tokens=0.01)
    assert by_words(other) == alone
    with pytest.raises(DatasetError, match=r"subsample_tokens was 0\.01 and is now null"):
        add(spark, root, second, "two")


def test_a_batch_twice_is_refused_skipped_or_replaced(spark, root, days):
    first, second = days / "2026-11-01.txt", days / "2026-11-02.txt"
    add(spark, root, first, "a")
    before = by_words(root)
    with pytest.raises(
        DatasetError, match=r"batch=a was already added on .*, with the same text; give"
    ):
        add(spark, root, first, "a")
    add(spark, root, first, "a", skip_existing=True)
    with pytest.raises(
        DatasetError, match=r"batch=a was already added on .*, with other text; give"
    ):
        add(spark, root, second, "a", skip_existing=True)
    with pytest.raises(DatasetError, match=r"batch=b contains the same text as batch a, which"):
        add(spark, root, first, "b")
    assert by_words(root) == before
    add(spark, root, second, "a", replacing=True)
    replaced = by_words(root)
    assert replaced != before
    add(spark, root, first, "a", replacing=True)
    assert by_words(root) == before


def test_a_batch_that_is_removed_was_never_there(spark, root, days):
    first, second = days / "2026-11-01.txt", days / "2026-11-02.txt"
    add(spark, root, first, "a")
    before, words = by_words(root), counts(root)
    add(spark, root, second, "b")
    with hold_lock(root, "update") as lock:
        compact(spark, root, lock)
    remove(root, "b")
    assert by_words(root) == before
    assert counts(root) == words
    assert not [name for name in folders(root) if name.startswith(("batch=b", "sum"))]
    with pytest.raises(
        ConfigurationError, match=r"remove=b is not a batch of .*, which has 1; list"
    ):
        remove(root, "b")


def test_words_wait_until_they_are_frequent_and_keep_their_ids(spark, root, tmp_path):
    (tmp_path / "1.txt").write_text("a b a b a b rare\n")
    (tmp_path / "2.txt").write_text("rare a c c c b\n")
    (tmp_path / "3.txt").write_text("c rare\n")
    add(spark, root, tmp_path / "1.txt", "1", min_count=3)
    assert counts(root) == {"a": 3, "b": 3}
    add(spark, root, tmp_path / "2.txt", "2", min_count=3)
    assert list(counts(root).items()) == [("a", 4), ("b", 4), ("c", 3)]
    followed = add(spark, root, tmp_path / "3.txt", "3", min_count=3)
    # now c is more frequent than a: ids are no longer ranks, but do not change
    assert list(counts(root).items()) == [("a", 4), ("b", 4), ("c", 4), ("rare", 3)]
    assert followed.ledger.batches["3"].new_words == 1
    assert followed.ledger.batches["3"].missed_tokens == 2
    facts = open_dataset(root / "cooccurrence").facts
    assert facts["missed_tokens"] == 2
    assert facts["tokens"] == 15
    # the new batch is counted with the known words
    assert ("c", "rare") in by_words(root)
    assert ("a", "rare") not in by_words(root)


def test_an_empty_batch_is_a_batch(spark, root, days, tmp_path, log_lines):
    add(spark, root, days / "2026-11-01.txt", "a")
    before = by_words(root)
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "nothing").mkdir()
    add(spark, root, tmp_path / "empty.txt", "b")
    add(spark, root, tmp_path / "nothing", "c")
    assert by_words(root) == before
    assert any("update: the batch is empty" in line for line in log_lines)
    with pytest.raises(InputError, match="does not exist"):
        add(spark, root, tmp_path / "missing", "d")
    assert set(open_dataset(root / "cooccurrence").facts["batches"]["batches"]) == {"a", "b", "c"}


def test_a_folder_may_begin_with_an_empty_batch(spark, root, days, tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    add(spark, root, tmp_path / "empty.txt", "0")
    add(spark, root, days / "2026-11-01.txt", "1")
    assert by_words(root)


@pytest.mark.parametrize(
    ("module", "moment"),
    [(update, "_count_matrix"), (update, "commit"), (followed_matrix, "_make_vocabulary")],
)
def test_a_crash_at_any_moment_is_recovered_from(
    spark, root, days, monkeypatch, module, moment, two_at_once
):
    files = sorted(days.iterdir())[:2]
    add(spark, root, files[0], files[0].stem)

    def crash(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, moment, crash)
        with pytest.raises(KeyboardInterrupt):
            add(spark, root, files[-1], files[-1].stem)
    add(spark, root, files[-1], files[-1].stem, skip_existing=True)
    assert by_words(root) == two_at_once[0]
    assert counts(root) == two_at_once[1]


def rank_anew(spark, root):
    with hold_lock(root, "update") as lock:
        return rerank(spark, root, lock)


def test_ranks_are_those_of_one_count_and_the_matrix_is_the_same(
    spark, root, days, at_once, tmp_path, monkeypatch
):
    for file in sorted(days.iterdir(), reverse=True):
        add(spark, root, file, file.stem)
    with hold_lock(root, "update") as lock:
        compact(spark, root, lock)
    before = list(counts(root))
    # several blocks per batch
    monkeypatch.setattr(reranking, "NONZEROS_PER_BLOCK", 200)
    followed = rank_anew(spark, root)
    assert len([name for name in followed.files if "/rows-" in name]) > 20
    assert by_words(root) == at_once[0]
    assert list(counts(root).items()) == list(at_once[1].items())
    assert list(counts(root)) != before
    assert folders(root) == sorted(
        {*(b.folder for b in followed.ledger.batches.values()), followed.ledger.lexicon}
    )
    # the second time, there is nothing to do
    assert rank_anew(spark, root).ledger == followed.ledger
    # batches can still be removed and added
    remove(root, "2026-11-04")
    add(spark, root, days / "2026-11-04.txt", "2026-11-04")
    assert by_words(root) == at_once[0]


def test_words_that_have_become_rare_leave_and_may_come_again(spark, root, tmp_path):
    for name, text in {"1": "a b a b a b", "2": "c a c a c b", "3": "b b d"}.items():
        (tmp_path / f"{name}.txt").write_text(text + "\n")
        add(spark, root, tmp_path / f"{name}.txt", name, min_count=3)
    assert list(counts(root)) == ["a", "b", "c"]
    remove(root, "1")
    kept = {pair: count for pair, count in by_words(root).items() if "a" not in pair}
    rank_anew(spark, root)
    assert list(counts(root).items()) == [("b", 3), ("c", 3)]
    assert by_words(root) == kept
    (tmp_path / "4.txt").write_text("a c a\n")
    followed = add(spark, root, tmp_path / "4.txt", "4", min_count=3)
    assert list(counts(root)) == ["b", "c", "a"]
    assert followed.ledger.batches["4"].missed_tokens == 2


def test_no_word_may_stay(spark, root, tmp_path):
    (tmp_path / "1.txt").write_text("a b a b\n")
    (tmp_path / "2.txt").write_text("a b\n")
    for name in ("1", "2"):
        add(spark, root, tmp_path / f"{name}.txt", name, min_count=2)
    remove(root, "1")
    rank_anew(spark, root)
    assert counts(root) == {}
    assert by_words(root) == {}
    add(spark, root, tmp_path / "1.txt", "1", min_count=2)
    assert list(counts(root)) == ["a", "b"]


@pytest.mark.parametrize(
    ("module", "moment"), [(reranking, "commit"), (followed_matrix, "_make_vocabulary")]
)
def test_a_crash_while_words_are_ranked_is_recovered_from(
    spark, root, days, monkeypatch, two_at_once, module, moment
):
    files = sorted(days.iterdir())[:2]
    for file in reversed(files):
        add(spark, root, file, file.stem)

    def crash(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, moment, crash)
        with pytest.raises(KeyboardInterrupt):
            rank_anew(spark, root)
    rank_anew(spark, root)
    assert by_words(root) == two_at_once[0]
    assert list(counts(root).items()) == list(two_at_once[1].items())


@pytest.mark.parametrize("work", [compact, rerank])
def test_damaged_counts_are_not_written_anew(spark, root, days, work):
    for day in ("2026-11-02", "2026-11-01"):
        followed = add(spark, root, days / f"{day}.txt", day)
    file = root / "cooccurrence" / next(name for name in followed.files if "/rows-" in name)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with (
        hold_lock(root, "x") as lock,
        pytest.raises(DatasetError, match="missing or changed; restore"),
    ):
        work(spark, root, lock)
    assert open_dataset(root / "cooccurrence", hasher=None).facts["batches"]["sum"] is None


def test_other_settings_are_refused(spark, root, days):
    add(spark, root, days / "2026-11-01.txt", "a")
    with pytest.raises(
        DatasetError, match="was counted with other settings: min_count was 1 and is now 2"
    ):
        add(spark, root, days / "2026-11-02.txt", "b", min_count=2)
    with hold_lock(root, "x") as lock, pytest.raises(ConfigurationError, match="drop_most_freque"):
        add_batch(spark, root, "b", settings(days, drop_most_frequent=1), lock)


def test_a_damaged_file_is_named_before_anything_is_counted(spark, root, days):
    followed = add(spark, root, days / "2026-11-01.txt", "a")
    lexicon = root / "cooccurrence" / followed.ledger.lexicon
    lexicon.write_bytes(lexicon.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=r"lexicon.* is missing or changed; restore it"):
        add(spark, root, days / "2026-11-02.txt", "b")


def test_blocks_of_batches_are_those_of_one_count_and_old_batches_may_weigh_less(
    spark, root, days, tmp_path, at_once
):
    for file in sorted(days.iterdir()):
        add(spark, root, file, file.stem)
    made = {}
    for name, half_life in (("full", None), ("half", "3d")):
        made[name] = Location.of(tmp_path / name)
        claim_folder(made[name])
        options = BlocksSettings(num_blocks=2, half_life=half_life)
        blocks = run_stage(BLOCKS, spark, options, made[name], inputs_root=root)
        sums = by_places(blocks)
        wanted, _ = at_once if half_life is None else (weighted(spark, days, tmp_path), None)
        words = Vocabulary.read(root / "vocabulary").words
        assert len(sums) == len(wanted)
        for (row, col), count in sums.items():
            assert count == pytest.approx(wanted[words[row], words[col]], rel=1e-6)
        assert blocks.facts["largest_count"] == pytest.approx(max(wanted.values()), rel=1e-6)


def test_the_half_life_needs_batches_of_days(spark, root, days, tmp_path):
    add(spark, root, days / "2026-11-01.txt", "first")
    with pytest.raises(ConfigurationError, match="batch=first does not begin with a date"):
        run_stage(BLOCKS, spark, BlocksSettings(half_life="3d"), root)
    remove(root, "first")
    with pytest.raises(InputError, match="has no nonzeros; add text"):
        run_stage(BLOCKS, spark, BlocksSettings(), root)


def test_nothing_else_writes_over_counts_that_follow_a_corpus(spark, root, days, capsys):
    add(spark, root, days / "2026-11-01.txt", "a")
    before = by_words(root)
    arguments = ["--input", str(days), "--output", root.path, "--min-count", "1"]
    assert main(["run", *arguments]) == 5
    assert (
        "belongs to incremental updates and is not replaced; add text with glove-spark update"
        in capsys.readouterr().err
    )
    assert by_words(root) == before


def test_the_command_line(spark, root, days, capsys):
    options = ["--output", root.path, "--min-count", "1", "--window-size", "4"]
    for day in ("2026-11-01", "2026-11-02"):
        text = ["--input", str(days / f"{day}.txt"), "--batch", day]
        assert main(["update", *options, *text, "--compact-after", "2"]) == 0
    assert main(["update", *options, *text]) == 5
    assert main(["update", *options, *text, "--skip-existing"]) == 0
    said = capsys.readouterr().err
    assert "batch 2026-11-02 was already added, skipped" in said
    # the last line is a summary
    assert re.search(r" update: done in \d+\.\d s; 2 batches, [\d,]+ tokens\n$", said)
    assert open_dataset(root / "cooccurrence").facts["batches"]["sum"] is not None
    assert main(["update", "--output", root.path, "--remove", "2026-11-01"]) == 0
    assert main(["update", "--output", root.path, "--compact"]) == 0
    assert main(["update", "--output", root.path, "--rerank"]) == 0
    assert main(["update", "--output", root.path, "--rerank", "--compact"]) == 2
    assert main(["batches", root.path]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("2026-11-02  ")
    assert main(["update", "--output", root.path]) == 2
    assert "(assign new ids); given: none of them; give one" in capsys.readouterr().err
    assert main(["update", *options, *text, "--remove", "x"]) == 2
    assert main(["update", *options, "--input", "x", "--batch", "../x"]) == 2
    assert "must consist of at most 100 letters, digits" in capsys.readouterr().err


def by_places(blocks):
    """Counts of the cells by ids."""
    size, found = blocks.facts["num_blocks"], {}
    for p in range(size):
        for q in range(size):
            file, transposed = cell_file(blocks.location, p, q, symmetric=True)
            for rows, cols, logs in read_cell(file).nonzeros():
                rows, cols = (cols, rows) if transposed else (rows, cols)
                for row, col, log in zip(rows.tolist(), cols.tolist(), logs.tolist(), strict=True):
                    found[row * size + p, col * size + q] = np.exp(log)
    return found


def weighted(spark, days, tmp_path):
    """The matrix in which the counts of a day are halved for every three days of age."""
    total = {}
    for file in sorted(days.iterdir()):
        root = Location.of(tmp_path / f"alone-{file.stem}")
        claim_folder(root)
        add(spark, root, file, file.stem)
        for pair, count in by_words(root).items():
            age = 10 - int(file.stem[-2:])
            total[pair] = total.get(pair, 0) + count * 0.5 ** (age / 3)
    return total
