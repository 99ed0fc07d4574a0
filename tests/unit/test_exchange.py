"""Every format: the common contract, then errors of each format."""

from __future__ import annotations

import gzip
import json
import re
import struct
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glove_spark.errors import ConfigurationError, InputError, OutputError
from glove_spark.exchange.formats import FORMATS, convert, format_of, open_vectors
from glove_spark.exchange.source import CHUNK_ROWS, MemorySource, checked
from glove_spark.vectors.word_vectors import WordVectors

ODD_WORDS = [
    "<unk>",
    "naïve",
    "東京",
    "🙂",
    '"',
    ",",
    "#",
    "'s",
    "1",
    "1.5",
    "a\u00a0b",
    "\u2028",
    "nan",
]
SUFFIXED = [(kind.name, kind.suffix) for kind in FORMATS.values()]
FORBIDDEN = {
    "glove": set(" \t\n\v\f\r"),
    "word2vec": set(" \t\n\v\f\r"),
    "word2vec-binary": set(" \n"),
    "npy": set("\n\r"),
    "projector": set("\t\n\r"),
}
PACKED = [(name, FORMATS[name].suffix + ".gz") for name in FORMATS if FORMATS[name].packed]


def some_vectors(words, size=3, seed=1):
    """Floats of many magnitudes, so that a lost digit is detected."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-30, 30, (len(words), 1))
    return WordVectors(words, (rng.standard_normal((len(words), size)) * scale).astype("f4"))


def assert_same(found, expected):
    assert found.words == expected.words
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert found.vectors.dtype == np.float32


@pytest.mark.parametrize(("name", "suffix"), SUFFIXED + PACKED)
def test_every_format_gives_the_same_words_and_floats_back(tmp_path, name, suffix):
    more_than_a_chunk = ODD_WORDS + [f"w{k}" for k in range(2 * CHUNK_ROWS + 5)]
    vectors = some_vectors(more_than_a_chunk)
    file = tmp_path / f"v{suffix}"
    vectors.save(str(file))
    assert format_of(str(file)).name == name
    assert_same(WordVectors.load(str(file)), vectors)
    source = open_vectors(str(file))
    assert (source.num_words, source.vector_size) == (len(vectors), 3)
    assert all(len(chunk.words) <= CHUNK_ROWS for chunk in source.chunks())
    assert [word for words in source.words() for word in words] == vectors.words


@pytest.mark.parametrize(("name", "suffix"), SUFFIXED)
@pytest.mark.parametrize("size", [1, 2])
def test_every_format_holds_short_vectors(tmp_path, name, suffix, size):
    vectors = some_vectors(["7", "b", "3"], size=size)
    vectors.save(str(tmp_path / f"v{suffix}"))
    assert_same(WordVectors.load(str(tmp_path / f"v{suffix}")), vectors)


@pytest.mark.parametrize(("name", "suffix"), SUFFIXED)
@pytest.mark.parametrize("word", ["new york", "tab\tbed", "line\nfeed", "carriage\rreturn"])
def test_a_word_with_white_space_survives_or_is_refused_by_name(tmp_path, name, suffix, word):
    vectors = some_vectors(["a", word, "b"])
    file = tmp_path / f"v{suffix}"
    if not set(word) & FORBIDDEN.get(name, set()):
        vectors.save(str(file))
        assert_same(WordVectors.load(str(file)), vectors)
    else:
        with pytest.raises(InputError) as refused:
            vectors.save(str(file))
        assert f"word {word!r} (word 2 of the vectors) contains white space" in str(refused.value)
        assert "write parquet or safetensors" in str(refused.value)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "suffix"), SUFFIXED)
@pytest.mark.parametrize(
    ("words", "value", "message"),
    [
        (["a", "b", "a"], 1.0, "word 3: 'a' occurs before, as word 1"),
        (["a", "", "b"], 1.0, "word 2: the word is empty"),
        (["a", "b\ud800", "c"], 1.0, "word 2: word .* is not valid Unicode"),
        (["a", "b", "c"], np.nan, "word 2: the vector of 'b' contains nan; vectors must be finite"),
        (["a", "b", "c"], np.inf, "word 2: the vector of 'b' contains inf"),
    ],
)
def test_what_no_vectors_may_hold_is_refused_and_nothing_written(
    tmp_path, name, suffix, words, value, message
):
    rows = np.ones((3, 2), np.float32)
    rows[1, 1] = value
    with pytest.raises(InputError, match=message):
        WordVectors(words, rows).save(str(tmp_path / f"v{suffix}"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "suffix"), SUFFIXED)
def test_every_format_reads_slices_or_says_it_cannot(tmp_path, name, suffix):
    vectors = some_vectors([f"w{k}" for k in range(CHUNK_ROWS + 10)])
    vectors.save(str(tmp_path / f"v{suffix}"))
    source = open_vectors(str(tmp_path / f"v{suffix}"))
    assert hasattr(source, "rows") == (name in ("parquet", "npy", "safetensors"))
    if hasattr(source, "rows"):
        start, stop = CHUNK_ROWS - 3, CHUNK_ROWS + 4
        parts = list(source.rows(start, stop))
        assert [word for part in parts for word in part.words] == vectors.words[start:stop]
        found = np.concatenate([part.rows for part in parts])
        np.testing.assert_array_equal(found, vectors.vectors[start:stop])


@pytest.mark.parametrize(("name", "suffix"), SUFFIXED)
def test_a_file_that_is_cut_short_is_refused(tmp_path, name, suffix):
    vectors = some_vectors([f"w{k}" for k in range(50)])
    file = tmp_path / f"v{suffix}"
    vectors.save(str(file))
    content = file.read_bytes()
    file.write_bytes(content[: len(content) - len(content) // 3])
    with pytest.raises(InputError, match=r"cut short|not a complete Parquet|lines but|numbers"):
        list(checked(open_vectors(str(file))))


def test_packed_text_that_is_cut_short_is_refused(tmp_path):
    file = tmp_path / "v.txt.gz"
    some_vectors([f"w{k}" for k in range(500)]).save(str(file))
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(InputError, match="cannot be read: it is cut short"):
        WordVectors.load(str(file))


def test_gzip_is_known_by_its_content(tmp_path):
    (tmp_path / "v.txt").write_bytes(gzip.compress(b"a 1 2\n") + gzip.compress(b"b 3 4\n"))
    assert WordVectors.load(str(tmp_path / "v.txt")).words == ["a", "b"]


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_matrices_are_mapped_not_read(tmp_path, suffix):
    vectors = some_vectors(["a", "b"])
    vectors.save(str(tmp_path / f"v{suffix}"))
    mapped = WordVectors.load(str(tmp_path / f"v{suffix}"))
    assert isinstance(mapped.vectors, np.memmap)
    assert not mapped.vectors.flags.writeable
    np.testing.assert_allclose(mapped.norms, np.linalg.norm(vectors.vectors, axis=1), rtol=1e-6)


def test_duplicates_and_nan_in_a_mapped_matrix_are_found(tmp_path):
    np.save(tmp_path / "v.npy", np.array([[1, 2], [np.nan, 1]], np.float32))
    (tmp_path / "v.words.txt").write_text("a\na\n")
    with pytest.raises(InputError, match="word 2: 'a' occurs before, as word 1"):
        WordVectors.load(str(tmp_path / "v.npy"), repeated_words="refuse")
    (tmp_path / "v.words.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match="the vector of 'b' is not finite"):
        WordVectors.load(str(tmp_path / "v.npy")).most_similar("a")


@pytest.mark.parametrize(("name", "suffix"), SUFFIXED)
@given(words=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, unique=True))
@settings(max_examples=30)
def test_any_words_survive_or_one_is_refused_by_name(name, suffix, words):
    vectors = some_vectors(words)
    unable = [word for word in words if set(word) & FORBIDDEN.get(name, set())]
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/v{suffix}"
        if unable:
            with pytest.raises(InputError, match=re.escape(repr(unable[0]))):
                vectors.save(file)
        else:
            vectors.save(file)
            assert_same(WordVectors.load(file), vectors)


# text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "contains no vectors; name another file"),
        (b"\n", "contains no vectors; name another file"),
        (b"0 0\n", "contains no vectors; name another file"),
        (b"word\n", "line 1: a line must be a word and its numbers"),
        (b"a 1 2\nb 1\n", "line 2: 1 numbers, but the vectors of the file have 2; .* cut short"),
        (b"a 1 2\nb 1\nc 1 2\n", "line 2: 1 numbers, but the vectors of the file have 2; correct"),
        (b"a 1 2\nb 1 2 3\n", "line 2: 3 numbers, but the vectors of the file have 2"),
        (b"a 1 2\n\nb 1 2\n", "line 2: the line is blank"),
        (b"a 1 x\n", "line 1: 'x' is not a number"),
        (b"a 1 2\nb 1 1_0\n", "line 2: '1_0' is not a number"),
        (b"a 1 2\nb 1 nan\n", "line 2: the vector of 'b' contains nan"),
        (b"a 1 2\nb 1 1e99\n", "line 2: the vector of 'b' contains inf"),
        (b"a 1 2\nb\xff 1 2\n", r"line 2: the word b'b\\xff' is not UTF-8"),
        (b"a 1 2\nb 1 2\na 3 4\n", "line 3: 'a' occurs before, as line 1"),
        (b"3 2\na 1 2\nb 1 2\n", "is cut short: its header says 3 words, but it contains 2"),
        (b"1 2\na 1 2\nb 1 2\n", "contains more words than the 1 of its header"),
        (
            b"2 3\na 1 2\nb 1 2\n",
            r"the header \(line 1\) says 3 numbers per word, but line 2 has 2",
        ),
        (b"2 2\na 1 2\nb 1 y\n", "line 3: 'y' is not a number"),
    ],
)
def test_wrong_text_is_refused_by_line(tmp_path, content, message):
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        WordVectors.load(str(tmp_path / "v.txt"), repeated_words="refuse")


@pytest.mark.parametrize(
    "content",
    [
        b"a 1 2\nb 3 4\n",
        b"2 2\na 1 2\nb 3 4\n",
        b"2 2\na 1 2 \nb 3 4 \n",
        b"a 1 2\r\nb 3 4\r\n",
        b"a 1 2\nb 3 4",
        b"a\t1\t2\nb\t3\t4\n",
        b"a 1\t2\nb  3 4\n",
    ],
)
def test_text_is_understood_with_and_without_header_and_with_other_blanks(tmp_path, content):
    (tmp_path / "v.txt").write_bytes(content)
    found = WordVectors.load(str(tmp_path / "v.txt"))
    assert found.words == ["a", "b"]
    np.testing.assert_array_equal(found.vectors, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"5 3\nb 4\n", ["5", "b"]), (b"2 1\na 3\nb 4\n", ["a", "b"]), (b"2 1\na 3\n", ["2", "a"])],
)
def test_one_number_a_word_is_not_taken_for_a_header(tmp_path, content, words):
    (tmp_path / "v.txt").write_bytes(content)
    assert WordVectors.load(str(tmp_path / "v.txt")).words == words


def test_a_last_line_that_is_not_ended_is_told(tmp_path, log_lines):
    (tmp_path / "v.txt").write_bytes(b"a 1 2\nb 3 4")
    WordVectors.load(str(tmp_path / "v.txt"))
    told = f"{tmp_path / 'v.txt'} does not end with a line feed; its last line may be incomplete"
    assert log_lines == [told]


def test_words_with_spaces_as_stanford_published_them_are_read(tmp_path):
    (tmp_path / "v.txt").write_bytes(b", 1 2\n. . . 3 4\nat name@domain.com 5 6\n")
    found = WordVectors.load(str(tmp_path / "v.txt"))
    assert found.words == [",", ". . .", "at name@domain.com"]
    np.testing.assert_array_equal(found.vectors, [[1, 2], [3, 4], [5, 6]])


def test_a_binary_file_is_no_text(tmp_path, monkeypatch):
    monkeypatch.setattr("glove_spark.exchange.streams.LONGEST_LINE", 100)
    (tmp_path / "v.txt").write_bytes(b"a 1\n" + b"x" * 1000)
    with pytest.raises(InputError, match="line 2: longer than"):
        WordVectors.load(str(tmp_path / "v.txt"))


def test_precision_of_text(tmp_path):
    vectors = WordVectors(["a"], np.array([[1 / 3, -2]], np.float32))
    vectors.save(str(tmp_path / "full.txt"))
    assert (tmp_path / "full.txt").read_text() == "a 0.33333334 -2\n"
    vectors.save(str(tmp_path / "six.vec"), precision="6")
    assert (tmp_path / "six.vec").read_text() == "1 2\na 0.333333 -2.000000\n"
    vectors.save(str(tmp_path / "two.tsv"), precision="2")
    assert (tmp_path / "two.tsv").read_text() == "0.33\t-2.00\n"
    assert (tmp_path / "two.metadata.tsv").read_text() == "a\n"
    with pytest.raises(ConfigurationError, match="precision='x' must be full, or a number"):
        vectors.save(str(tmp_path / "x.txt"), precision="x")


# other formats


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin with the line 'V d'"),
        (b"\x00\x01\x02", "does not begin with the line 'V d'"),
        (b"1 2\nab", "its header says 1 words, but it contains 0"),
        (b"1 1\n" + b"x" * 100_000, "word 1: no space within"),
        (b"1 1\n\xff 1234", r"word 1: the word b'\\xff' is not UTF-8"),
        (b"1 1\na 1234b 1234", "contains more words than the 1 of its header"),
    ],
)
def test_wrong_word2vec_binary_is_refused(tmp_path, content, message):
    (tmp_path / "v.bin").write_bytes(content)
    with pytest.raises(InputError, match=message):
        WordVectors.load(str(tmp_path / "v.bin"))


def test_word2vec_binary_with_line_feeds_between_records(tmp_path):
    floats = np.array([1, 2], "<f4").tobytes()
    (tmp_path / "v.bin").write_bytes(b"2 2\na " + floats + b"\nb " + floats + b"\n")
    assert WordVectors.load(str(tmp_path / "v.bin")).words == ["a", "b"]


@pytest.mark.parametrize(
    ("matrix", "words", "message"),
    [
        (np.zeros((2, 2), "f4"), "a\n", "has 1 words but .* 2 rows"),
        (
            np.zeros((2, 2), "i4"),
            "a\nb\n",
            "contains int32 of shape .* must be float16, float32 or float64",
        ),
        (np.zeros(2, "f4"), "a\nb\n", r"of shape \(2,\)"),
        (np.asfortranarray(np.ones((2, 3), "f4")), "a\nb\n", "by columns"),
    ],
)
def test_wrong_npy_is_refused(tmp_path, matrix, words, message):
    np.save(tmp_path / "v.npy", matrix)
    (tmp_path / "v.words.txt").write_text(words)
    with pytest.raises(InputError, match=message):
        WordVectors.load(str(tmp_path / "v.npy"))


def test_npy_without_words_or_magic(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((2, 2), "f4"))
    with pytest.raises(InputError, match=r"v\.words\.txt does not exist"):
        WordVectors.load(str(tmp_path / "v.npy"))
    (tmp_path / "v.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"is not a \.npy file"):
        WordVectors.load(str(tmp_path / "v.npy"))


def test_doubles_in_npy_become_float32(tmp_path):
    np.save(tmp_path / "v.npy", np.array([[1 / 3, 2]]))
    (tmp_path / "v.words.txt").write_text("a\n")
    found = WordVectors.load(str(tmp_path / "v.npy"))
    np.testing.assert_array_equal(found.vectors, np.array([[1 / 3, 2]], np.float32))


def safetensors_bytes(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"abc", "is not a safetensors file, or is cut short"),
        (struct.pack("<Q", 4) + b"abcd", "its header is not JSON"),
        (safetensors_bytes({}), "has no tensor vectors"),
        (safetensors_bytes({"vectors": 1}), "does not describe tensors"),
        (
            safetensors_bytes({"vectors": {"dtype": "F16", "shape": [1, 1]}}),
            "has a tensor vectors of type F16",
        ),
    ],
)
def test_wrong_safetensors_are_refused(tmp_path, content, message):
    (tmp_path / "v.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=message):
        WordVectors.load(str(tmp_path / "v.safetensors"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"token": ["a"], "vector": [[1.0]]},
            "columns token string, vector .* but must have word string, vector list<float>",
        ),
        ({"word": ["a", "b"], "vector": [[1.0, 2.0], [1.0]]}, "word 2: a word or a number is miss"),
        ({"word": ["a", None], "vector": [[1.0], [2.0]]}, "a word or a number is missing"),
        (
            {"word": [], "vector": pa.array([], pa.list_(pa.float32()))},
            "must have|contains no vectors",
        ),
    ],
)
def test_wrong_parquet_is_refused(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "v.parquet")
    with pytest.raises(InputError, match=message):
        WordVectors.load(str(tmp_path / "v.parquet"))


def test_a_folder_of_parquet_files_that_spark_wrote(tmp_path):
    folder = tmp_path / "spark"
    folder.mkdir()
    for number, word in enumerate("ab"):
        table = pa.table({"word": [word], "vector": [[float(number), 1.0]]})
        pq.write_table(table, folder / f"part-{number}.snappy.parquet")
    (folder / "_SUCCESS").touch()
    assert WordVectors.load(str(folder)).words == ["a", "b"]


def test_projector_with_a_wrong_line(tmp_path):
    (tmp_path / "v.metadata.tsv").write_text("a\nb\n")
    for line in ("1", "1\t2\t3", "1\tx"):
        (tmp_path / "v.tsv").write_text(f"1\t2\n{line}\n")
        with pytest.raises(
            InputError, match="line 2: the line must be 2 numbers separated by tabs"
        ):
            WordVectors.load(str(tmp_path / "v.tsv"))


# converting


def test_targets_that_are_there_are_kept_unless_told(tmp_path):
    vectors = some_vectors(["a"])
    file = tmp_path / "v.txt"
    file.write_text("precious")
    with pytest.raises(OutputError, match=r"v\.txt exists; give --overwrite"):
        vectors.save(str(file))
    assert file.read_text() == "precious"
    vectors.save(str(file), overwrite=True)
    assert_same(WordVectors.load(str(file)), vectors)
    with pytest.raises(OutputError, match="is a folder"):
        vectors.save(str(tmp_path), overwrite=True)


def test_formats_by_name_and_ending():
    assert format_of("x", "npy").name == "npy"
    assert format_of("x.unknown").name == "glove"
    with pytest.raises(ConfigurationError, match="format='x' must be one of glove, word2vec"):
        format_of("x", "x")
    with pytest.raises(ConfigurationError, match=r"cannot be compressed; omit \.gz"):
        format_of("x.npy.gz")


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="none does not exist"):
        open_vectors(str(tmp_path / "none"))
    with pytest.raises(InputError, match="does not exist yet"):
        open_vectors(str(tmp_path))


def test_sides_are_those_of_a_model(tmp_path):
    some_vectors(["a"]).save(str(tmp_path / "v.txt"))
    with pytest.raises(ConfigurationError, match="side=word needs a model"):
        open_vectors(str(tmp_path / "v.txt"), side="word")
    with pytest.raises(ConfigurationError, match="side='left' must be one of sum, word, context"):
        open_vectors(str(tmp_path / "v.txt"), side="left")


def test_a_source_that_lies_of_its_length_is_refused(tmp_path):
    source = MemorySource(["a", "b"], np.ones((2, 1), np.float32))
    source.rows = lambda start, stop: iter([])
    with pytest.raises(InputError, match="its header says 2 words, but it contains 0"):
        convert(source, str(tmp_path / "v.bin"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["txt", "npy"])
def test_centered_vectors_have_mean_zero_and_keep_their_words(tmp_path, ending):
    rng = np.random.default_rng(5)
    words, vectors = [f"w{k}" for k in range(9)], rng.normal(3, 1, (9, 4)).astype(np.float32)
    WordVectors(words, vectors).save(str(tmp_path / f"v.{ending}"))
    source = open_vectors(str(tmp_path / f"v.{ending}"), center=True)
    assert source.shown.endswith("(centered)")
    found = WordVectors.read(source)
    assert found.words == words
    np.testing.assert_allclose(found.vectors, vectors - vectors.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.vectors.mean(axis=0), 0, atol=1e-6)
