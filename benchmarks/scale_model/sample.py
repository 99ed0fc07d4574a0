"""The standard corpus as documents, and samples of whole documents, each within the larger ones."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_documents(folder: Path) -> Iterator[str]:
    """Yield the lines of a folder's ``.txt.gz`` files, a document each, without their ends."""
    for file in sorted(folder.glob("*.txt.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n")


def write_documents(documents: Iterable[str], file: Path) -> Path:
    """Write a document a line."""
    with open(file, "w", encoding="utf-8") as sink:
        sink.writelines(f"{document}\n" for document in documents)
    return file


def nested_samples(
    lengths: Sequence[int], sizes: Sequence[int], seed: int
) -> list[NDArray[np.int64]]:
    """Draw samples of documents that hold just the wanted numbers of tokens, or all there are.

    Documents come in one random order; a sample is the shortest beginning of it that holds enough,
    so the sample of a smaller size is part of that of a larger one.

    Parameters
    ----------
    lengths
        Tokens of every document.
    sizes
        Tokens wanted.

    Returns
    -------
    list of numpy.ndarray
        For each size the numbers of its documents, int64, ascending.
    """
    order = np.random.default_rng(seed).permutation(len(lengths))
    filled = np.cumsum(np.asarray(lengths, np.int64)[order])
    ends = np.searchsorted(filled, sizes) + 1
    return [np.sort(order[:end]) for end in ends]
