"""What the benchmarks of published vectors measure: books told apart, other words compared."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from benchmarks.quality.scores import SIMILARITY
from benchmarks.records.record import Record
from glove_spark.evaluation import read_similarities, score_similarity
from glove_spark.vectors.word_vectors import WordVectors


def books_of(data: Path) -> list[Path]:
    """Return the files of the political books, in their order."""
    return sorted((data / "data" / "political").glob("*.txt.gz"))


def joined(adapted: WordVectors, published: WordVectors) -> WordVectors:
    """Return the adapted vectors, and the published ones of all other words."""
    others = [k for k, word in enumerate(published.words) if word not in adapted]
    words = [*adapted.words, *(published.words[k] for k in others)]
    return WordVectors(words, np.vstack([adapted.vectors, published.vectors[others]]))


def similarities(vectors: WordVectors, data: Path, in_books: set[str]) -> Record:
    """Score word similarity: all pairs, and those with a word that is not in the books."""
    found: Record = {}
    for name in ("MEN", "WS353"):
        pairs = read_similarities(data / "eval" / "similarity" / f"{SIMILARITY[name]}.txt")
        outside = [pair for pair in pairs if not {pair[0], pair[1]} <= in_books]
        for what, some in (("all", pairs), ("outside", outside)):
            score = score_similarity(vectors, some)
            found[f"{name} {what}"] = {"value": round(score.value, 2), "covered": score.covered}
    return found


def labelled_paragraphs(files: list[Path]) -> tuple[list[list[str]], NDArray[np.int64]]:
    """Read the books' lines of at least ten words, and which book each is of."""
    lines, labels = [], []
    for label, file in enumerate(files):
        for line in gzip.decompress(file.read_bytes()).decode().lower().splitlines():
            words = line.split()
            if len(words) >= 10:
                lines.append(words)
                labels.append(label)
    return lines, np.array(labels)


def training_half(count: int) -> NDArray[np.bool_]:
    """Draw the paragraphs that train the classifier; the others test it."""
    return np.random.default_rng(1).random(count) < 0.5


def write_training_half(lines: list[list[str]], folder: Path, share: float = 1.0) -> Path:
    """Write the paragraphs that train the classifier, or a share of them; return the file."""
    drawn = np.random.default_rng(2).random(len(lines)) < share
    seen = [" ".join(lines[k]) for k in np.flatnonzero(training_half(len(lines)) & drawn)]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "seen.txt"
    file.write_text("\n".join(seen) + "\n", "utf-8")
    return file


def accuracy(vectors: WordVectors, lines: list[list[str]], labels: NDArray[np.int64]) -> float:
    """Return the share of paragraphs whose book is told, in percent."""
    means = np.zeros((len(lines), vectors.vector_size))
    unit = vectors.vectors / np.maximum(vectors.norms, 1e-9)[:, None]
    for row, line in zip(means, lines, strict=True):
        ids = [vectors.key_to_index[word] for word in line if word in vectors]
        if ids:
            row[:] = unit[ids].mean(axis=0)
    means = (means - means.mean(axis=0)) / means.std(axis=0)
    means = np.hstack([means, np.ones((len(means), 1))])
    is_train = training_half(len(lines))
    x, y = means[is_train], labels[is_train]
    shape = (means.shape[1], int(labels.max()) + 1)
    wanted = np.eye(shape[1])[y]

    def cost(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape)
        logits = x @ weights
        value = -np.sum(wanted * log_softmax(logits, axis=1)) + 0.5 * np.sum(flat**2)
        return float(value), (x.T @ (softmax(logits, axis=1) - wanted) + weights).ravel()

    found = minimize(
        cost, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200}
    )
    told = (means[~is_train] @ found.x.reshape(shape)).argmax(axis=1)
    return round(100 * float(np.mean(told == labels[~is_train])), 2)
