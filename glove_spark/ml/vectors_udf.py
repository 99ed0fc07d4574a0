"""Spark columns of vectors, computed by Python workers from a file that every executor maps.

Documents travel as one piece of bytes each, their tokens ended by a byte that no UTF-8 has: Arrow
takes a third of the time for it that it takes for an array of strings. Vectors come back as the
structs that Spark's own vectors are inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import SparkFiles
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column
from pyspark.sql import functions as F

from glove_spark.exchange.safetensors import SafetensorsSource
from glove_spark.kernels.averaging import average_vectors, frequency_weights
from glove_spark.storage import Location

END = b"\xff"
"""Ends a token; no UTF-8 has this byte."""

DENSE = 1
"""What Spark's struct of a vector has as ``type`` where it is dense."""

Matrix = NDArray[np.float32]


class ShippedVectors(NamedTuple):
    """Names of the files that an executor has of a model.

    Attributes
    ----------
    vectors
        safetensors, as `glove_spark.exchange.safetensors` writes them.
    counts
        int64 (V,) as numpy saves it.
    """

    vectors: str
    counts: str


class _Mapped(NamedTuple):
    words: list[str]
    matrix: Matrix
    counts: NDArray[np.int64]
    id_of: dict[bytes, int]


@lru_cache(maxsize=2)
def _mapped(vectors: str, counts: str) -> _Mapped:
    """Map the files; a worker keeps what it used last, for its next tasks."""
    source = SafetensorsSource(Location.of(vectors))
    words = [word for part in source.words() for word in part]
    matrix = source.matrix()
    assert matrix is not None, "safetensors are mapped"
    id_of = {word.encode() + END: number for number, word in enumerate(words)}
    # a plain array: every slice of numpy's own memory map makes another object of that class
    return _Mapped(words, np.asarray(matrix), np.load(counts, mmap_mode="r"), id_of)


def _opened(shipped: ShippedVectors) -> _Mapped:
    return _mapped(SparkFiles.get(shipped.vectors), SparkFiles.get(shipped.counts))


def averaged(tokens: str, shipped: ShippedVectors, frequency_weight: float | None) -> Column:
    """Make the column of the averaged vectors of a column of tokens, an ``array<string>``."""
    end = F.unhex(F.lit(END.hex())).cast("string")
    # array_join of pyspark takes no column as the separator
    joined = F.call_function("array_join", F.col(f"`{tokens}`"), end)
    document = F.concat(joined, end).cast("binary")

    def average(documents: pa.Array) -> Matrix:
        mapped = _opened(shipped)
        weights = None if frequency_weight is None else _weights(shipped, frequency_weight)
        ids, ends = token_ids(documents, mapped.id_of)
        return average_vectors(ids, ends, mapped.matrix, weights)

    return _vector_column(average, document)


def words_of(ids: Column, shipped: ShippedVectors) -> Column:
    """Make the column of the words of a column of ids, bigint."""

    def look_up(numbers: pa.Array) -> pa.Array:
        words = _opened(shipped).words
        return pa.array([words[number] for number in numbers.to_pylist()], pa.string())

    return _arrow_column(look_up, "string", ids)


def vectors_of(ids: Column, shipped: ShippedVectors) -> Column:
    """Make the column of the vectors of a column of ids, bigint."""
    return _vector_column(lambda numbers: _opened(shipped).matrix[numbers.to_numpy()], ids)


def token_ids(
    documents: pa.Array, id_of: dict[bytes, int]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the ids of the tokens of documents.

    Parameters
    ----------
    documents
        binary, the tokens of each ended by `END`; null or empty where there is none.
    id_of
        By words ended by `END`.

    Returns
    -------
    tuple
        What `average_vectors` takes: ids, -1 where unknown, and where each document ends.
    """
    documents = documents.cast(pa.large_binary())
    _, offsets_buffer, data = documents.buffers()
    count = len(documents)
    if not count or data is None:
        return np.empty(0, np.int32), np.zeros(count, np.int64)
    offsets = np.frombuffer(offsets_buffer, np.int64)[documents.offset :][: count + 1]
    content = np.frombuffer(data, np.uint8)[: offsets[-1]]
    first = int(offsets[0])
    token_ends = first + 1 + np.flatnonzero(content[first:] == END[0])
    bounds = pa.py_buffer(np.concatenate([offsets[:1], token_ends]).astype(np.int64))
    tokens = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(token_ends), [None, bounds, data]
    ).dictionary_encode()
    # a word is looked up once, however often it occurs
    ids = np.array([id_of.get(word, -1) for word in tokens.dictionary.to_pylist()], np.int32)
    found = ids[tokens.indices.to_numpy()] if len(ids) else ids
    return found, np.searchsorted(token_ends, offsets[1:], side="right")


@lru_cache(maxsize=2)
def _weights(shipped: ShippedVectors, frequency_weight: float) -> Matrix:
    return frequency_weights(np.asarray(_opened(shipped).counts), frequency_weight)


def _vector_column(function: Callable[[pa.Array], Matrix], argument: Column) -> Column:
    """Make a column of Spark's vectors."""
    if hasattr(F, "arrow_udf"):
        return _arrow_column(lambda given: _as_structs(function(given)), VectorUDT(), argument)
    return array_to_vector(
        _arrow_column(lambda given: list(function(given)), "array<float>", argument)
    )


def _arrow_column(function: Callable[[pa.Array], Any], kind: Any, argument: Column) -> Column:
    """Make a column by a function of Arrow arrays; Spark before 4.1 goes through pandas."""
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
