"""Vectors, pairs and vocabularies as people publish them."""

import bz2
import gzip
import io
import logging
import lzma
import os
import struct
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glove_spark.c_program.importing import import_c
from glove_spark.cli import main
from glove_spark.errors import InputError, UnknownWordError
from glove_spark.evaluation.questions import read_analogies, read_similarities
from glove_spark.evaluation.report import Questions
from glove_spark.store.location import Location
from glove_spark.vectors.word_vectors import WordVectors


def load(file, **options):
    return WordVectors.load(str(file), **options)


REPEATED = "the 1 2\nking 3 4\nthe 5 6\nking 7 8\nqueen 9 9\n"


def test_of_a_repeated_word_the_first_vector_is_taken_with_one_warning(tmp_path, caplog):
    file = tmp_path / "v.txt"
    file.write_text(REPEATED)
    with caplog.at_level(logging.WARNING, "glove_spark"):
        vectors = load(file)
    assert vectors.words == ["the", "king", "queen"]
    assert vectors.vectors.tolist() == [[1, 2], [3, 4], [9, 9]]
    assert [record.message for record in caplog.records] == [
        f"{file}: 2 more vectors of repeated words; the first vector of each word is used"
    ]
    with pytest.raises(InputError, match=r"line 3: 'the' occurs before.*--repeated-words first"):
        load(file, repeated_words="refuse")


@pytest.mark.parametrize("target", ["v.vec", "v.bin", "v.npy", "v.safetensors", "v.parquet"])
def test_convert_writes_each_word_once(tmp_path, target, capsys):
    (tmp_path / "v.txt").write_text(REPEATED)
    source, target = str(tmp_path / "v.txt"), str(tmp_path / target)
    assert main(["convert", source, target, "--repeated-words", "refuse"]) == 3
    assert main(["convert", source, target]) == 0
    assert load(target, repeated_words="refuse").words == ["the", "king", "queen"]
    assert "2 more vectors of repeated words" in capsys.readouterr().err


def a_mapped_file(tmp_path):
    np.save(tmp_path / "v.npy", np.array([[1, 2], [3, 4], [5, 6]], np.float32))
    (tmp_path / "v.words.txt").write_text("a\na\nb\n")
    return tmp_path / "v.npy"


def test_a_mapped_matrix_is_read_alike(tmp_path):
    vectors = load(a_mapped_file(tmp_path))
    assert vectors.words == ["a", "b"]
    assert vectors.vectors.tolist() == [[1, 2], [5, 6]]


def cut_in_a_character(tmp_path, name):
    word = "naïve".encode()[:3]
    if name == "v.bin":
        rows = [b"king " + struct.pack("<2f", 1, 2), word + b" " + struct.pack("<2f", 3, 4)]
        content = b"3 2\n" + b"".join(rows) + b"queen " + struct.pack("<2f", 5, 6)
    else:
        header = b"3 2\n" if name == "v.vec" else b""
        content = header + b"king 1 2\n" + word + b" 3 4\nqueen 5 6\n"
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin"])
def test_one_word_cut_in_a_character_does_not_lose_the_file(tmp_path, caplog, name):
    file = cut_in_a_character(tmp_path, name)
    with pytest.raises(InputError, match=r"is not UTF-8; give --encoding-errors replace or skip"):
        load(file)
    assert load(file, encoding_errors="replace").words == ["king", "na\ufffd", "queen"]
    with caplog.at_level(logging.WARNING, "glove_spark"):
        vectors = load(file, encoding_errors="skip")
    assert vectors.words == ["king", "queen"]
    assert vectors.vectors.tolist() == [[1, 2], [5, 6]]
    assert "1 words are not UTF-8 and were skipped" in caplog.text


@pytest.mark.parametrize("target", ["w.vec", "w.bin", "w.npy"])
def test_convert_skips_what_it_is_told_to(tmp_path, target):
    file = cut_in_a_character(tmp_path, "v.bin")
    arguments = [str(file), str(tmp_path / target), "--encoding-errors", "skip"]
    assert main(["convert", *arguments]) == 0
    assert load(tmp_path / target).words == ["king", "queen"]


@pytest.mark.parametrize(("name", "header"), [("v.txt", ""), ("v.vec", "2 2\n")])
def test_a_byte_order_mark_is_no_part_of_a_word(tmp_path, name, header):
    (tmp_path / name).write_text("\ufeff" + header + "the 1 2\nking 3 4\n", "utf-8")
    assert load(tmp_path / name).words == ["the", "king"]


def test_words_with_blanks_and_numbers_under_a_header(tmp_path):
    lines = ["the 1 2", "windows 10 3 4", "R$ 0,00 5 6", "iphone 6 plus 7 8", "article 5 9 9"]
    (tmp_path / "v.vec").write_text("5 2\n" + "\n".join(lines) + "\n")
    assert load(tmp_path / "v.vec").words == [
        "the",
        "windows 10",
        "R$ 0,00",
        "iphone 6 plus",
        "article 5",
    ]
    # without a header, a line may have one number too many
    (tmp_path / "v.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="line 2: 3 numbers"):
        load(tmp_path / "v.txt")


def test_a_word_that_is_a_blank_under_a_header(tmp_path):
    (tmp_path / "v.vec").write_text("3 2\nthe 1 2\n  3 4\n\u00a0 5 6\n", "utf-8")
    vectors = load(tmp_path / "v.vec")
    assert vectors.words == ["the", " ", "\u00a0"]
    assert vectors.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize("name", ["glove.42B.zip", "glove.txt", "v.vec"])
def test_an_archive_of_vectors_is_named_as_one(tmp_path, name):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("glove.42B.txt", "the 1 2\n" * 100)
    with pytest.raises(InputError, match=r"is a zip archive; unpack it"):
        load(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 9\nthe 1:0.5 2:0.1 3:4\nking 1:2\n", "line 2 has 3; it is a sparse vector"),
        ("the 1:0.5 2:0.1\nking 1:2\n", "line 1: '1:0.5' is not a number; it is a sparse vector"),
        ("<<<<<<< HEAD\nthe 1 2\n", "line 1: 'HEAD' .* an unresolved merge of Git"),
        ("the 1 2\n=======\nthe 1 2\n", "line 2: 0 numbers, .* an unresolved merge of Git"),
        ("the,1,2\nking,3,4\n", "line 1: .* separated by commas or semicolons"),
        ("word;x;y\nking;3;4\n", "line 1: a line must be a word and its numbers"),
        ("the 1,5 2,5\n", "line 1: '1,5' is not a number; numbers have decimal commas"),
        ("the [1.0 2.0]\n", r"line 1: '\[1.0' is not a number; vectors stand in brackets"),
        ("the 1 2\rking 3 4\r", "carriage returns alone; write line feeds"),
        ("# trained by us\nthe 1 2\n", "line 1: .* it is a comment"),
    ],
)
def test_odd_lines_are_named_with_what_to_do(tmp_path, text, message):
    (tmp_path / "v.txt").write_bytes(text.encode())
    with pytest.raises(InputError, match=message):
        load(tmp_path / "v.txt")


def a_tar():
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        member = tarfile.TarInfo("v.txt")
        member.size = 8
        archive.addfile(member, io.BytesIO(b"the 1 2\n"))
    return sink.getvalue()


NO_VECTORS = {
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "an HTML page, perhaps the answer to a failed download": b"<!DOCTYPE html>\n<html>404</html>",
    "an XML file, perhaps": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
    "a model of fastText; use .* .vec": b"\xba\x16O/\x0c\0\0\0" + bytes(range(256)),
    "a Python pickle": b"\x80\x04\x95\x10\0\0" + bytes(range(256)),
    "a tar archive; unpack it": a_tar(),
    "UTF-16 text; write it as UTF-8": "the 1 2\nking 3 4\n".encode("utf-16"),
    "UTF-16 text; write": "the 1 2\nking 3 4\n".encode("utf-16-le"),
}


@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin", "v.bin.gz", "v.npy", "v.safetensors"])
@pytest.mark.parametrize("what", NO_VECTORS)
def test_what_holds_no_vectors_is_named_whatever_its_ending(tmp_path, name, what):
    (tmp_path / name).write_bytes(NO_VECTORS[what])
    with pytest.raises(InputError, match=rf"{name} is .*{what}"):
        load(tmp_path / name)


TEXT = b"2 2\nthe 1 2\nking 3 4\n"
BINARY = b"2 2\nthe " + struct.pack("<2f", 1, 2) + b"\nking " + struct.pack("<2f", 3, 4) + b"\n"


@pytest.mark.parametrize("content", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize(
    ("ending", "pack"),
    [
        ("", bytes),
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", lambda content: pa.compress(content, "zstd", asbytes=True)),
    ],
)
@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin"])
def test_text_and_binary_are_told_apart_by_their_content(tmp_path, name, ending, pack, content):
    (tmp_path / (name + ending)).write_bytes(pack(content))
    vectors = load(tmp_path / (name + ending))
    assert vectors.words == ["the", "king"]
    assert vectors.vectors.tolist() == [[1, 2], [3, 4]]


def test_compressed_vectors_that_are_cut_short_are_refused(tmp_path):
    for name, pack in [("v.txt.xz", lzma.compress), ("v.txt.bz2", bz2.compress)]:
        (tmp_path / name).write_bytes(pack(b"the 1 2\n" * 9)[:-9])
        with pytest.raises(InputError, match="cut short"):
            load(tmp_path / name)


def test_vectors_are_not_written_under_an_ending_that_would_not_be_true(tmp_path, capsys):
    (tmp_path / "v.txt").write_bytes(TEXT)
    assert main(["convert", str(tmp_path / "v.txt"), str(tmp_path / "w.txt.bz2")]) == 2
    assert "vectors are compressed by gzip only; end it in .gz" in capsys.readouterr().err


@pytest.mark.parametrize("header", ["", "2 2\n"])
def test_blank_lines_at_the_end_are_no_words(tmp_path, header):
    (tmp_path / "v.txt").write_text(header + "the 1 2\nking 3 4\n\n \n")
    assert load(tmp_path / "v.txt").words == ["the", "king"]


def test_vectors_from_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "v.txt")
    with pytest.raises(InputError, match=r"is a pipe or a device.*write them to a file first"):
        load(tmp_path / "v.txt")


def spark_vectors(rows):
    """Vectors as Spark's VectorUDT in Parquet; dense ones have null indices."""
    kind = pa.struct(
        [
            ("type", pa.int8()),
            ("size", pa.int32()),
            ("indices", pa.list_(pa.int32())),
            ("values", pa.list_(pa.float64())),
        ]
    )
    return pa.array(rows, kind)


DENSE = {"type": 1, "size": None, "indices": None, "values": [1.0, 0.0, 2.0]}
SPARSE = {"type": 0, "size": 3, "indices": [1], "values": [4.0]}


@pytest.mark.parametrize("second", [DENSE, SPARSE])
def test_vectors_that_spark_wrote_are_read(tmp_path, second):
    table = pa.table({"word": ["a", "b"], "vector": spark_vectors([DENSE, second])})
    pq.write_table(table, tmp_path / "part-0.parquet")
    vectors = load(tmp_path)
    assert vectors.words == ["a", "b"]
    assert vectors.vectors[0].tolist() == [1, 0, 2]
    assert vectors.vectors[1].tolist() == ([1, 0, 2] if second is DENSE else [0, 4, 0])


@pytest.mark.spark
def test_what_get_vectors_and_word2vec_saved_is_read(spark, tmp_path):
    from pyspark.ml.feature import Word2Vec

    rows = spark.createDataFrame([(["a", "b", "c", "a"],)] * 20, "text array<string>")
    model = Word2Vec(vectorSize=3, minCount=1, inputCol="text").fit(rows)
    model.getVectors().write.parquet(str(tmp_path / "vectors"))
    model.save(str(tmp_path / "model"))
    wanted = {row.word: row.vector.toArray() for row in model.getVectors().collect()}
    for name in ("vectors", "model"):
        vectors = load(tmp_path / name)
        assert sorted(vectors.words) == ["a", "b", "c"]
        for word in vectors.words:
            assert np.allclose(vectors[word], wanted[word], atol=1e-6)


PAIRS = {
    "ws353.csv": "Word 1,Word 2,Human (mean)\nking,queen,8.5\ncat,dog,7\n",
    "ws353.tab": "# a comment\nWord 1\tWord 2\tHuman (mean)\nking\tqueen\t8.5\ncat\tdog\t7\n",
    "simlex.txt": "word1\tword2\tPOS\tSimLex999\tconc(w1)\n"
    "king\tqueen\tN\t8.5\t3\ncat\tdog\tN\t7\t2\n",
    "men.txt": "king-n queen-n 8.5\ncat-n dog-n 7\n",
    "rw.txt": "king\tqueen\t8.5\t9\t8\t8\ncat\tdog\t7\t7\t7\t7\n",
    "semicolons.csv": "word1;word2;score\nking;queen;8.5\ncat;dog;7\n",
    "quoted.csv": '"word1","word2","similarity"\n"king","queen","8.5"\n"cat","dog","7"\n',
    "plain.txt": "king queen 8.5\ncat dog 7\n",
}


@pytest.mark.parametrize("name", PAIRS)
def test_published_pairs_are_read(tmp_path, name):
    (tmp_path / name).write_text(PAIRS[name])
    assert read_similarities(tmp_path / name) == [("king", "queen", 8.5), ("cat", "dog", 7.0)]


def test_words_with_hyphens_keep_them(tmp_path):
    (tmp_path / "a.txt").write_text("x-n y 1\nking queen 2\n")
    assert read_similarities(tmp_path / "a.txt")[0] == ("x-n", "y", 1.0)


def test_pairs_of_bats_are_questions(tmp_path):
    (tmp_path / "D01.txt").write_text("cat\tcats\ndog\tdogs/doggies\n")
    assert read_analogies(tmp_path / "D01.txt") == {
        "D01": [("cat", "cats", "dog", "dogs"), ("dog", "dogs", "cat", "cats")]
    }


def test_two_files_of_one_name_are_both_scored(tmp_path):
    for folder, score in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "pairs.txt").write_text(f"king queen {score}\n")
    files = [tmp_path / folder / "pairs.txt" for folder in ("a", "b", "a")]
    found = Questions.read(None, files, lowercase=True).similarity
    assert found == {"a/pairs": [("king", "queen", 1.0)], "b/pairs": [("king", "queen", 2.0)]}


def test_the_c_programs_own_order_of_ties_is_taken(tmp_path):
    # equal counts by signed bytes: non-ASCII letters come first
    (tmp_path / "vocab.txt").write_text("la 10\nà 5\nle 5\nmer 5\nrare 7\n", "utf-8")
    records = np.array([(1, 2, 1.5), (2, 1, 1.5)], [("r", "<i4"), ("c", "<i4"), ("x", "<f8")])
    (tmp_path / "cooccurrence.bin").write_bytes(records.tobytes())
    words, _ = import_c(
        str(tmp_path / "out"),
        vocab=str(tmp_path / "vocab.txt"),
        cooccurrence=str(tmp_path / "cooccurrence.bin"),
    )
    assert words.facts["smallest_count"] == 5
    assert words.facts["largest_count"] == 10
    table = pq.read_table((Location.of(tmp_path / "out") / "vocabulary" / "words.parquet").path)
    assert table["word"].to_pylist() == ["la", "à", "le", "mer", "rare"]


def test_a_word_that_readers_cannot_read_is_not_written(tmp_path):
    vectors = WordVectors(["a", "ü" * 40_000], np.ones((2, 3), np.float32))
    with pytest.raises(InputError, match=r"has 80,000 bytes, but in the format word2vec-binary"):
        vectors.save(str(tmp_path / "v.bin"))
    assert not list(tmp_path.iterdir())
    vectors.save(str(tmp_path / "v.safetensors"))
    assert load(tmp_path / "v.safetensors").words == vectors.words


@pytest.fixture
def four(tmp_path):
    (tmp_path / "v.txt").write_text("a 1 0\nb 1 1\nc 0 1\nd -1 0.1\n")
    return load(tmp_path / "v.txt")


def test_gensims_forms_of_arguments(four, tmp_path):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    keyed = models.KeyedVectors(2)
    keyed.add_vectors(four.words, four.vectors)
    for positive, negative in (
        ([("a", 0.3), ("c", 2.0)], []),
        (["a"], [("c", -0.5)]),
        ([0, 2], [1]),
        ([np.array([0.5, 0.5], np.float32)], []),
        (2, []),
    ):
        ours = four.most_similar(positive, negative, topn=4)
        theirs = keyed.most_similar(positive=positive, negative=negative, topn=4)
        assert [word for word, _ in ours] == [word for word, _ in theirs]
        assert np.allclose([x for _, x in ours], [x for _, x in theirs], atol=1e-6)
        every = four.most_similar(positive, negative, topn=None)
        assert np.allclose(every, keyed.most_similar(positive, negative, topn=None), atol=1e-6)
    assert np.array_equal(four[1], keyed[1])
    assert np.array_equal(four[[0, "b"]], keyed[[0, "b"]])


def test_wrong_forms_are_errors_of_ours(four):
    with pytest.raises(UnknownWordError, match="position=9 must be from 0 to 3"):
        four.most_similar(9)
    with pytest.raises(InputError, match=r"must be a word, a vector or a pair \(word, weight\)"):
        four.most_similar([("a", "b", "c")])
    with pytest.raises(InputError, match="takes no weights"):
        four.most_similar_cosmul([("a", 2.0)])


def test_no_cosine_is_above_one(tmp_path):
    rng = np.random.default_rng(1)
    vectors = np.repeat(rng.standard_normal((50, 300)).astype(np.float32), 2, axis=0)
    found = WordVectors([f"w{k}" for k in range(100)], vectors)
    for k in range(0, 100, 2):
        assert found.most_similar(f"w{k}", topn=1)[0][1] <= 1.0
        assert found.similarity(f"w{k}", f"w{k + 1}") <= 1.0
        assert found.n_similarity([f"w{k}"], [f"w{k + 1}"]) <= 1.0
