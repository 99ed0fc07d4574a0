"""Choose the words that get a vector, as a spark-submit job.

    spark-submit jobs/glove_vocabulary.py --output /shared/out

Takes the options of ``glove-spark vocabulary``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["vocabulary", *sys.argv[1:]]))
