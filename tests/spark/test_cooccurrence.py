"""Co-occurrence: the counts, the same bytes from any partitions, and the facts."""

from __future__ import annotations

import math
import zlib
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chispa import assert_df_equality

from glove_spark.datasets import cooccurrence as matrix_files
from glove_spark.datasets.cooccurrence import SCHEMA, read_nonzeros
from glove_spark.datasets.matrix_parts import iterate_matrix
from glove_spark.datasets.tokens import TokenSlice, plan_slices, read_slice
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import DatasetError, InputError
from glove_spark.kernels.counting.runs import add_up
from glove_spark.kernels.counting.subsampling import kept_shares, kept_tokens
from glove_spark.kernels.counting.windows import distance_weights
from glove_spark.kernels.reference import count_cooccurrences
from glove_spark.settings.stages import CooccurrenceSettings, VocabularySettings
from glove_spark.stages import cooccurrence as stage
from glove_spark.stages.cooccurrence import COOCCURRENCE
from glove_spark.stages.matrix_facts import BlockFacts, Tally, exact_sum, matrix_facts
from glove_spark.stages.stage import run_stage
from glove_spark.stages.vocabulary import VOCABULARY
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe, fingerprint, list_files

pytestmark = pytest.mark.spark


def publish_tokens(root: Location, documents, *, files=1, row_group=1000) -> Dataset:
    """Publish documents as the dataset tokens, in a given number of files."""
    folder = (root / "tokens").make_folder()
    size = -(-len(documents) // files)
    for number in range(files):
        part = documents[number * size : (number + 1) * size]
        table = pa.table({"tokens": pa.array(part, pa.list_(pa.string()))})
        name = (folder / f"part-{number}.parquet").path
        pq.write_table(table, name, row_group_size=row_group)
    tokens = sum(map(len, documents))
    recipe = Recipe("tokenize", 1, {}, {"corpus": fingerprint(documents), "files": str(files)})
    manifest = Manifest(recipe, list_files(folder), {"tokens": tokens})
    manifest.write(folder)
    return Dataset(folder, manifest)


@pytest.fixture
def count(spark, tmp_path):
    """Count documents given as lists of words; return the dataset and its vocabulary."""

    def run(documents, *, name="output", files=1, row_group=1000, vocabulary=None, **settings):
        root = Location.of(tmp_path / name).make_folder()
        publish_tokens(root, documents, files=files, row_group=row_group)
        words = VocabularySettings(**{"min_count": 1, **(vocabulary or {})})
        chosen = run_stage(VOCABULARY, spark, words, root, overwrite=True)
        settings = CooccurrenceSettings(**settings)
        matrix = run_stage(COOCCURRENCE, spark, settings, root, overwrite=True)
        return matrix, Vocabulary.read(chosen.location)

    return run


def as_dictionary(matrix: Dataset) -> dict[tuple[int, int], float]:
    found = {}
    for rows, cols, counts in iterate_matrix(matrix):
        for row, col, value in zip(rows.tolist(), cols.tolist(), counts.tolist(), strict=True):
            assert (row, col) not in found
            found[row, col] = value
    return found


def random_documents(seed=1, documents=60, words=40, longest=50):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest, documents)
    return [[f"w{k}" for k in rng.zipf(1.4, length) % words] for length in lengths]


def ids_of(documents, vocabulary):
    known = {word: number for number, word in enumerate(vocabulary.words)}
    return [[known.get(word) for word in document] for document in documents]


def test_the_worked_example(count):
    document = ["an", "apple", "a", "day", "keeps", "an", "apple", "a", "day"]
    matrix, vocabulary = count([document], window_size=2, weighting="flat")
    found = as_dictionary(matrix)
    expected = {
        ("an", "apple"): 2,
        ("an", "a"): 2,
        ("an", "day"): 1,
        ("an", "keeps"): 1,
        ("apple", "a"): 2,
        ("apple", "day"): 2,
        ("apple", "keeps"): 1,
        ("a", "day"): 2,
        ("a", "keeps"): 1,
        ("day", "keeps"): 1,
    }
    id_of = {word: number for number, word in enumerate(vocabulary.words)}
    both = {(id_of[i], id_of[j]): n for (i, j), n in expected.items()}
    both |= {(col, row): n for (row, col), n in both.items()}
    assert found == both
    assert matrix.facts["nnz"] == 20
    assert matrix.facts["nnz_stored"] == 10
    assert matrix.facts["nnz_diagonal"] == 0
    assert matrix.facts["pairs"] == 15
    assert matrix.facts["sum_of_counts"] == 30


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("weighting", ["harmonic", "flat"])
@pytest.mark.parametrize("window_size", [1, 4, 13])
def test_counts_equal_the_oracle(count, window_size, weighting, symmetric):
    documents = random_documents()
    matrix, vocabulary = count(
        documents,
        files=2,
        row_group=7,
        vocabulary={"min_count": 4},
        window_size=window_size,
        weighting=weighting,
        symmetric=symmetric,
    )
    expected = count_cooccurrences(
        ids_of(documents, vocabulary),
        window_size,
        symmetric=symmetric,
        harmonic=weighting == "harmonic",
    )
    found = as_dictionary(matrix)
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[cell], expected[cell], rel_tol=1e-12) for cell in found)
    facts = matrix.facts
    assert facts["nnz"] == len(expected)
    assert math.isclose(facts["sum_of_counts"], sum(expected.values()), rel_tol=1e-12)
    assert int(facts["sum_of_units"]) / facts["unit"] == facts["sum_of_counts"]
    assert facts["largest_count"] == max(found.values())
    assert found[tuple(facts["largest_count_at"])] == facts["largest_count"]
    assert facts["tokens"] == sum(map(len, documents))
    assert facts["tokens_in_vocabulary"] == int(vocabulary.counts.sum())
    assert facts["vocabulary_size"] == len(vocabulary)


def test_out_of_vocabulary_words_close_up_or_keep_their_place(count):
    documents = [["a", "x", "b", "x", "x", "a", "b"], ["b", "a"]]
    words = {"min_count": 3, "unk": "drop"}
    settings = {"vocabulary": words, "window_size": 1, "weighting": "flat"}
    closed, vocabulary = count(documents, **settings, out_of_vocabulary="close")
    assert vocabulary.words == ["a", "b", "x"]
    documents = [
        [word if word != "x" else f"rare{k}" for k, word in enumerate(d)] for d in documents
    ]
    closed, vocabulary = count(documents, **settings, out_of_vocabulary="close")
    assert vocabulary.words == ["a", "b"]
    assert as_dictionary(closed) == {(0, 1): 4, (1, 0): 4}
    kept, _ = count(documents, **settings, out_of_vocabulary="keep")
    assert as_dictionary(kept) == {(0, 1): 2, (1, 0): 2}
    assert kept.facts["tokens_in_vocabulary"] == closed.facts["tokens_in_vocabulary"] == 6


def test_unknown_words_count_as_the_word_for_them(count):
    documents = [["a", "r1", "a", "r2", "b", "b", "r3", "b"]]
    matrix, vocabulary = count(
        documents, vocabulary={"min_count": 2, "unk": "keep"}, window_size=1, weighting="flat"
    )
    assert vocabulary.words == ["<unk>", "b", "a"]
    assert as_dictionary(matrix) == {
        (2, 0): 3,
        (0, 2): 3,
        (0, 1): 3,
        (1, 0): 3,
        (1, 1): 2,
    }
    assert matrix.facts["tokens_in_vocabulary"] == 8


@pytest.mark.parametrize("out_of_vocabulary", ["close", "keep"])
@pytest.mark.parametrize("seed", [None, 7])
def test_subsampled_tokens_are_dropped_before_windows_are_formed(count, out_of_vocabulary, seed):
    documents = random_documents(documents=30)
    matrix, vocabulary = count(
        documents,
        window_size=3,
        subsample_tokens=0.01,
        subsample_seed=seed,
        out_of_vocabulary=out_of_vocabulary,
    )
    share_of = dict(zip(vocabulary.words, kept_shares(vocabulary.counts, 0.01), strict=True))
    kept = []
    for document, ids in zip(documents, ids_of(documents, vocabulary), strict=True):
        words = np.array([zlib.crc32(word.encode()) for word in document], np.uint64)
        shares = np.array([share_of[word] for word in document])
        drawn = kept_tokens(words, np.array([len(document)]), shares, seed or 1)
        kept.append([id if keep else None for id, keep in zip(ids, drawn, strict=True)])
    dropped = sum(id is None for ids in kept for id in ids)
    assert 0 < dropped < sum(map(len, kept))
    found = as_dictionary(matrix)
    if out_of_vocabulary == "close":
        expected = count_cooccurrences(kept, 3)
        assert set(found) == set(expected)
        assert all(found[pair] == pytest.approx(n) for pair, n in expected.items())
    else:
        # a dropped token keeps its position, so fewer pairs are within the window
        assert sum(found.values()) < sum(count_cooccurrences(kept, 3).values())
    assert matrix.facts["tokens_in_vocabulary"] == sum(map(len, kept)) - dropped


@pytest.mark.parametrize("subsample_tokens", [None, 0.01])
@pytest.mark.parametrize("symmetric", [True, False])
def test_bytes_do_not_depend_on_the_partitions(count, monkeypatch, symmetric, subsample_tokens):
    documents = random_documents(documents=200, words=300)
    monkeypatch.setattr(stage, "NONZEROS_PER_BLOCK", 1_000)
    found = []
    for number, (files, row_group, per_task, per_stretch) in enumerate(
        [(1, 1000, 10**9, 10**9), (7, 5, 4_000, 100), (3, 40, 500, 50)]
    ):
        monkeypatch.setattr(stage, "PAIRS_PER_TASK", per_task)
        monkeypatch.setattr(stage, "PLACES_PER_STRETCH", per_stretch)
        matrix, _ = count(
            documents,
            name=f"output-{number}",
            files=files,
            row_group=row_group,
            window_size=6,
            symmetric=symmetric,
            subsample_tokens=subsample_tokens,
        )
        found.append({file.name: file.read_bytes() for file in matrix.files("")})
    assert len(found[0]) >= 4
    assert found[0] == found[1] == found[2]


def test_a_document_larger_than_every_stretch_is_counted_whole(count, monkeypatch):
    monkeypatch.setattr(stage, "PLACES_PER_STRETCH", 100)
    rng = np.random.default_rng(3)
    document = [f"w{k}" for k in rng.integers(0, 20, 3000)]
    matrix, vocabulary = count([document], window_size=3)
    expected = count_cooccurrences(ids_of([document], vocabulary), 3)
    found = as_dictionary(matrix)
    assert all(math.isclose(found[cell], expected[cell], rel_tol=1e-12) for cell in expected)
    assert matrix.facts["pairs"] == 2999 + 2998 + 2997


def test_rows_are_sorted_within_files_and_from_file_to_file(count, monkeypatch):
    monkeypatch.setattr(stage, "NONZEROS_PER_BLOCK", 500)
    matrix, vocabulary = count(random_documents(documents=80, words=100), window_size=5)
    assert len(matrix.files(".parquet")) >= 3
    last = -1
    for file in matrix.files(".parquet"):
        assert pq.read_schema(file.path).equals(SCHEMA)
        for rows, cols, _ in read_nonzeros(file):
            assert np.all(rows <= cols)
            keys = rows.astype(np.int64) * len(vocabulary) + cols
            assert keys[0] > last
            assert np.all(np.diff(keys) > 0)
            last = int(keys[-1])


def test_row_groups_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_files, "ROW_GROUP_ROWS", 100)
    cells = np.arange(300, dtype=np.int32)
    run = add_up(np.arange(0, 301, 20), cells, np.arange(1, 301), 300)
    file = Location.of(tmp_path / "rows.parquet")
    matrix_files.write_rows(run, 7, 10, file)
    batches = list(read_nonzeros(file))
    assert [len(batch.counts) for batch in batches] == [100] * 3
    rows, cols, counts = (np.concatenate(column) for column in zip(*batches, strict=True))
    assert np.array_equal(rows, cells // 20 + 7)
    assert np.array_equal(cols, cells)
    assert np.array_equal(counts, np.arange(1, 301) / 10)


def test_documents_of_one_word_are_refused(count):
    with pytest.raises(InputError, match=r"window_size=10: no two words .* 4 tokens; check"):
        count([["a"], ["b"], ["a"], [], ["b"]])


def test_lost_counts_are_noticed():
    weights = distance_weights(10, "harmonic", 10)
    tally = Tally(9, 9, np.ones(10, np.int64))
    block = BlockFacts(0, 3, 1, 12, 2, 7, (0, 1), tally)
    with pytest.raises(DatasetError, match="the counts sum to 22 units but the pairs to 14,762"):
        matrix_facts([block], CooccurrenceSettings(), weights, 4)


def test_sums_beyond_int64_are_exact():
    units = np.full(5, 2**62 + 3, np.int64)
    assert exact_sum(units) == 5 * (2**62 + 3)


def test_the_schema_is_as_documented(spark, count, tmp_path):
    count([["a", "a", "b"]], window_size=1)
    found = spark.read.parquet(str(tmp_path / "output" / "cooccurrence"))
    rows = [(0, 0, 2.0), (0, 1, 1.0)]
    expected = spark.createDataFrame(rows, "row_id int, col_id int, count double")
    assert_df_equality(found, expected, ignore_nullable=True)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_reader_expands_the_stored_triangle(count, symmetric):
    matrix, _ = count(random_documents(), window_size=3, symmetric=symmetric)
    found = as_dictionary(matrix)
    assert len(found) == matrix.facts["nnz"]
    if symmetric:
        assert all(found[col, row] == value for (row, col), value in found.items())


def test_a_damaged_matrix_is_named(tmp_path):
    file = Location.of(tmp_path / "rows-00000.parquet")
    file.write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"rows-00000\.parquet cannot be read .*cooccurrence wi"):
        list(read_nonzeros(file))
    pq.write_table(pa.table({"x": [1]}), file.path)
    with pytest.raises(DatasetError, match="has the columns x but must have row_id int32"):
        list(read_nonzeros(file))


def test_damaged_tokens_are_named(tmp_path):
    file = Location.of(tmp_path / "part-0.parquet")
    file.write_bytes(b"PAR1")
    with pytest.raises(DatasetError, match=r"part-0\.parquet cannot be read .*tokenize with"):
        list(read_slice(TokenSlice(file, 0, 0, 1)))
    pq.write_table(pa.table({"x": [1]}), file.path)
    with pytest.raises(DatasetError, match="it has no column tokens of array<string>"):
        list(read_slice(TokenSlice(file, 0, 0, 1)))


@pytest.mark.parametrize(("files", "row_group"), [(1, 1000), (3, 7), (1, 1)])
@pytest.mark.parametrize("tokens_per_task", [1, 20, 300, 10**6])
def test_tasks_share_the_documents_evenly(tmp_path, files, row_group, tokens_per_task):
    documents = [[f"d{number}"] * 10 for number in range(50)]
    tokens = publish_tokens(Location.of(tmp_path), documents, files=files, row_group=row_group)
    tasks = plan_slices(tokens, tasks_at_once=2, tokens_per_task=tokens_per_task)
    batches = [[batch for part in task for batch in read_slice(part)] for task in tasks]
    seen = [
        [batch.words[code].as_py() for batch in task for code in batch.codes] for task in batches
    ]
    assert [word for task in seen for word in task] == [word for d in documents for word in d]
    sizes = [len(words) for words in seen]
    assert len(sizes) == min(50, 2 * math.ceil(500 / (2 * tokens_per_task)))
    assert max(sizes) - min(sizes) <= 10
    assert all(
        first.stop <= second.start
        for task in tasks
        for first, second in pairwise(task)
        if first[:2] == second[:2]
    )
