"""Finished vectors: Parquet ``word, vector``, and GloVe text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glove_spark.errors import DatasetError, InputError
from glove_spark.storage import Location

SCHEMA = pa.schema(
    [
        pa.field("word", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.float32()), nullable=False),
    ]
)
"""What Spark reads as ``word string, vector array<float>``."""

ROW_GROUP = 10_000
"""Words; bounds what a reader of the Parquet files holds at a time."""


def write_parquet(words: pa.Array, vectors: NDArray[np.float32], target: Location) -> None:
    """Write words and their vectors (n, d) as one Parquet file."""
    table = pa.table([words, _lists(pa.array(vectors.ravel()), vectors.shape[1])], schema=SCHEMA)
    with target.open_output() as sink:
        # floats hardly compress: byte streams split by significance do, a little, with zstd
        pq.write_table(
            table,
            sink,
            row_group_size=ROW_GROUP,
            compression="zstd",
            use_dictionary=False,
            column_encoding={"vector.list.element": "BYTE_STREAM_SPLIT", "word": "PLAIN"},
            write_statistics=False,
        )


def read_parquet(source: Location) -> Iterator[tuple[pa.Array, NDArray[np.float32]]]:
    """Yield words and vectors of a row group at a time."""
    with pq.ParquetFile(source.open_input()) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group).combine_chunks()
            column = table["vector"].chunk(0)
            flat = column.flatten().to_numpy()
            yield table["word"].chunk(0), flat.reshape(len(column), -1)


def text_lines(words: pa.Array, vectors: NDArray[np.float32]) -> pa.Array:
    """Format GloVe text lines: the word, then its numbers, separated by one space.

    A number has the fewest digits that give the same float32 back.

    Raises
    ------
    DatasetError
        If a word holds white space, which the format cannot express.
    """
    spaced = pc.match_substring_regex(words, r"\s")
    if pc.any(spaced).as_py():
        word = words.filter(spaced)[0].as_py()
        raise DatasetError(
            f"word {word!r} holds white space, which GloVe text cannot express; use a tokenizer "
            "that gives none, or read the vectors from Parquet"
        )
    numbers = pc.cast(pa.array(vectors.ravel()), pa.string())
    joined = pc.binary_join(_lists(numbers, vectors.shape[1]), " ")
    return pc.binary_join_element_wise(words, joined, " ")


def read_text(source: Location) -> tuple[list[str], NDArray[np.float32]]:
    """Read GloVe text; a word2vec header line (``V d``) is passed over.

    Raises
    ------
    InputError
        If a line has another number of columns than the first, or no numbers.
    """
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    text = source.read_bytes().decode("utf-8", errors="replace")
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            continue
        word, _, rest = line.rstrip("\r ").partition(" ")
        try:
            row = np.array(rest.split(" "), dtype=np.float32)
        except ValueError:
            raise InputError(f"{source.shown}, line {number}: not a word and its numbers") from None
        if number == 1 and len(row) == 1:
            continue
        if rows and len(row) != len(rows[0]):
            raise InputError(
                f"{source.shown}, line {number}: {len(row)} numbers where line 1 has {len(rows[0])}"
            )
        words.append(word)
        rows.append(row)
    if not rows:
        raise InputError(f"{source.shown} holds no vectors")
    return words, np.stack(rows)


def _lists(values: pa.Array, size: int) -> pa.Array:
    offsets = pa.array(np.arange(0, len(values) + 1, size, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values)
