"""Going on from published vectors: the books of GLOVE_SPARK_DATA as the domain.

    glove-spark run --input $GLOVE_SPARK_DATA/data/wiki --output std/ --vector-size 50
    python -m benchmarks.quality.adapt books --published std/vectors.txt
    python -m benchmarks.quality.adapt books --published std/vectors.txt --gradsq 0.3 1 3 10
    python -m benchmarks.quality.adapt books --published std/vectors.txt --unseen --seeds 1 2 3
    python -m benchmarks.quality.adapt start

`books` counts the 18 books once, a tenth of the nonzeros held out, and trains from nothing, from
the published vectors, and from them with `--stay` at several mu. A row per training has its
held-out cost, the accuracy of telling a paragraph's book (logistic regression on mean vectors, half
of the paragraphs train), the neighbours of new words, and similarity scores. `published` is what
the published vectors do as they are: the cost is that of the start. The similarity is of the
vectors that a user holds in the end: the adapted ones for the books' words, and for all others the
published ones; it is asked of the pairs with a word that is not in the books, and of all. With
`--unseen` the vectors are trained on the paragraphs that train the classifier alone, so that those
which test it are new text, as a classifier's input is. The accuracy "joined" uses the published
vectors of all words that are not in the text the vectors were trained on. `start`
times the start from 400,000 random published words at d = 300, and what memory it takes: reading
the file, fitting the scale to the counts of random text with all these words, and writing the
scaled vectors. Records are appended to records/adapt.jsonl.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.books import (
    accuracy,
    books_of,
    joined,
    labelled_paragraphs,
    similarities,
    write_training_half,
)
from benchmarks.quality.scores import reference_data
from benchmarks.records.record import HERE, Record, append_record, provenance
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.exchange.formats import convert
from glove_spark.exchange.source import MemorySource
from glove_spark.kernels.blocks.grid import BlockGrid
from glove_spark.kernels.starting import published_start
from glove_spark.kernels.training.objective import log_keep_factors
from glove_spark.pipeline import run_command
from glove_spark.settings.config import pipeline_config
from glove_spark.settings.stages import TrainSettings
from glove_spark.spark.session import open_session
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location
from glove_spark.training.epoch_plan import objective_of
from glove_spark.training.published import read_published
from glove_spark.training.published_start import place_published
from glove_spark.training.word_terms import measure_terms
from glove_spark.vectors.word_vectors import WordVectors

OPTIONS = ("stay", "gradsq", "length", "seeds", "epochs", "unseen", "share", "words", "size")
"""Which are recorded."""

NEW_WORDS = 6
"""Whose neighbours are recorded: the most frequent words that were not published."""


def main() -> None:
    """Measure one thing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("books", "start"))
    parser.add_argument("--published", help="vectors of the standard corpus")
    parser.add_argument("--output", help="where the books are counted; default: a temporary folder")
    parser.add_argument("--stay", type=float, nargs="*", default=[0.01, 0.1, 1.0, 10.0])
    parser.add_argument("--gradsq", type=float, nargs="*", default=[published_start.KNOWN_GRADSQ])
    parser.add_argument("--length", type=float, default=published_start.START_LENGTH)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument(
        "--unseen",
        action="store_true",
        help="train vectors on the paragraphs that train the classifier alone",
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="with --unseen: of those paragraphs, the share"
    )
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--record", default=str(HERE / "adapt.jsonl"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given.output = given.output or folder
        measure = {"books": books, "start": start_time}[given.what]
        options = {k: v for k, v in vars(given).items() if k in OPTIONS}
        record = provenance() | {"what": given.what, "options": options} | measure(given)
    append_record(given.record, record)


def books(given: argparse.Namespace) -> Record:
    """Train from nothing, from published vectors, and near them; score all."""
    data = reference_data()
    files = books_of(data)
    published = WordVectors.load(given.published)
    size, root = published.vector_size, Path(given.output)
    counted = root / "counted"
    paragraphs = labelled_paragraphs(files)
    if given.unseen:
        files = [write_training_half(paragraphs[0], root, given.share)]
    spark = open_session("local[2]")
    base: dict[str, Any] = {
        "tokenize": {"input": tuple(map(str, files))},
        "blocks": {"num_blocks": 2, "held_out": 0.1},
    }
    config = pipeline_config({**base, "run": {"output": str(counted)}})
    for stage in ("tokenize", "vocabulary", "cooccurrence", "blocks"):
        run_command(spark, stage, config)
    nothing = {"learning_rate": 1e-9, "final_learning_rate": 1e-9, "epochs": 1}
    warm = {"warm_start": given.published}
    rows: list[Record] = []
    fresh: list[str] = []
    for seed, gradsq, (name, options) in (
        (number, start, training)
        for number in given.seeds
        for start in given.gradsq
        for training in (
            # what does not start from published vectors knows nothing of their accumulators
            *([("scratch", {}), ("published", warm | nothing)] * (start == given.gradsq[0])),
            ("start", warm),
            *((f"stay {mu:g}", warm | {"stay": mu}) for mu in given.stay),
        )
    ):
        published_start.KNOWN_GRADSQ = gradsq
        # the published vectors as they are have the length that fits the counts best
        published_start.START_LENGTH = 1.0 if name == "published" else given.length
        place = root / f"{name}-{gradsq:g}-{seed}".replace(" ", "-")
        values = {"vector_size": size, "epochs": given.epochs, "seed": seed} | options
        config = pipeline_config(
            {**base, "run": {"output": str(place), "reuse": str(counted)}, "train": values}
        )
        started = time.perf_counter()
        for stage in ("train", "export"):
            run_command(spark, stage, config)
        seconds = time.perf_counter() - started
        adapted = WordVectors.load(str(place))
        model = open_dataset(Location.of(place / "model"), hasher=None)
        fresh = fresh or [word for word in adapted.words if word not in published][:NEW_WORDS]
        vectors = published if name == "published" else adapted
        everything = published if name == "published" else joined(adapted, published)
        row: Record = {
            "name": name,
            "seed": seed,
            "gradsq": gradsq,
            "held_out": model.facts["held_out_costs"][-1],
            "held_out_unobserved": model.facts["held_out_unobserved_costs"][-1],
            "accuracy": accuracy(vectors, *paragraphs),
            "accuracy_joined": accuracy(everything, *paragraphs),
            "known": model.facts["known_words"],
            "known_tokens": model.facts["known_token_share"],
            "seconds": round(seconds, 1),
            "similarity": similarities(everything, data, set(adapted.words)),
        }
        if name not in ("scratch", "published"):
            row["neighbors"] = {
                word: [other for other, _ in adapted.most_similar(word, topn=5)] for word in fresh
            }
        rows.append(row)
        print(row, flush=True)
    return {"vocabulary": len(adapted.words), "published_words": len(published), "rows": rows}


def start_time(given: argparse.Namespace) -> Record:
    """Time the start from published vectors of all words of a text, and the most memory of it."""
    root = Path(given.output)
    file = root / "published.txt"
    # in another process, because the peak of this one is measured
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(write_random_vectors, file, given.words, given.size).result()
        pool.submit(write_random_text, root / "text.txt", given.words).result()
    spark = open_session("local[2]")
    config = pipeline_config(
        {
            "tokenize": {"input": (str(root / "text.txt"),)},
            "vocabulary": {"min_count": 1},
            "run": {"output": str(root / "out")},
        }
    )
    for stage in ("tokenize", "vocabulary", "cooccurrence", "blocks"):
        run_command(spark, stage, config)
    blocks = open_dataset(Location.of(root / "out" / "blocks"), hasher=None)
    vocabulary = Vocabulary.read(Location.of(root / "out" / "vocabulary"))
    settings = TrainSettings(vector_size=given.size, warm_start=str(file))
    grid = BlockGrid(len(vocabulary), int(blocks.facts["num_blocks"]))
    terms = measure_terms(
        spark.sparkContext,
        blocks.location,
        grid,
        objective_of(settings),
        log_keep_factors(vocabulary.counts, settings.subsample),
        symmetric=bool(blocks.facts["symmetric"]),
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    published = read_published(settings, vocabulary)
    read = time.perf_counter()
    model = Location.of(root / "model").make_folder()
    place_published(published, settings, model, blocks, grid, terms, vocabulary.counts)
    ended = time.perf_counter()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        "seconds": round(ended - started, 1),
        "seconds_reading": round(read - started, 1),
        "seconds_fitting_and_writing": round(ended - read, 1),
        "file_bytes": file.stat().st_size,
        "memory_before_mb": round(before / 1024),
        "most_memory_mb": round(after / 1024),
        "nonzeros": int(blocks.facts["nnz"]),
        "held": published.num_known,
    }
    print(found)
    return found


def write_random_vectors(file: Path, words: int, size: int) -> None:
    """Write random vectors of the words w0, w1, ... as GloVe text."""
    vectors = np.random.default_rng(0).standard_normal((words, size), dtype=np.float32)
    convert(MemorySource([f"w{k}" for k in range(words)], vectors), str(file), precision="5")


def write_random_text(file: Path, words: int) -> None:
    """Write text of these words, each at least once, with the frequencies of Zipf's law."""
    rng = np.random.default_rng(1)
    ranks = np.arange(1, words + 1)
    drawn = rng.choice(words, 5 * words, p=(1 / ranks) / (1 / ranks).sum())
    tokens = rng.permutation(np.concatenate([np.arange(words), drawn])).tolist()
    lines = (tokens[k : k + 50] for k in range(0, len(tokens), 50))
    file.write_text("".join(" ".join(f"w{k}" for k in line) + "\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main()
