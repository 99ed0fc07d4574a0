"""Files of the C program, real and generated ones: to datasets and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from glove_spark.c_program import records
from glove_spark.c_program.exporting import export_c
from glove_spark.c_program.importing import import_c
from glove_spark.c_program.records import RecordTally, in_order, read_records
from glove_spark.datasets.matrix_parts import iterate_matrix
from glove_spark.datasets.model import block_file, read_parameters
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import (
    ConfigurationError,
    DatasetError,
    InputError,
    OutputError,
)
from glove_spark.exchange.c_program import RECORD, parameters_file, read_vocab, write_vocab
from glove_spark.store.location import Location
from glove_spark.vectors.word_vectors import WordVectors

WORDS = ["the", "of", "naïve", "<unk>", "war"]
COUNTS = [9, 7, 7, 5, 2]


@pytest.fixture
def made(tmp_path):
    """Files as the program would write them, and the matrix and parameters in them."""
    rng = np.random.default_rng(7)
    order = sorted(range(5), key=lambda k: (-COUNTS[k], WORDS[k]))
    (tmp_path / "vocab.txt").write_text(
        "".join(f"{WORDS[k]} {COUNTS[k]}\n" for k in order), "utf-8"
    )
    half = np.triu(rng.random((5, 5)) * (rng.random((5, 5)) < 0.6)) + np.eye(5) / 3
    matrix = half + half.T
    rows, cols = np.nonzero(matrix)
    found = np.empty(len(rows), RECORD)
    found["row"], found["col"], found["count"] = rows + 1, cols + 1, matrix[rows, cols]
    found.tofile(tmp_path / "cooccurrence.bin")
    parameters = rng.standard_normal((10, 4))
    parameters.tofile(tmp_path / "parameters.bin")
    squares = rng.random((10, 4)) + 1
    squares.tofile(tmp_path / "gradsq.bin")
    return tmp_path, matrix, parameters, squares


def given(folder, *names):
    return {name: str(folder / f"{name}.bin") for name in names}


def dense(dataset, size):
    found = np.zeros((size, size))
    for rows, cols, counts in iterate_matrix(dataset):
        found[rows, cols] = counts
    return found


def test_counts_and_parameters_go_there_and_back(made):
    folder, matrix, parameters, squares = made
    names = ("cooccurrence", "parameters", "gradsq")
    vocabulary, counted, model = import_c(
        str(folder / "out"), vocab=str(folder / "vocab.txt"), **given(folder, *names)
    )
    read = Vocabulary.read(vocabulary.location)
    assert sorted(read.words) == sorted(WORDS)
    assert read.counts.tolist() == COUNTS
    assert counted.manifest.recipe.settings["symmetric"] is True
    np.testing.assert_array_equal(dense(counted, 5), matrix)
    facts = counted.facts
    assert facts["nnz"] == np.count_nonzero(matrix)
    assert facts["nnz_stored"] == np.count_nonzero(np.triu(matrix))
    assert facts["nnz_diagonal"] == 5
    assert facts["sum_of_counts"] == pytest.approx(matrix.sum())
    assert facts["largest_count"] == matrix.max() == matrix[tuple(facts["largest_count_at"])]
    for number, side in enumerate(("W", "W_tilde")):
        found = read_parameters(block_file(model.location, 1, side, 0), 3, "element")
        own = slice(5 * number, 5 * number + 5)
        np.testing.assert_array_equal(found.vectors, parameters[own, :3].astype("f4"))
        np.testing.assert_array_equal(found.biases, parameters[own, 3].astype("f4"))
        np.testing.assert_array_equal(found.vector_gradsq, squares[own, :3].astype("f4"))
        np.testing.assert_array_equal(found.bias_gradsq, squares[own, 3].astype("f4"))
    back = folder / "back"
    written = export_c(str(folder / "out"), vocab=str(back / "vocab.txt"), **given(back, *names))
    assert len(written) == 4
    for name in ("vocab.txt", "cooccurrence.bin"):
        assert (back / name).read_bytes() == (folder / name).read_bytes()
    for name, expected in (("parameters", parameters), ("gradsq", squares)):
        found = np.fromfile(back / f"{name}.bin").reshape(10, 4)
        np.testing.assert_array_equal(found, expected.astype("f4"))


@pytest.mark.parametrize("blocks", [1, 2, 7])
def test_a_model_in_any_number_of_blocks_gives_the_same_vectors(made, monkeypatch, blocks):
    folder, _, parameters, _ = made
    monkeypatch.setattr("glove_spark.c_program.importing.BLOCK_WORDS", -(-5 // blocks))
    vocab = str(folder / "vocab.txt")
    import_c(str(folder / "out"), vocab=vocab, **given(folder, "parameters"))
    word, context = parameters[:5, :3], parameters[5:, :3]
    for side, expected in (("sum", word + context), ("word", word), ("context", context)):
        found = WordVectors.load(str(folder / "out"), side=side)
        assert found.words == read_vocab(Location.of(vocab)).words
        np.testing.assert_allclose(found.vectors, expected, rtol=1e-5, atol=1e-6)
        straight = WordVectors.load(str(folder / "parameters.bin"), vocab=vocab, side=side)
        np.testing.assert_allclose(straight.vectors, expected, rtol=1e-5, atol=1e-6)
    export_c(str(folder / "out"), gradsq=str(folder / "ones.bin"))
    np.testing.assert_array_equal(np.fromfile(folder / "ones.bin"), np.ones(40))


def test_context_on_the_left_is_seen(made):
    folder, matrix, _, _ = made
    found = np.fromfile(folder / "cooccurrence.bin", RECORD)
    found["count"][0] += found["row"][0] == found["col"][0]
    left = found[found["row"] != 2]
    left.tofile(folder / "cooccurrence.bin")
    _, counted = import_c(
        str(folder / "out"), vocab=str(folder / "vocab.txt"), **given(folder, "cooccurrence")
    )
    assert counted.manifest.recipe.settings["symmetric"] is False
    expected = matrix.copy()
    expected[1] = 0
    expected[0, 0] += 1
    np.testing.assert_array_equal(dense(counted, 5), expected)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("range_records", [1, 40, 10**6])
def test_records_come_in_order_a_range_of_rows_at_a_time(
    tmp_path, monkeypatch, shuffled, range_records
):
    monkeypatch.setattr(records, "RANGE_RECORDS", range_records)
    monkeypatch.setattr(records, "BLOCK_RECORDS", 17)
    rng = np.random.default_rng(8)
    rows, cols = np.nonzero(rng.random((20, 20)) < 0.5)
    whole = np.empty(len(rows), RECORD)
    whole["row"], whole["col"], whole["count"] = rows + 1, cols + 1, rng.random(len(rows)) + 0.1
    file = tmp_path / "c.bin"
    (rng.permutation(whole) if shuffled else whole).tofile(file)
    location = Location.of(file)
    tally = RecordTally(read_records(location), 20, "c.bin")
    assert tally.in_order is not shuffled
    np.testing.assert_array_equal(tally.per_row, np.bincount(rows, minlength=20))
    parts = list(in_order(lambda: read_records(location), tally, "c.bin"))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    # no row in two parts
    firsts, lasts = [part["row"][0] for part in parts], [part["row"][-1] for part in parts]
    assert all(last < first for last, first in zip(lasts, firsts[1:], strict=False))
    if range_records == 1:
        assert len(parts) == len(np.unique(rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found["row"].__setitem__(0, 6), "a record of word 6, but the vocabulary"),
        (lambda found: found["col"].__setitem__(0, 0), "a record of word 0"),
        (lambda found: found["count"].__setitem__(0, -1), "a count of -1.0; counts must be pos"),
        (lambda found: found["count"].__setitem__(0, np.nan), "a count of nan"),
        (lambda found: found.__setitem__(1, found[0]), "two records of row 1, column 1"),
    ],
)
def test_wrong_records_are_refused_and_leave_nothing(made, change, message):
    folder, _, _, _ = made
    found = np.fromfile(folder / "cooccurrence.bin", RECORD)
    change(found)
    found.tofile(folder / "cooccurrence.bin")
    with pytest.raises(InputError, match=message):
        import_c(
            str(folder / "out"), vocab=str(folder / "vocab.txt"), **given(folder, "cooccurrence")
        )
    assert not [file for file in (folder / "out").iterdir() if "cooccurrence" in file.name]


def test_files_cut_short_are_refused(made):
    folder, _, _, _ = made
    for name in ("cooccurrence", "parameters"):
        file = folder / f"{name}.bin"
        file.write_bytes(file.read_bytes()[:-5])
        with pytest.raises(InputError, match="is cut short"):
            import_c(str(folder / "out"), vocab=str(folder / "vocab.txt"), **given(folder, name))


def test_parameters_and_accumulators_of_different_runs_are_refused(made):
    folder, _, _, _ = made
    np.zeros(50).tofile(folder / "gradsq.bin")
    with pytest.raises(
        InputError, match=r"5 numbers per word, but .* 4; give two files of the same"
    ):
        import_c(
            str(folder / "out"),
            vocab=str(folder / "vocab.txt"),
            **given(folder, "parameters", "gradsq"),
        )
    np.full(40, np.inf).tofile(folder / "parameters.bin")
    with pytest.raises(InputError, match="contains numbers that are not finite"):
        import_c(
            str(folder / "out"), vocab=str(folder / "vocab.txt"), **given(folder, "parameters")
        )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the 3\n", "has 1 words; a vocabulary must have at least two"),
        (b"the 3\nof\n", "line 2: 'of' must be a word and its count"),
        (b"the 3\nof x\n", "line 2: 'of x' must be a word and its count"),
        (b"the 3\nthe 2\n", "line 2: 'the' occurs before, in line 1"),
        (b"the 3\n\xff 2\n", r"line 2: the word b'\\xff' is not UTF-8"),
    ],
)
def test_wrong_vocabularies_are_refused_by_line(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_vocab(Location.of(tmp_path / "vocab.txt"))


def test_a_word_with_a_space_has_no_place_in_vocab_txt(tmp_path):
    vocabulary = Vocabulary(["new york", "of"], np.array([2, 1]))
    with pytest.raises(InputError, match="word 'new york' contains white space"):
        write_vocab(vocabulary, Location.of(tmp_path / "vocab.txt"))


def test_datasets_that_are_there_are_kept_unless_told(made, log_lines):
    folder, _, _, _ = made
    out, vocab = str(folder / "out"), str(folder / "vocab.txt")
    import_c(out, vocab=vocab, **given(folder, "cooccurrence"))
    import_c(out, vocab=vocab, **given(folder, "cooccurrence"))
    assert "cooccurrence: already complete, skipped" in log_lines
    (folder / "vocab.txt").write_text("a 9\nb 8\nc 7\nd 6\ne 5\n")
    with pytest.raises(DatasetError, match=r"is not up to date: vocab\.txt has changed"):
        import_c(out, vocab=vocab, **given(folder, "cooccurrence"))
    made_again = import_c(out, vocab=vocab, **given(folder, "cooccurrence"), overwrite=True)
    assert Vocabulary.read(made_again[0].location).words == list("abcde")
    manifest = json.loads((folder / "out" / "cooccurrence.manifest.json").read_text())
    assert manifest["inputs"]["vocabulary"] == made_again[0].manifest.fingerprint


def test_exports_that_are_there_are_kept_unless_told(made):
    folder, _, _, _ = made
    out = str(folder / "out")
    import_c(out, vocab=str(folder / "vocab.txt"), **given(folder, "parameters"))
    with pytest.raises(OutputError, match=r"parameters\.bin exists; give --overwrite"):
        export_c(out, **given(folder, "parameters"))
    export_c(out, **given(folder, "parameters"), overwrite=True)
    with pytest.raises(ConfigurationError, match="nothing to export; give --vocab"):
        export_c(out)
    with pytest.raises(ConfigurationError, match=r"gradsq=.* needs parameters; give --parameters"):
        import_c(out, vocab=str(folder / "vocab.txt"), **given(folder, "gradsq"))
    with pytest.raises(OutputError, match="is remote; it can only be written to a local file"):
        export_c(out, parameters="s3://bucket/p.bin", overwrite=True)


# files of the program itself


@pytest.mark.parametrize("name", ["symmetric-harmonic", "symmetric-flat", "left-harmonic"])
def test_the_programs_counts_come_back_byte_for_byte(tmp_path, shared_data, name):
    golden = shared_data / "golden"
    counts = golden / f"cooccurrence-{name}.bin"
    _, counted = import_c(
        str(tmp_path / "out"), vocab=str(golden / "vocab.txt"), cooccurrence=str(counts)
    )
    assert counted.manifest.recipe.settings["symmetric"] is name.startswith("symmetric")
    export_c(
        str(tmp_path / "out"),
        vocab=str(tmp_path / "vocab.txt"),
        cooccurrence=str(tmp_path / "cooccurrence.bin"),
    )
    assert (tmp_path / "cooccurrence.bin").read_bytes() == counts.read_bytes()
    assert (tmp_path / "vocab.txt").read_bytes() == (golden / "vocab.txt").read_bytes()


def test_the_programs_shuffled_counts_are_brought_in_order(tmp_path, shared_data):
    golden = shared_data / "golden"
    vocab = str(golden / "vocab.txt")
    for name in ("shuffled", "symmetric-harmonic"):
        import_c(
            str(tmp_path / name), vocab=vocab, cooccurrence=str(golden / f"cooccurrence-{name}.bin")
        )
    one, other = (
        (tmp_path / name / "cooccurrence" / "rows-00000.parquet").read_bytes()
        for name in ("shuffled", "symmetric-harmonic")
    )
    assert one == other


def test_the_programs_parameters_give_the_vectors_that_it_wrote(tmp_path, shared_data):
    golden = shared_data / "golden"
    text = WordVectors.load(str(golden / "vectors-after-3-epochs.txt"))
    assert text.words[-1] == "<unk>"
    import_c(
        str(tmp_path / "out"),
        vocab=str(golden / "vocab.txt"),
        parameters=str(golden / "parameters-after-3-epochs.bin"),
        gradsq=str(golden / "gradsq-after-3-epochs.bin"),
    )
    found = WordVectors.load(str(tmp_path / "out"), side="sum")
    assert found.words == text.words[:-1]
    np.testing.assert_allclose(found.vectors, text.vectors[:-1], atol=1e-6)
    for name in ("parameters", "gradsq"):
        export_c(str(tmp_path / "out"), **{name: str(tmp_path / name)})
        written = np.fromfile(tmp_path / name)
        original = np.fromfile(golden / f"{name}-after-3-epochs.bin")
        np.testing.assert_array_equal(written, original.astype("f4"))


def test_parameters_of_another_vocabulary_are_refused(tmp_path):
    np.zeros(9).tofile(tmp_path / "p.bin")
    with pytest.raises(InputError, match="72 bytes, but parameters of 2 words"):
        parameters_file(Location.of(tmp_path / "p.bin"), 2)
