"""Optional packages: an error names what to install if one is missing."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from glove_spark.errors import SetupError


def require(module: str, extra: str, purpose: str) -> Any:
    """Import a module of an extra.

    Parameters
    ----------
    module
        The dotted name of the module.
    extra
        The extra of glove_spark that installs it.
    purpose
        What needs the module; the error begins with it.

    Raises
    ------
    SetupError
        If it is not installed; the message contains the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or error.name.split(".")[0] != module.split(".")[0]:
            raise
        package = module.split(".")[0]
        raise SetupError(
            f"{purpose} needs {package}, which is not installed; "
            f"run: pip install 'glove_spark[{extra}]'"
        ) from None


def installed(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    return find_spec(module) is not None
