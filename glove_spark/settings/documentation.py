"""Write docs/OPTIONS.md from the options: ``python -m glove_spark.settings.documentation``."""

from __future__ import annotations

import sys
from dataclasses import MISSING

from glove_spark.settings.commands import COMMANDS
from glove_spark.settings.config import SETTINGS
from glove_spark.settings.option import OptionSpec, Settings


def as_markdown() -> str:
    """Write one table per table of the configuration file, then one per further command."""
    parts = [
        "# Options",
        "You can give every option as a flag on the command line or as a key in a TOML file "
        "(`--config FILE`). The file has one table per section below, and its keys have "
        "underscores: `--min-count 10` becomes `min_count = 10` in the table `[vocabulary]`. A "
        "flag overrides the file.\n\n"
        "`make docs` writes this page from the definitions in `glove_spark/settings/`.",
    ]
    for table, settings in SETTINGS.items():
        parts += _section(f"[{table}]", settings)
    parts += ["# Options of all other commands", "These are flags of the command line only."]
    for command, settings in COMMANDS.items():
        parts += _section(f"glove-spark {command}", settings)
    return "\n\n".join(parts) + "\n"


def _section(title: str, settings: type[Settings]) -> list[str]:
    lines = ["| flag | default | rule | meaning |", "|---|---|---|---|"]
    lines += [_row(spec) for spec in settings.specs()]
    return [f"## {title}", settings.__doc__ or "", "\n".join(lines)]


def _row(spec: OptionSpec) -> str:
    flag = f"`{spec.metavar}`" if spec.positional else f"`{spec.flag}`"
    if spec.short:
        flag = f"`{spec.short}`, {flag}"
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
