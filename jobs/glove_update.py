r"""Add a batch of text to existing counts (incremental updates), as a spark-submit job.

    spark-submit jobs/glove_update.py --input /news/2026-11-20 --output /shared/out \
        --batch 2026-11-20

Takes the options of ``glove-spark update``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["update", *sys.argv[1:]]))
