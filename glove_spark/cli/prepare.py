"""The command that makes later starts of Java faster."""

from __future__ import annotations

import argparse
from typing import Any

from glove_spark.cli.parser import add_command

EXAMPLES = """  glove-spark prepare
"""


def add_prepare(commands: Any) -> None:
    """Add the command."""
    add_command(
        commands,
        "prepare",
        "once a machine: archive the classes that Spark's Java loads, so that it starts sooner",
        _prepare,
        EXAMPLES,
    )


def _prepare(given: argparse.Namespace) -> None:
    from glove_spark.spark.class_archive import make_archive
    from glove_spark.spark.session import usual_java_options

    make_archive(usual_java_options())
