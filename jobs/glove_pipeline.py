"""Run the whole pipeline, from a corpus to vectors, as a spark-submit job.

    spark-submit jobs/glove_pipeline.py --input /shared/corpus --output /shared/out

Takes the options of ``glove-spark run``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
