"""What Spark's own processes print when they are cut off, beside our one line."""

import re

DAEMON_COMPLAINT = re.compile(
    r"Traceback \(most recent call last\):\n"
    r"(?:  File \".*(?:pyspark/daemon|glove_spark/python_daemon)\.py\", line .*\n(?:    .*\n)*)+"
    r"BrokenPipeError: .*\n"
)
"""Its worker daemon says this when Java ends before it; nothing of ours is in it."""
