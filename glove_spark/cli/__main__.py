"""Run the command line as ``python -m glove_spark.cli``."""

import sys

from glove_spark.cli.entry import main

sys.exit(main())
