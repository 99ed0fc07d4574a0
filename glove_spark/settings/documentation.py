"""docs/OPTIONS.md, made from the options: ``python -m glove_spark.settings.documentation``."""

from __future__ import annotations

import sys
from dataclasses import MISSING

from glove_spark.settings.config import SETTINGS
from glove_spark.settings.option import OptionSpec


def as_markdown() -> str:
    """Write one table for each table of the configuration file."""
    parts = [
        "# Options",
        "Flags of the command line, and keys of the TOML file given with `--config`: one table a "
        "section below, names with underscores. Flags win. Made by `make docs` from the one "
        "definition in `glove_spark/settings/stages.py`.",
    ]
    for table, settings in SETTINGS.items():
        rows = [f"## [{table}]", settings.__doc__ or ""]
        lines = ["| flag | default | rule | |", "|---|---|---|---|"]
        lines += [_row(spec) for spec in settings.specs()]
        parts += [*rows, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _row(spec: OptionSpec) -> str:
    flag = f"`{spec.flag}`"
    if spec.type is bool and spec.default is True:
        flag += f", `{spec.opposite or '--no-' + spec.flag[2:]}`"
    if spec.default is MISSING:
        default = "required"
    elif spec.type is bool:
        default = "on" if spec.default else "off"
    else:
        default = "" if spec.default in (None, ()) else f"`{spec.default}`"
    rule = "" if spec.rule is None else spec.rule.text.removeprefix("be ")
    cells = [flag, default, rule, spec.help]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
