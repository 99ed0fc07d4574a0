"""The command verify, which compares the files of an output folder with their checksums."""

from __future__ import annotations

import logging
from typing import Any

from glove_spark.cli.parser import add_settings_command
from glove_spark.settings.commands import VerifySettings
from glove_spark.store.location import Location
from glove_spark.store.verification import verify_folder

log = logging.getLogger("glove_spark")

EXAMPLES = """  glove-spark verify out/
  glove-spark verify s3://bucket/out
"""


def add_verify(commands: Any) -> None:
    """Add the command."""
    add_settings_command(
        commands,
        "verify",
        "read every dataset in an output folder and verify its checksums",
        VerifySettings,
        _verify,
        EXAMPLES,
    )


def _verify(settings: VerifySettings) -> None:
    verify_folder(Location.of(settings.folder))
