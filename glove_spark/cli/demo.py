"""The command demo, which writes a real corpus and trains vectors on it."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.corpus.documentation import source_folders, write_corpus
from glove_spark.settings.commands import DemoSettings
from glove_spark.settings.config import pipeline_config

log = logging.getLogger(__name__)

SHOWN_WORDS = ("list", "error", "file", "integer", "first", "matrix", "server", "returns")

EXAMPLES = """  glove-spark demo
  glove-spark demo --output my-demo/ --master 'local[2]'
"""


def add_demo(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "demo",
        "write a small corpus from Python's documentation, train on it and show neighbours",
        DemoSettings,
        lambda settings: run_demo(Path(settings.output), settings.master),
        EXAMPLES,
    )


def run_demo(folder: Path, master: str | None) -> None:
    """Write the corpus to ``folder/corpus``, run the pipeline and show what it learned."""
    corpus = folder / "corpus"
    if not any(corpus.glob("*.txt")):
        documents, words = write_corpus(corpus, source_folders())
        log.info("demo: wrote %s documents, %s words to %s", f"{documents:,}", f"{words:,}", corpus)
    # Spark is imported here, because parsing the sources does not need it
    from glove_spark.pipeline import run_pipeline
    from glove_spark.spark.session import spark_session
    from glove_spark.vectors.word_vectors import WordVectors

    config = pipeline_config(
        {
            "run": {"output": str(folder / "out"), "master": master},
            "tokenize": {"input": [str(corpus)]},
            # the corpus is small (two million words): more epochs, and no rare words
            "vocabulary": {"min_count": 10},
            "train": {"epochs": 15},
        }
    )
    with spark_session(master) as spark:
        run_pipeline(spark, config)
    vectors = WordVectors.load(str(folder / "out"))
    say = sys.stdout.write
    say(f"\n{len(vectors):,} words, {vectors.vector_size} dimensions. Nearest words:\n\n")
    for word in SHOWN_WORDS:
        if word in vectors:
            near = ", ".join(other for other, _ in vectors.most_similar(word, topn=7))
            say(f"  {word:10} {near}\n")
    out = (folder / "out").resolve()
    # make does not activate the environment in which it installed the command
    beside = Path(sys.executable).with_name("glove-spark")
    command = "glove-spark" if shutil.which("glove-spark") else os.path.relpath(beside)
    say(
        f"\nVectors:  {out / 'vectors.txt'} (GloVe text)\n"
        f"          {out / 'vectors'} (Parquet)\n"
        f"All data: {out}, each dataset with a manifest next to it\n\n"
        "Try next:\n"
        f"  {command} neighbors --vectors '{out}' queue thread\n"
        f"  {command} run --input YOUR_TEXTS --output YOUR_FOLDER --probe some,words\n"
        f"  {command} run --help\n"
    )
