"""Train a model on the blocks, as a spark-submit job.

    spark-submit jobs/glove_train.py --output /shared/out

Takes the options of ``glove-spark train``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
