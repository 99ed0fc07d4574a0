"""The command publish, which makes a version the current one if it is complete and good enough."""

from __future__ import annotations

import logging
import time
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.errors import InputError
from glove_spark.logs.lines import fields
from glove_spark.settings.commands import PublishSettings
from glove_spark.store.location import Location
from glove_spark.store.run_lock import hold_lock

log = logging.getLogger("glove_spark")

EXAMPLES = """  glove-spark publish --output out/ --version 2026-11-20
  glove-spark publish --output out/ --version 2026-11-20 --keep 7 --analogies questions/ \\
      --similarity pairs/ --margin 0.5
  glove-spark publish --output out/ --version 2026-11-19 --rollback
"""


def add_publish(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "publish",
        "make a version (DIR/versions/NAME) the current one (DIR/current), if it is complete and "
        "not worse than the one before",
        PublishSettings,
        _publish,
        EXAMPLES,
    )


def _publish(settings: PublishSettings) -> None:
    from glove_spark.evaluation.questions import similarity_files
    from glove_spark.evaluation.report import Questions
    from glove_spark.release.publish import publish_version
    from glove_spark.store.versions import prune

    started = time.perf_counter()
    files = similarity_files(settings.similarity)
    questions = Questions.read(settings.analogies, files, lowercase=True)
    root = Location.of(settings.output)
    if not root.exists():
        raise InputError(
            f"output={root.shown} does not exist; name the output folder that contains versions"
        )
    with hold_lock(root, "glove-spark publish"):
        done = publish_version(
            root,
            settings.version,
            questions,
            margin=settings.margin,
            rollback=settings.rollback,
        )
        deleted = prune(root, settings.keep) if settings.keep else []
    seconds = round(time.perf_counter() - started, 3)
    log.info(
        "publish: %s %s%s, in %.1f s%s",
        settings.version,
        done.what,
        "".join(f", {name.partition('/')[0]} {done.scores[name]:.2f}" for name in done.shown),
        seconds,
        f"; deleted {', '.join(deleted)}" if deleted else "",
        extra=fields(seconds=seconds, scores=dict(done.scores), deleted=deleted),
    )
