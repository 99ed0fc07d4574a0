"""The parser, and how commands and their options are added to it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar

from glove_spark.logs.lines import FORMATS
from glove_spark.settings.option import OptionSpec, Settings

SettingsT = TypeVar("SettingsT", bound=Settings)

EXIT_CODES = """exit codes: 0 success, 1 a bug in glove_spark, 2 a setting is wrong,
3 an input is wrong, 4 the output cannot be written, 5 a dataset is damaged or was made with other
settings, 6 Java or Spark does not start, 7 training diverged, 8 a new version is worse than the
current one, 130 interrupted"""


_UNKNOWN_COMMAND = re.compile(r"argument COMMAND: invalid choice: '([^']*)' \(choose from (.*)\)")


class SuggestingParser(argparse.ArgumentParser):
    """Report unknown commands and flags with the nearest known one."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and the message."""
        unknown = _UNKNOWN_COMMAND.match(message)
        if unknown is not None:
            known = re.findall(r"[\w-]+", unknown.group(2))
            hint = suggestion(unknown.group(1), known) or f"; {self.prog} --help lists them"
            message = f"unknown command {unknown.group(1)!r}{hint}"
        super().error(message)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parse as argparse does, but report an unknown flag as the command's own error."""
        given, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command = self._command(given)
            flags = [flag for action in command._actions for flag in action.option_strings]
            hints = "".join(suggestion(word, flags) for word in unknown if word.startswith("-"))
            command.error(f"unrecognized arguments: {' '.join(unknown)}{hints}")
        return given

    def _command(self, given: argparse.Namespace) -> argparse.ArgumentParser:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                found: argparse.ArgumentParser = action.choices[given.command]
                return found
        return self


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a question that names the known word nearest to ``word``; empty if none is near.

    A flag of the command that is known but was not accepted is before the command's name.

    >>> suggestion("--vector-sise=3", ["--vector-size", "--seed"])
    '; did you mean --vector-size?'
    >>> suggestion("--seed", ["--vector-size", "--seed"])
    '; give --seed after the name of the command'
    """
    flag = word.partition("=")[0]
    near = get_close_matches(flag, list(known), n=1)
    if near == [flag]:
        return f"; give {flag} after the name of the command"
    return f"; did you mean {near[0]}?" if near else ""


def add_command(
    commands: Any,
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], None],
    examples: str = "",
) -> argparse.ArgumentParser:
    """Add a command to the parser.

    Parameters
    ----------
    text
        The description, one sentence without a full stop.
    examples
        Command lines for the end of the help text.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=(f"examples:\n{examples}\n" if examples else "") + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, command=name, stage=None)
    command.add_argument("-v", "--verbose", action="count", default=0, help="log more details")
    command.add_argument("-q", "--quiet", action="count", default=0, help="log less")
    command.add_argument(
        "--log-format",
        choices=FORMATS,
        default="text",
        help="the format of the log on standard error: text with progress bars (text, the "
        "default) or one JSON object per line (json)",
    )
    return command


def add_settings_command(
    commands: Any,
    name: str,
    text: str,
    kind: type[SettingsT],
    run: Callable[[SettingsT], None],
    examples: str = "",
) -> None:
    """Add a command that takes the options of one settings class, and passes them to ``run``."""
    command = add_command(
        commands, name, text, lambda given: run(_settings(kind, vars(given))), examples
    )
    for spec in kind.specs():
        add_option(command, spec.name, spec)


def _settings(kind: type[SettingsT], given: Mapping[str, Any]) -> SettingsT:
    """Make settings from the given values; the others have their defaults."""
    return kind.from_mapping({s.name: given[s.name] for s in kind.specs() if s.name in given})


def add_option(group: Any, destination: str, spec: OptionSpec) -> None:
    """Add the flag of an option; a flag that is not given is absent from the namespace."""
    help = spec.help
    if spec.default is False:
        help += " (default: off)"
    elif spec.default is MISSING and not spec.positional:
        help += " (required)"
    elif spec.default not in (MISSING, None, (), ""):
        help += f" (default: {'on' if spec.default is True else spec.default})"
    common: dict[str, Any] = {"help": help.replace("%", "%%"), "default": argparse.SUPPRESS}
    if spec.type is bool:
        common["dest"] = destination
        group.add_argument(spec.flag, action="store_true", **common)
        if spec.default is True:
            off = spec.opposite or "--no-" + spec.flag[2:]
            turned_off = {"help": f"turn off {spec.flag}"}
            group.add_argument(off, action="store_false", **common | turned_off)
        return
    if spec.rule is not None and spec.rule.choices:
        common["metavar"] = "|".join(spec.rule.choices)
    else:
        common["metavar"] = spec.metavar or {int: "N", float: "X", str: "TEXT"}[spec.type]
    if spec.repeated and spec.comma_separated:
        common.update(action="extend", type=lambda text: text.split(","))
        common["metavar"] = f"{common['metavar']},..."
    elif spec.repeated:
        common.update(nargs=spec.count or "+", type=spec.type)
        if not spec.positional:
            common["action"] = "extend"
    else:
        common.update(type=spec.type)
    if spec.positional:
        # with SUPPRESS, a positional argument would be optional
        del common["default"]
        group.add_argument(destination, **common)
        return
    if spec.default is MISSING and "." not in destination:
        common["required"] = True
    flags = [spec.flag] if spec.short is None else [spec.short, spec.flag]
    group.add_argument(*flags, dest=destination, **common)
