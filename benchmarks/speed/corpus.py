"""Time the stages tokenize, vocabulary and cooccurrence on a corpus.

    GLOVE_SPARK_DATA=... python -m benchmarks.speed.corpus [--input PATH] [--cores 2]

Prints tokens per second, bytes per nonzero and the peak memory of the JVM and of the Python workers
(Linux). Session start is not counted, and neither is a warm-up on a
few lines, which starts the workers and loads Spark's classes.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

from benchmarks.records.memory import PeakMemory
from glove_spark.settings.stages import CooccurrenceSettings, TokenizeSettings, VocabularySettings
from glove_spark.spark.session import open_session
from glove_spark.stages.cooccurrence import COOCCURRENCE
from glove_spark.stages.stage import run_stage
from glove_spark.stages.tokenize import TOKENS
from glove_spark.stages.vocabulary import VOCABULARY
from glove_spark.store.dataset import claim_folder
from glove_spark.store.location import Location

COUNTING_STAGES = (TOKENS, VOCABULARY, COOCCURRENCE)


def main() -> None:
    """Run the three stages in a temporary folder and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = os.environ.get("GLOVE_SPARK_DATA")
    standard = str(Path(data, "data", "wiki")) if data else None
    parser.add_argument("--input", default=standard, required=standard is None)
    parser.add_argument("--tokenizer", default="whitespace")
    parser.add_argument("--window-size", type=int, default=15)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()

    spark = open_session(f"local[{arguments.cores}]", app_name="benchmarks.speed.corpus")
    print(f"Spark {spark.version}, Python {platform.python_version()}, {arguments.cores} cores")
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "warm-up.txt")
        lines.write_text("a few lines to warm up a few lines to warm up\n" * 100)
        for name, source in (("warm-up", str(lines)), ("corpus", arguments.input)):
            root = Location.of(Path(folder, name))
            claim_folder(root)
            settings = (
                TokenizeSettings(input=(source,), tokenizer=arguments.tokenizer),
                VocabularySettings(),
                CooccurrenceSettings(window_size=arguments.window_size),
            )
            found = {}
            with PeakMemory() as memory:
                for stage, options in zip(COUNTING_STAGES, settings, strict=True):
                    started = time.perf_counter()
                    dataset = run_stage(stage, spark, options, root)
                    found[stage.dataset] = (time.perf_counter() - started, dataset)
    tokens = found["tokens"][1].facts["tokens"]
    for name, (seconds, dataset) in found.items():
        size = sum(file.bytes for file in dataset.manifest.files.values())
        print(
            f"{name:14} {seconds:6.1f} s  {tokens / seconds / 1e6:5.2f}M tokens/s  {size:,} bytes"
        )
    both = found["tokens"][0] + found["vocabulary"][0]
    print(f"tokenize + vocabulary: {tokens / both / 1e6:.2f}M tokens/s")
    matrix = found["cooccurrence"][1]
    stored = matrix.facts["nnz_stored"]
    size = sum(file.bytes for file in matrix.manifest.files.values())
    print(f"{stored:,} nonzeros stored, {size / stored:.2f} bytes each")
    print({kind: f"{size:,} MiB" for kind, size in sorted(memory.peaks.items())})
    spark.stop()


if __name__ == "__main__":
    main()
