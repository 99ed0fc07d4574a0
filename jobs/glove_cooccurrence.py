"""Count the co-occurrences of words, as a spark-submit job.

    spark-submit jobs/glove_cooccurrence.py --output /shared/out

Takes the options of ``glove-spark cooccurrence``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["cooccurrence", *sys.argv[1:]]))
