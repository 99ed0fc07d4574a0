"""Beside Mittens (Dingwall and Potts 2018): the same objective on a vocabulary that it can hold.

    pip install mittens
    glove-spark run --input $GLOVE_SPARK_DATA/data/wiki --output std/ --vector-size 50
    python -m benchmarks.quality.mittens --published std/vectors.txt --words 3000

Counts the books' most frequent words and trains both programs from the published vectors: the
paper's objective, with the same x_max and the same weight mu of staying near. Mittens holds the
matrix as a dense array and steps on all of it at once; its cost is recorded as it goes. The costs
compared are means over all nonzeros of `0.5 f (w.u + b + c - ln X)^2`, by one function from the
parameters that each program ends with, without the term of staying near. Besides these: the
accuracy of telling unseen paragraphs' book, how far the vectors of known words moved, and seconds.
A record is appended to records/adapt.jsonl.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from mittens import Mittens
from numpy.typing import NDArray

from benchmarks.quality.books import accuracy, books_of, labelled_paragraphs, write_training_half
from benchmarks.quality.scores import reference_data
from benchmarks.records.record import HERE, Record, append_record, provenance
from glove_spark.datasets.matrix_parts import iterate_matrix
from glove_spark.datasets.model import SIDES, gather_parameters
from glove_spark.pipeline import run_command
from glove_spark.settings.config import pipeline_config
from glove_spark.spark.session import open_session
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.vectors.word_vectors import WordVectors

Matrix = NDArray[np.float64]
Values = NDArray[np.floating[Any]]

ALPHA = 0.75


def main() -> None:
    """Train both; print and record what they reach."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--published", required=True, help="vectors of the standard corpus")
    parser.add_argument("--words", type=int, default=3000)
    parser.add_argument("--stay", type=float, default=0.1, help="mu, of both programs")
    parser.add_argument("--x-max", type=float, default=20.0)
    parser.add_argument("--iterations", type=int, nargs="+", default=[100, 500], help="of Mittens")
    parser.add_argument("--epochs", type=int, nargs="+", default=[5, 15], help="of ours")
    parser.add_argument("--record", default=str(HERE / "adapt.jsonl"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(given, Path(folder))
    options = {k: v for k, v in vars(given).items() if k not in ("published", "record")}
    record = provenance() | {"what": "mittens", "options": options, "rows": rows}
    append_record(given.record, record)


def compare(given: argparse.Namespace, root: Path) -> list[Record]:
    """Count the paragraphs that train the classifier, and train both programs on the counts."""
    published = WordVectors.load(given.published)
    paragraphs = labelled_paragraphs(books_of(reference_data()))
    text = write_training_half(paragraphs[0], root)
    base: dict[str, Any] = {
        "tokenize": {"input": (str(text),)},
        "vocabulary": {"max_vocabulary": given.words},
        "blocks": {"num_blocks": 2},
    }
    spark = open_session("local[2]")
    config = pipeline_config({**base, "run": {"output": str(root / "counted")}})
    for stage in ("tokenize", "vocabulary", "cooccurrence", "blocks"):
        run_command(spark, stage, config)
    counts = dense_matrix(root / "counted", given.words)
    rows: list[Record] = []

    def report(name: str, seconds: float, cost: float, vectors: WordVectors) -> None:
        row = {
            "name": name,
            "seconds": round(seconds, 1),
            "cost": round(cost, 5),
            "accuracy": accuracy(vectors, *paragraphs),
            "moved": round(moved(vectors, published), 3),
        }
        rows.append(row)
        print(row, flush=True)

    for epochs in given.epochs:
        place = root / f"ours-{epochs}"
        train = {
            "vector_size": published.vector_size,
            "epochs": epochs,
            "x_max": given.x_max,
            "biases": "trained",
            "unobserved": 0.0,
            "subsample": 0.0,
            "warm_start": given.published,
            "stay": given.stay,
        }
        run = {"output": str(place), "reuse": str(root / "counted")}
        config = pipeline_config({**base, "run": run, "train": train})
        started = time.perf_counter()
        for stage in ("train", "export"):
            run_command(spark, stage, config)
        seconds = time.perf_counter() - started
        model = open_dataset(Location.of(place / "model"), hasher=None)
        ids = np.arange(len(counts))
        word, context = (gather_parameters(model, side, ids) for side in SIDES)
        cost = cost_of(
            counts, given.x_max, word.vectors, context.vectors, word.biases, context.biases
        )
        report(f"glove_spark, {epochs} epochs", seconds, cost, WordVectors.load(str(place)))
    words = list(WordVectors.load(str(place)).words)
    known = {word: published[word] for word in words if word in published}
    for iterations in given.iterations:
        np.random.seed(1)
        theirs = Mittens(
            n=published.vector_size,
            mittens=given.stay,
            xmax=given.x_max,
            max_iter=iterations,
            display_progress=10**9,
        )
        started = time.perf_counter()
        vectors = theirs.fit(counts, vocab=words, initial_embedding_dict=known)
        seconds = time.perf_counter() - started
        cost = cost_of(
            counts, given.x_max, theirs.W, theirs.C, theirs.bw.ravel(), theirs.bc.ravel()
        )
        found = WordVectors(words, vectors.astype(np.float32))
        report(f"Mittens, {iterations} iterations", seconds, cost, found)
    return rows


def dense_matrix(counted: Path, words: int) -> Matrix:
    """Read the counts as a (V, V) array."""
    matrix = open_dataset(Location.of(counted / "cooccurrence"), hasher=None)
    counts = np.zeros((words, words))
    for part in iterate_matrix(matrix):
        counts[part.row_ids, part.col_ids] = part.counts
    return counts


def cost_of(counts: Matrix, x_max: float, w: Values, u: Values, b: Values, c: Values) -> float:
    """Return the mean cost of a nonzero by the paper's objective."""
    rows, cols = np.nonzero(counts)
    x = counts[rows, cols]
    told = np.einsum("ij,ij->i", w[rows].astype(float), u[cols].astype(float))
    residuals = told + b[rows] + c[cols] - np.log(x)
    return float(np.mean(0.5 * np.minimum(1.0, (x / x_max) ** ALPHA) * residuals**2))


def moved(vectors: WordVectors, published: WordVectors) -> float:
    """Return the mean cosine distance of known words from their published vectors."""
    known = [word for word in vectors.words if word in published]
    new = np.array([vectors[word] for word in known], float)
    old = np.array([published[word] for word in known], float)
    norms = np.linalg.norm(new, axis=1) * np.linalg.norm(old, axis=1)
    return float(np.mean(1 - np.einsum("ij,ij->i", new, old) / norms))


if __name__ == "__main__":
    main()
