"""The flag --metrics: a command writes metrics at its end, also after an error."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import Any

from glove_spark.errors import GloveSparkError
from glove_spark.settings.stages import RunSettings
from glove_spark.settings.toml import read_toml
from glove_spark.store.location import Location

METRICS = next(spec for spec in RunSettings.specs() if spec.name == "metrics")
"""The option ``metrics``, as defined for the stages."""


def write_metrics(given: argparse.Namespace, exit_code: int, started: float) -> None:
    """Write the metrics of a command that has ended, if ``--metrics`` was given.

    Parameters
    ----------
    started
        Seconds since the epoch.
    """
    flags = vars(given)
    run: dict[str, Any] = {}
    # the command itself reports a wrong setting
    with suppress(GloveSparkError):
        run = read_toml(flags["config"]).get("run", {}) if flags.get("config") else {}
    run |= {key[4:]: value for key, value in flags.items() if key.startswith("run.")}
    # a command that has its own settings
    run |= {key: flags[key] for key in ("metrics", "output") if flags.get(key) is not None}
    if not run.get("metrics"):
        return
    root = reuse = None
    with suppress(GloveSparkError):
        METRICS.check(run["metrics"])
        root, reuse = _folders(given, run)
    if root is None:
        return
    from glove_spark.release.run_metrics import write_run_metrics

    write_run_metrics(run["metrics"], given.command, exit_code, started, root, reuse)


def _folders(
    given: argparse.Namespace, run: dict[str, Any]
) -> tuple[Location | None, Location | None]:
    """Return the folder that a command worked on, and the folder of its inputs."""
    output = run.get("output")
    if output is None:
        return None, None
    root = Location.of(output)
    if given.command == "publish":
        from glove_spark.store.versions import version_folder

        return version_folder(root, given.version), root
    return root, Location.of(run["reuse"]) if run.get("reuse") else None
