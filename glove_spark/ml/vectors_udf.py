"""Spark columns of vectors, computed by Python workers from a memory-mapped file.

A document is sent as one sequence of bytes, in which a byte that does not occur in UTF-8 ends every
token: this takes Arrow a third of the time of an array of strings. Vectors are returned as the
structs that Spark's own vectors consist of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark import SparkFiles
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column
from pyspark.sql import functions as F

from glove_spark.exchange.safetensors import SafetensorsSource
from glove_spark.kernels.document_averages import average_vectors, frequency_weights, unit_weights
from glove_spark.stages.dataframe import repaired_tokens
from glove_spark.store.location import Location

END = b"\xff"
"""The byte that ends a token; it does not occur in UTF-8."""

DENSE = 1
"""The value of ``type`` in Spark's struct of a dense vector."""

Matrix = NDArray[np.float32]


class ShippedVectors(NamedTuple):
    """The names of the files of a model on an executor.

    Attributes
    ----------
    vectors
        safetensors, as `glove_spark.exchange.safetensors` writes them.
    counts
        int64 (V,) as numpy saves it.
    """

    vectors: str
    counts: str


class Weighting(NamedTuple):
    """The weights of words in an average.

    Attributes
    ----------
    frequency_weight
        a of the weight ``a / (a + p)``; None is 1 for every word.
    unit_vectors
        Whether vectors are scaled to length 1.
    """

    frequency_weight: float | None = None
    unit_vectors: bool = False


class _Mapped(NamedTuple):
    words: pa.StringArray
    matrix: Matrix
    counts: NDArray[np.int64]
    ended_words: pa.BinaryArray


@lru_cache(maxsize=2)
def _mapped(vectors: str, counts: str) -> _Mapped:
    """Memory-map the files; a worker keeps the last ones for its next tasks."""
    source = SafetensorsSource(Location.of(vectors))
    words = [word for part in source.words() for word in part]
    matrix = source.matrix()
    assert matrix is not None, "safetensors are mapped"
    ended_words = pa.array([word.encode() + END for word in words], pa.binary())
    mapped_counts = np.load(counts, mmap_mode="r")
    # a plain array, because every slice of numpy's memory map creates an object of that class
    return _Mapped(pa.array(words, pa.string()), np.asarray(matrix), mapped_counts, ended_words)


def opened(shipped: ShippedVectors) -> _Mapped:
    """Memory-map the files of the executor, in the Python worker that runs this."""
    return _mapped(SparkFiles.get(shipped.vectors), SparkFiles.get(shipped.counts))


def averaged(tokens: str, shipped: ShippedVectors, weighting: Weighting) -> Column:
    """Make the column of the averaged vectors of a column of tokens, an ``array<string>``."""

    def average(documents: pa.Array) -> Matrix:
        mapped = opened(shipped)
        weights = _weights(shipped, weighting)
        ids, ends = token_ids(documents, mapped.ended_words)
        return average_vectors(ids, ends, mapped.matrix, weights)

    return _vector_column(average, joined_tokens(tokens))


def joined_tokens(tokens: str) -> Column:
    """Make the column of documents, binary, of a column of tokens, an ``array<string>``."""
    end = F.unhex(F.lit(END.hex())).cast("string")
    given = F.col(f"`{tokens}`")
    text = F.array_join(given, " ")
    is_damaged = F.contains(text, F.lit("\0")) | ~F.is_valid_utf8(text)
    found = F.when(is_damaged, repaired_tokens(given)).otherwise(given)
    # array_join of pyspark takes no column as the separator
    return F.concat(F.call_function("array_join", found, end), end).cast("binary")


def words_of(ids: Column, shipped: ShippedVectors) -> Column:
    """Make the column of the words of a column of ids, bigint."""

    def look_up(numbers: pa.Array) -> pa.Array:
        return opened(shipped).words.take(numbers)

    return arrow_column(look_up, "string", ids)


def vectors_of(ids: Column, shipped: ShippedVectors) -> Column:
    """Make the column of the vectors of a column of ids, bigint."""
    return _vector_column(lambda numbers: opened(shipped).matrix[numbers.to_numpy()], ids)


def token_ids(
    documents: pa.Array, ended_words: pa.BinaryArray
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the ids of the tokens of documents.

    Parameters
    ----------
    documents
        binary, the tokens of each document, each ended by `END`; null or empty if there are none.
    ended_words
        binary, the words of the vocabulary, each ended by `END`.

    Returns
    -------
    tuple
        The arguments of `average_vectors`: ids, -1 if unknown, and the end of each document.
    """
    wide = pa.types.is_large_binary(documents.type)
    kind = np.int64 if wide else np.int32
    _, offsets_buffer, data = documents.buffers()
    if not len(documents) or data is None:
        return np.empty(0, np.int32), np.zeros(len(documents), np.int64)
    offsets = np.frombuffer(offsets_buffer, kind)[documents.offset :][: len(documents) + 1]
    content = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    ends = np.flatnonzero(content == END[0]) + (int(offsets[0]) + 1)
    bounds = np.empty(len(ends) + 1, kind)
    bounds[0], bounds[1:] = offsets[0], ends
    array = pa.LargeBinaryArray if wide else pa.BinaryArray
    tokens = array.from_buffers(documents.type, len(ends), [None, pa.py_buffer(bounds), data])
    words = ended_words.cast(documents.type) if wide else ended_words
    # the table of all words is built for every batch, at 30 ns per word: batches have far more
    # tokens
    ids = pc.index_in(tokens, words).fill_null(-1).to_numpy()
    return ids, np.searchsorted(ends, offsets[1:], side="right")


@lru_cache(maxsize=2)
def _weights(shipped: ShippedVectors, weighting: Weighting) -> Matrix | None:
    mapped, found = opened(shipped), None
    if weighting.frequency_weight is not None:
        found = frequency_weights(np.asarray(mapped.counts), weighting.frequency_weight)
    if weighting.unit_vectors:
        units = unit_weights(mapped.matrix)
        found = units if found is None else found * units
    return found


def _vector_column(function: Callable[[pa.Array], Matrix], argument: Column) -> Column:
    """Make a column of Spark's vectors."""
    if hasattr(F, "arrow_udf"):
        return arrow_column(lambda given: _as_structs(function(given)), VectorUDT(), argument)
    return array_to_vector(
        arrow_column(lambda given: list(function(given)), "array<float>", argument)
    )


def arrow_column(function: Callable[[pa.Array], Any], kind: Any, argument: Column) -> Column:
    """Make a column with a function of Arrow arrays; Spark before 4.1 uses pandas."""
    if hasattr(F, "arrow_udf"):

        def arrow(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
            for batch in batches:
                yield function(batch)

        found: Column = F.arrow_udf(arrow, kind)(argument)
        return found
    from glove_spark.ml.pandas_udf import pandas_column

    return pandas_column(function, kind, argument)


def _as_structs(matrix: Matrix) -> pa.StructArray:
    """Make dense vectors as Spark stores them: type, size, indices, values."""
    count, size = matrix.shape
    values = pa.array(matrix.ravel().astype(np.float64))
    ends = pa.array(np.arange(0, matrix.size + 1, size, dtype=np.int32))
    return pa.StructArray.from_arrays(
        [
            pa.array(np.full(count, DENSE, np.int8)),
            pa.nulls(count, pa.int32()),
            pa.nulls(count, pa.list_(pa.int32())),
            pa.ListArray.from_arrays(ends, values),
        ],
        names=["type", "size", "indices", "values"],
    )
