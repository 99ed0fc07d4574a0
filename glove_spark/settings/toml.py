"""Configuration files in TOML: one table per stage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from glove_spark.errors import ConfigurationError
from glove_spark.settings.config import SETTINGS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read a configuration file into one dictionary per stage.

    Raises
    ------
    ConfigurationError
        If the file is missing, is not TOML, or names an unknown stage or option.
    """
    try:
        with open(path, "rb") as source:
            content = tomllib.load(source)
    except OSError as error:
        raise ConfigurationError(
            f"config={str(path)!r} cannot be read: {error.strerror}; check the path"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"config={str(path)!r} is not valid TOML: {error}; correct the file"
        ) from None
    for stage, values in content.items():
        if stage not in SETTINGS or not isinstance(values, dict):
            raise ConfigurationError(
                f"{stage!r} in {path} is not a table of options; write options under one of "
                + ", ".join(f"[{name}]" for name in SETTINGS)
            )
        known = {spec.name: spec for spec in SETTINGS[stage].specs()}
        for name, value in values.items():
            if name not in known:
                raise ConfigurationError(
                    f"{name!r} in [{stage}] of {path} is not an option; use one of: "
                    f"{', '.join(known)}"
                )
            known[name].check(value)
    return content
