"""Readers of every format on damaged, forged and random bytes: a result, or one of our errors.

A valid file is made first; then hypothesis flips, cuts, repeats and replaces bytes of it. No
input may raise anything but `GloveSparkError`, or end the process.
"""

from __future__ import annotations

import json
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glove_spark.c_program.records import RecordTally, read_records
from glove_spark.datasets import cooccurrence, model
from glove_spark.datasets.blocks import read_cell, read_held_out, write_cell, write_held_out
from glove_spark.datasets.lexicon import WORD_COUNTS, Lexicon, Rules
from glove_spark.datasets.matrix_parts import row_groups
from glove_spark.datasets.tokens import plan_slices, read_slice
from glove_spark.datasets.vocabulary import FILE, Vocabulary
from glove_spark.errors import GloveSparkError
from glove_spark.evaluation.questions import read_analogies, read_similarities
from glove_spark.exchange.c_program import parameters_file, read_vocab
from glove_spark.exchange.formats import FORMATS
from glove_spark.exchange.source import MemorySource
from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.kernels.training.held_out import HeldOut
from glove_spark.kernels.training.objective import Objective
from glove_spark.kernels.training.parameters import initial_parameters
from glove_spark.kernels.training.update import StepSettings, train_cell
from glove_spark.settings.config import pipeline_config
from glove_spark.settings.toml import read_toml
from glove_spark.stages.vocabulary import read_stop_words
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Manifest, Recipe, fingerprint, list_files
from glove_spark.training.checkpoints import EpochRecord, commit_epoch, committed_epochs, is_whole

WORDS = ["the", "of", "Ünïcode", "<unk>", "a", "whale"]
FEWER = settings(max_examples=max(20, settings.default.max_examples // 4))
"""Examples per run of the tests; `make fuzz` tries more, with its own profile."""


@st.composite
def damages(draw):
    """Draw a function from the bytes of a valid file to those of a damaged one."""
    kind = draw(st.sampled_from(["flip", "cut", "replace", "repeat", "insert", "random"]))
    place = draw(st.floats(0, 1, exclude_max=True))
    length = draw(st.integers(1, 16))
    content = draw(st.binary(min_size=1, max_size=64))
    bits = draw(st.integers(1, 255))

    def damage(whole: bytes) -> bytes:
        at = int(place * len(whole))
        if kind == "flip":
            some = bytes(byte ^ bits for byte in whole[at : at + length])
            return whole[:at] + some + whole[at + length :]
        if kind == "cut":
            return whole[:at]
        if kind == "replace":
            return whole[:at] + content + whole[at + len(content) :]
        if kind == "repeat":
            return whole[:at] + whole[at : at + length] * 3 + whole[at + length :]
        if kind == "insert":
            return whole[:at] + content + whole[at:]
        return content

    return damage


def write_vocabulary(folder):
    Vocabulary(WORDS, np.arange(60, 0, -10)).write(folder)
    return folder / FILE


def read_vocabulary(folder):
    vocabulary = Vocabulary.read(folder)
    assert len(vocabulary.words) == len(vocabulary.counts)
    vocabulary.ids_of(WORDS)


def write_matrix(folder):
    part = cooccurrence.Nonzeros(
        np.repeat(np.arange(6, dtype=np.int32), 6),
        np.tile(np.arange(6, dtype=np.int32), 6),
        np.linspace(0.5, 9, 36),
    )
    cooccurrence.write_nonzeros([part], folder.make_folder() / "rows-00000.parquet")
    return folder / "rows-00000.parquet"


def read_matrix(folder):
    for _ in cooccurrence.both_triangles(cooccurrence.read_nonzeros(folder / "rows-00000.parquet")):
        """Every batch is read."""


def read_row_groups(folder):
    for group in row_groups([folder / "rows-00000.parquet"]):
        assert group.nnz >= 0


def write_lexicon(folder):
    counts = pa.table([WORDS, np.arange(60, 0, -10)], schema=WORD_COUNTS)
    lexicon = Lexicon.empty().plus(counts).grown(Rules(20), counts)
    lexicon.write(folder.make_folder() / "words")
    return folder / "words"


def read_lexicon(folder):
    lexicon = Lexicon.read(folder / "words")
    assert len(lexicon.vocabulary()) == lexicon.vocabulary_size


def write_tokens(folder):
    table = pa.table({"tokens": [["the", "whale"], ["of"], WORDS]})
    pq.write_table(table, (folder.make_folder() / "part.parquet").path)
    return folder / "part.parquet"


def read_tokens(folder):
    manifest = Manifest(Recipe("tokenize", 1, {}, {}), list_files(folder), {})
    dataset = Dataset(folder, manifest)
    for task in plan_slices(dataset, tasks_at_once=2, tokens_per_task=4):
        for part in task:
            for _ in read_slice(part):
                """Every document is read."""


def write_blocks(folder):
    rng = np.random.default_rng(0)
    rows, cols = rng.integers(0, 40, (2, 600), dtype=np.uint32)
    cell = batch_cell(rows, cols, rng.normal(size=600).astype(np.float32), triangle=False)
    write_cell(cell, folder.make_folder() / "cell")
    return folder / "cell"


def read_blocks(folder):
    cell = read_cell(folder / "cell", (40, 40))
    rows, cols = (initial_parameters(40, 4, np.random.default_rng(0), "row") for _ in range(2))
    update = StepSettings(
        learning_rate=0.3, damping=0.1, objective=Objective(x_max=10, alpha=0.75), adagrad="row"
    )
    train_cell(cell, rows, cols, update, rng=np.random.default_rng(0))


def write_kept_out(folder):
    columns = np.arange(5, dtype=np.uint32), np.arange(5, dtype=np.uint32)
    write_held_out(HeldOut(*columns, np.ones(5, np.float32)), folder.make_folder() / "held-out")
    return folder / "held-out"


def read_kept_out(folder):
    read_held_out(folder / "held-out")


def write_model(folder):
    parameters = initial_parameters(6, 4, np.random.default_rng(0), "row")
    epoch = model.epoch_folder(folder, 1).make_folder()
    model.write_parameters(parameters, epoch / "W-00000.arrow")
    return epoch / "W-00000.arrow"


def read_model(folder):
    model.read_parameters(model.block_file(folder, 1, "W", 0), 4, "row")
    model.read_vectors(folder, 1, 0, 4, "row", "word")


def write_record(folder):
    written = model.block_file(folder, 1, "W", 0)
    written.parent.make_folder()
    written.write_bytes(b"x")
    record = EpochRecord(1, 0.5, 10, 0.1, 2.0)
    commit_epoch(folder, record, {})
    return folder / "epoch-0001.json"


def read_record(folder):
    for record in committed_epochs(folder):
        is_whole(folder, record)


def write_manifest(folder):
    (folder.make_folder() / "data").write_bytes(b"12345")
    recipe = Recipe("cooccurrence", 1, {"window_size": 5, "x": [None, 1.5]}, {"tokens": "aa"})
    Manifest(recipe, list_files(folder), {"rows": 3}, {"total": 1.0}).write(folder)
    return Manifest.location(folder)


def read_manifest(folder):
    open_dataset(folder)


def write_c_vocab(folder):
    (folder.make_folder() / "vocab.txt").write_bytes(b"the 60\nof 50\nwhale 5\n")
    return folder / "vocab.txt"


def read_c_vocab(folder):
    read_vocab(folder / "vocab.txt")


def write_c_records(folder):
    records = np.zeros(12, [("row", "<i4"), ("col", "<i4"), ("count", "<f8")])
    records["row"] = np.repeat([1, 2, 3], 4)
    records["col"] = np.tile([1, 2, 3, 4], 3)
    records["count"] = 0.5
    (folder.make_folder() / "cooccurrence.bin").write_bytes(records.tobytes())
    return folder / "cooccurrence.bin"


def read_c_records(folder):
    RecordTally(read_records(folder / "cooccurrence.bin"), 4, "cooccurrence.bin")


def write_c_parameters(folder):
    (folder.make_folder() / "parameters.bin").write_bytes(np.ones(2 * 3 * 5).tobytes())
    return folder / "parameters.bin"


def read_c_parameters(folder):
    parameters_file(folder / "parameters.bin", 3)


def write_settings(folder):
    content = b'[run]\noutput = "x"\n[tokenize]\ninput = ["a"]\n[train]\nprobe = ["w"]\n'
    (folder.make_folder() / "settings.toml").write_bytes(content)
    return folder / "settings.toml"


def read_settings(folder):
    pipeline_config(read_toml((folder / "settings.toml").path))


def write_analogies(folder):
    (folder.make_folder() / "q.txt").write_bytes(b": capitals\nathens greece oslo norway\n")
    return folder / "q.txt"


def read_questions(folder):
    read_analogies((folder / "q.txt").path)


def write_pairs(folder):
    (folder.make_folder() / "pairs.txt").write_bytes(b"# word word\ncat dog 7.5\nsun,moon,3\n")
    return folder / "pairs.txt"


def read_pairs(folder):
    read_similarities((folder / "pairs.txt").path)


def write_stop_words(folder):
    (folder.make_folder() / "stop.txt").write_bytes("the\nof\nÜn\n".encode())
    return folder / "stop.txt"


def read_stops(folder):
    read_stop_words((folder / "stop.txt").path)


READERS = {
    "vocabulary": (write_vocabulary, read_vocabulary),
    "cooccurrence": (write_matrix, read_matrix),
    "row groups": (write_matrix, read_row_groups),
    "lexicon": (write_lexicon, read_lexicon),
    "tokens": (write_tokens, read_tokens),
    "cell": (write_blocks, read_blocks),
    "held-out": (write_kept_out, read_kept_out),
    "model": (write_model, read_model),
    "epoch record": (write_record, read_record),
    "manifest": (write_manifest, read_manifest),
    "vocab.txt": (write_c_vocab, read_c_vocab),
    "cooccurrence.bin": (write_c_records, read_c_records),
    "parameters.bin": (write_c_parameters, read_c_parameters),
    "configuration": (write_settings, read_settings),
    "analogies": (write_analogies, read_questions),
    "similarity": (write_pairs, read_pairs),
    "stop words": (write_stop_words, read_stops),
}


def survives(read, folder, file, content):
    file.write_bytes(content)
    # numpy may warn of the numbers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            read(folder)
        except GloveSparkError:
            return


@pytest.mark.parametrize("name", READERS)
@FEWER
@given(damage=damages(), again=st.none() | damages())
def test_dataset_readers_raise_errors_of_ours_only(tmp_path_factory, name, damage, again):
    write, read = READERS[name]
    folder = Location.of(tmp_path_factory.mktemp("hostile")) / "data"
    file = write(folder)
    whole = file.read_bytes()
    survives(read, folder, file, whole)
    damaged = damage(whole)
    survives(read, folder, file, damaged if again is None else again(damaged))


@pytest.mark.parametrize("name", FORMATS)
@FEWER
@given(damage=damages(), again=st.none() | damages())
def test_readers_of_vectors_raise_errors_of_ours_only(tmp_path_factory, name, damage, again):
    kind = FORMATS[name]
    file = Location.of(tmp_path_factory.mktemp("hostile")) / f"vectors{kind.suffix}"
    words = [word for word in WORDS if word != "<unk>"]
    source = MemorySource(words, np.arange(20, dtype=np.float32).reshape(5, 4))
    kind.export(source, file, "full")
    damaged = damage(file.read_bytes())

    def read(_):
        for chunk in kind.read(file).chunks():
            assert len(chunk.words) == len(chunk.rows)

    survives(read, None, file, damaged if again is None else again(damaged))


@pytest.mark.parametrize("name", ["vocabulary", "lexicon", "vectors"])
def test_words_that_are_not_utf8_are_refused(tmp_path, name):
    # forged as valid Parquet
    folder = Location.of(tmp_path) / "data"
    words = pa.array([b"whale", b"\xffwhal"]).view(pa.string())
    columns = {
        "vocabulary": ({"id": pa.array([0, 1], pa.int32()), "word": words, "count": [2, 1]}, FILE),
        "lexicon": (
            {"word": words, "count": [2, 1], "id": pa.array([0, 1], pa.int32()), "missed": [0, 0]},
            "words",
        ),
        "vectors": ({"word": words, "vector": [[1.0], [2.0]]}, "vectors.parquet"),
    }
    table, file = columns[name]
    target = folder.make_folder() / file
    pq.write_table(pa.table(table), target.path)
    read = {
        "vocabulary": lambda: Vocabulary.read(folder),
        "lexicon": lambda: Lexicon.read(target),
        "vectors": lambda: list(FORMATS["parquet"].read(target).chunks()),
    }[name]
    with pytest.raises(GloveSparkError, match="UTF8"):
        read()


@FEWER
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=12,
    ),
    member=st.sampled_from(["files", "facts", "settings", "inputs", "lineage", "format_version"]),
)
def test_forged_manifests_raise_errors_of_ours_only(tmp_path_factory, content, member):
    # forged with a valid checksum
    folder = Location.of(tmp_path_factory.mktemp("hostile")) / "data"
    file = write_manifest(folder)
    forged = json.loads(file.read_bytes()) | {member: content}
    del forged["checksum"]
    forged["checksum"] = fingerprint(forged)
    survives(read_manifest, folder, file, json.dumps(forged).encode())
