"""The standard corpus as documents, and nested samples of whole documents."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_documents(folder: Path) -> Iterator[str]:
    """Yield the lines of the ``.txt.gz`` files in a folder, one document each, stripped."""
    for file in sorted(folder.glob("*.txt.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n")


def write_documents(documents: Iterable[str], file: Path) -> Path:
    """Write one document per line."""
    with open(file, "w", encoding="utf-8") as sink:
        sink.writelines(f"{document}\n" for document in documents)
    return file


def nested_samples(
    lengths: Sequence[int], sizes: Sequence[int], seed: int
) -> list[NDArray[np.int64]]:
    """Draw samples of documents with the requested numbers of tokens, or all documents.

    Documents are in one random order. A sample is the shortest beginning of it with enough tokens,
    so a smaller sample is part of a larger one.

    Parameters
    ----------
    lengths
        The number of tokens of every document.
    sizes
        The requested numbers of tokens.

    Returns
    -------
    list of numpy.ndarray
        For each size, the indices of its documents, int64, ascending.
    """
    order = np.random.default_rng(seed).permutation(len(lengths))
    filled = np.cumsum(np.asarray(lengths, np.int64)[order])
    ends = np.searchsorted(filled, sizes) + 1
    return [np.sort(order[:end]) for end in ends]
