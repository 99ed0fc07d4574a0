"""Divide the co-occurrence matrix into blocks for training, as a spark-submit job.

    spark-submit jobs/glove_blocks.py --output /shared/out

Takes the options of ``glove-spark blocks``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["blocks", *sys.argv[1:]]))
