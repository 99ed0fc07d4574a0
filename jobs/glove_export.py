"""Write vectors from the model, as a spark-submit job.

    spark-submit jobs/glove_export.py --output /shared/out

Takes the options of ``glove-spark export``; see ``--help``.
"""

import sys

from glove_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
