"""Read a corpus and write one row of tokens per document, as a spark-submit job.

    spark-submit jobs/glove_tokenize.py --input /shared/corpus --output /shared/out

Takes the options of ``glove-spark tokenize``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["tokenize", *sys.argv[1:]]))
