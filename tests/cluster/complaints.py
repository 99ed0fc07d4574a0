"""Messages of Spark's own processes when they are cut off, in addition to our one line."""

import re

DAEMON_COMPLAINT = re.compile(
    r"Traceback \(most recent call last\):\n"
    r"(?:  File \".*(?:pyspark/daemon|glove_spark/python_daemon)\.py\", line .*\n(?:    .*\n)*)+"
    r"BrokenPipeError: .*\n"
)
"""Its worker daemon prints this when Java ends before it; it has no part of glove_spark."""
