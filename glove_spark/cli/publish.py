"""The command that makes a version current, if it is whole and good enough."""

from __future__ import annotations

import argparse
import logging
import time
from typing import Any

from glove_spark.cli.metrics import METRICS, add_metrics
from glove_spark.cli.parser import add_command, positive_number
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.logs.lines import fields
from glove_spark.store.location import Location
from glove_spark.store.run_lock import hold_lock

log = logging.getLogger("glove_spark")

MARGIN = 1.0

EXAMPLES = """  glove-spark publish --output out/ --version 2026-11-20
  glove-spark publish --output out/ --version 2026-11-20 --keep 7 --analogies questions/ \\
      --similarity pairs/ --margin 0.5
  glove-spark publish --output out/ --version 2026-11-19 --rollback
"""


def add_publish(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "publish",
        "make a version (DIR/versions/NAME) the current one (DIR/current), if it is whole and not "
        "worse than the one before",
        _publish,
        EXAMPLES,
    )
    command.add_argument(
        "--output", required=True, metavar="DIR", help="the folder of the counts and the versions"
    )
    command.add_argument(
        "--version", required=True, metavar="NAME", help="what DIR/versions holds it under"
    )
    command.add_argument(
        "--keep",
        type=positive_number,
        metavar="N",
        help="delete all but the N latest published versions; default: none is deleted",
    )
    command.add_argument("--analogies", metavar="PATH", help="questions, as evaluate takes them")
    command.add_argument(
        "--similarity",
        metavar="PATH",
        nargs="+",
        default=[],
        help="judged pairs, as evaluate takes them",
    )
    command.add_argument(
        "--margin",
        type=float,
        default=MARGIN,
        metavar="POINTS",
        help="by how many points the analogies, or the mean of the similarities, may fall below "
        f"the current version's; less than 0 demands progress (default: {MARGIN:g})",
    )
    command.add_argument(
        "--rollback",
        action="store_true",
        help="publish a version that is older than the current one; its quality is not compared",
    )
    add_metrics(command)


def _publish(given: argparse.Namespace) -> None:
    from glove_spark.evaluation.questions import similarity_files
    from glove_spark.evaluation.report import Questions
    from glove_spark.release.publish import publish_version
    from glove_spark.store.versions import prune

    METRICS.check(vars(given).get("run.metrics"))
    if given.margin != given.margin:
        raise ConfigurationError(f"margin={given.margin} must be a number of points")
    started = time.perf_counter()
    files = similarity_files(given.similarity)
    questions = Questions.read(given.analogies, files, lowercase=True)
    root = Location.of(given.output)
    if not root.exists():
        raise InputError(f"output={root.shown} does not exist; name the folder of the versions")
    with hold_lock(root, "glove-spark publish"):
        done = publish_version(
            root,
            given.version,
            questions,
            margin=given.margin,
            rollback=given.rollback,
        )
        deleted = prune(root, given.keep) if given.keep else []
    seconds = round(time.perf_counter() - started, 3)
    log.info(
        "publish: %s %s%s, in %.1f s%s",
        given.version,
        done.what,
        "".join(f", {name.partition('/')[0]} {done.scores[name]:.2f}" for name in done.shown),
        seconds,
        f"; deleted {', '.join(deleted)}" if deleted else "",
        extra=fields(seconds=seconds, scores=dict(done.scores), deleted=deleted),
    )
