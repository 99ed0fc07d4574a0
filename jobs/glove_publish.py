"""Make a version of a model the current one, as a spark-submit job.

    spark-submit jobs/glove_publish.py --output /shared/out --version 2026-11-20

Takes the options of ``glove-spark publish``; see ``--help``. Starts no Spark session.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["publish", *sys.argv[1:]]))
