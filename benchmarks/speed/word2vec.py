"""Train `pyspark.ml.feature.Word2Vec`, what Spark users have today, for comparison.

    CORPUS=corpus.txt OUTPUT=vectors.txt python -m benchmarks.speed.word2vec
    python -m benchmarks.speed.standard --compare-with 'python -m benchmarks.speed.word2vec'

reads one document per line, splits it at spaces, trains, and writes GloVe text and a file with the
times of its parts. Word2Vec trains a replica of the model in every partition and averages them
after each iteration, so it gets one partition per core: with fewer, cores would be idle; with more,
it would differ more from sequential training. The window is the usual one of word2vec; all settings
are in the record.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from pyspark.ml.feature import Word2Vec
from pyspark.sql import functions as F

from benchmarks.speed.compare import write_details
from glove_spark.spark.session import open_session


def main() -> None:
    """Train and write the vectors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vector-size", type=int, default=50)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--window-size", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--step-size", type=float, default=0.025)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--driver-memory", default="4g")
    given = parser.parse_args()
    corpus, output = os.environ["CORPUS"], Path(os.environ["OUTPUT"])

    started = time.perf_counter()
    spark = open_session(f"local[{given.cores}]", [f"spark.driver.memory={given.driver_memory}"])
    ready = time.perf_counter()
    words = F.filter(F.split("value", " "), lambda word: word != "")
    documents = spark.read.text(corpus).select(words.alias("tokens"))
    # the default of 1,000 splits documents, and glove_spark does not
    longest = documents.select(F.max(F.size("tokens"))).collect()[0][0]
    word2vec = Word2Vec(
        vectorSize=given.vector_size,
        minCount=given.min_count,
        numPartitions=given.cores,
        stepSize=given.step_size,
        maxIter=given.iterations,
        seed=given.seed,
        inputCol="tokens",
        outputCol="vector",
        windowSize=given.window_size,
        maxSentenceLength=max(1, longest),
    )
    model = word2vec.fit(documents)
    fitted = time.perf_counter()
    with open(output, "w", encoding="utf-8") as sink:
        for row in model.getVectors().toLocalIterator():
            sink.write(" ".join([row["word"], *(f"{x:.6g}" for x in row["vector"])]) + "\n")
    spark.stop()
    write_details(
        output,
        given,
        session=ready - started,
        fit=fitted - ready,
        write=time.perf_counter() - fitted,
    )


if __name__ == "__main__":
    main()
