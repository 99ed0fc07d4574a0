"""The command line: one module per group of commands."""

from glove_spark.cli.entry import main

__all__ = ["main"]
