"""Which files of an input are read: each real file once, and only the user's text."""

import gzip
import logging
import lzma
import os
import zipfile
import zlib

import pytest

from glove_spark.corpus.content import content_of
from glove_spark.corpus.files import find_files
from glove_spark.errors import EmptyInputError, InputError
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.store.dataset import claim_folder
from glove_spark.store.location import Location


def found(*inputs, **settings):
    corpus = find_files(TokenizeSettings(input=tuple(map(str, inputs)), **settings))
    return [file.location.name for file in corpus.files], corpus.skipped


def test_a_link_to_its_own_folder_makes_no_file_twice(write):
    folder = write("a.txt", "one").parent
    (folder / "loop").symlink_to(".")
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to("..")
    (folder / "deep" / "b.txt").write_text("two")
    names, skipped = found(folder)
    assert names == ["a.txt", "b.txt"]
    assert skipped.repeated == 0


def test_a_linked_folder_outside_is_read(write, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.txt").write_text("two")
    folder = write("a.txt", "one").parent
    (folder / "more").symlink_to(elsewhere)
    (folder / "again").symlink_to(elsewhere)
    assert found(folder)[0] == ["a.txt", "b.txt"]


def test_a_file_under_several_names_is_read_once(write, caplog):
    file = write("a.txt", "one")
    (file.parent / "link.txt").symlink_to(file)
    os.link(file, file.parent / "hard.txt")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        names, skipped = found(file.parent, file)
    assert len(names) == 1
    assert skipped.repeated == 3
    assert "3 other names of the same files skipped" in caplog.text


def test_a_copy_is_a_file_of_its_own(write):
    write("a.txt", "one")
    assert found(write("b.txt", "one").parent)[0] == ["a.txt", "b.txt"]


def test_links_that_lead_nowhere_are_named(write, caplog):
    folder = write("a.txt", "one").parent
    (folder / "gone.txt").symlink_to("nothing")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        names, skipped = found(folder)
    assert names == ["a.txt"]
    assert skipped.broken == 1
    assert "broken links skipped" in caplog.text
    assert "gone.txt" in caplog.text
    with pytest.raises(InputError, match=r"gone.txt is a broken link"):
        found(folder / "gone.txt")


@pytest.mark.parametrize(
    "name",
    [
        ".ipynb_checkpoints/a-checkpoint.txt",
        ".git/HEAD",
        "_temporary/0/part-0.txt",
        "deep/.hidden/deeper/a.txt",
        "a.txt._COPYING_",
        ".a.txt.crc",
    ],
)
def test_what_spark_hides_is_not_read_at_any_depth(write, name):
    write(name, "hidden")
    names, skipped = found(write("seen.txt", "one").parent)
    assert names == ["seen.txt"]
    assert skipped.hidden == 1


def test_folders_of_partitions_and_a_hidden_folder_that_is_named_are_read(write):
    write("_year=2024/a.txt", "one")
    folder = write(".texts/b.txt", "two").parent
    assert found(folder.parent)[0] == ["a.txt"]
    assert found(folder)[0] == ["b.txt"]


@pytest.mark.parametrize("folder", ["table", "."])
@pytest.mark.parametrize(
    ("inside", "system"),
    [
        ("_delta_log/0.json", "Delta"),
        (".hoodie/hoodie.properties", "Hudi"),
        ("metadata/v1.metadata.json", "Iceberg"),
    ],
)
def test_tables_of_other_systems_are_named_with_what_to_do(write, folder, inside, system):
    write("table/data/part-0.parquet", "PAR1")
    table = write(f"table/{inside}", "{}").parents[1]
    message = rf"is a {system} table.*give the DataFrame to glove_spark\.GloVe"
    with pytest.raises(InputError, match=message):
        found(table if folder == "table" else table.parent)


def test_results_inside_the_input_are_not_read(write, caplog):
    folder = write("a.txt", "one").parent
    claim_folder(Location.of(folder / "out"))
    (folder / "out" / "vectors.txt").write_text("one 0.5\n")
    with caplog.at_level(logging.WARNING, "glove_spark"):
        names, skipped = found(folder)
    assert names == ["a.txt"]
    assert skipped.output == 1
    with pytest.raises(InputError, match="is an output folder of glove_spark"):
        found(folder / "out")


def test_nothing_left_says_what_was_skipped(write):
    write("_a.txt", "x")
    folder = write("b.txt", "").parent
    with pytest.raises(EmptyInputError, match=r"\(1 hidden and 1 empty files were skipped\)"):
        found(folder)


def a_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("text8", "one two " * 100)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 50, "a 7z archive; unpack it, or "),
        (b"\xff\xd8\xff\xe0" + bytes(range(256)), "a JPEG picture; (?=remove)"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b"a.txt" + b"\0" * 252 + b"ustar" + b"\0" * 300, "a tar archive; unpack it"),
        (bytes(range(256)) * 20, "not text"),
        ("one two\n".encode("utf-16-le") * 40, "UTF-16 without a byte order mark"),
        ("one two\n".encode("utf-16-be") * 40, "UTF-16 without a byte order mark"),
    ],
)
def test_what_is_no_text_is_refused_by_name(write, content, what):
    file = write("innocent.txt", content)
    with pytest.raises(InputError, match=rf"innocent\.txt is {what}.*remove it from the input"):
        content_of(Location.of(file))


def test_a_zip_is_refused_whatever_its_name(tmp_path):
    a_zip(tmp_path / "text8.txt")
    with pytest.raises(InputError, match=r"text8\.txt is a zip archive; unpack it"):
        content_of(Location.of(tmp_path / "text8.txt"))


@pytest.mark.parametrize(("pack", "codec"), [(gzip.compress, "gzip"), (lzma.compress, "xz")])
def test_compressed_text_needs_no_ending(write, pack, codec):
    assert content_of(Location.of(write("dump", pack(b"one two\n" * 50)))).codec == codec
    inside = write("inside", pack(b"%PDF-1.7\n" + b"x" * 500))
    with pytest.raises(InputError, match="is a PDF document"):
        content_of(Location.of(inside))


@pytest.mark.parametrize(
    "text", ["", "a", "one\0two\n", "\x1b[31mred\x1b[0m " * 30, "ÿþ latin", "日本語\n" * 100]
)
def test_text_is_taken_for_text(write, text):
    assert content_of(Location.of(write("a.txt", text))) == ("text", None, None, False, None)


def test_a_zstd_window_that_is_too_long_is_named(write):
    # a frame of one raw block with a window of 2 GB, as from zstd --long=31
    block = b"one two\n"
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3])
    frame += ((len(block) << 3) | 1).to_bytes(3, "little") + block
    with pytest.raises(InputError, match=r"a window of more than 128 MB.*--long=27 or less"):
        content_of(Location.of(write("a.txt.zst", frame)))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "git lfs pull"),
        (b"\x80\x04\x95\x10\x00" + b"one two" * 40, "a Python pickle"),
        (b"\xba\x16O/\x0c\0\0\0" + b"one two" * 40, "a model of fastText"),
        (lzma.compress(b"one two\n" * 50, format=lzma.FORMAT_ALONE), "compressed by lzma"),
        (zlib.compress(b"one two\n" * 50), "compressed by zlib"),
        (b"\x1f\x9d\x90" + b"one two" * 40, "compressed by compress"),
        (b"\xff\x06\0\0sNaPpY\x01\x08\0\0", "compressed by snappy"),
        (rb"{\rtf1\ansi one two\par}", "an RTF document"),
    ],
)
def test_pointers_models_and_other_compression_are_refused_by_name(write, content, what):
    with pytest.raises(InputError, match=rf"innocent\.txt is .*{what}.*remove it from the input"):
        content_of(Location.of(write("innocent.txt", content)))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<!DOCTYPE html>\n<html>", "an HTML page"),
        ("\n<html>\n", "an HTML page"),
        ('<mediawiki xml:lang="en">\n', "a MediaWiki dump"),
        ('\ufeff<?xml version="1.0"?>\n', "an XML file"),
        ("a < b\n", None),
    ],
)
def test_markup_is_recognised(write, text, what):
    assert content_of(Location.of(write("a.txt", text))).markup == what


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_pipe_is_refused_and_does_not_block(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(InputError, match=rf"{name} is a pipe or a device.*to a file first"):
        found(tmp_path / name)


def test_a_pipe_in_a_folder_is_no_file(write):
    folder = write("a.txt", "one").parent
    os.mkfifo(folder / "pipe")
    assert found(folder)[0] == ["a.txt"]
