"""How a command is added to the parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from glove_spark.logs.lines import FORMATS

EXIT_CODES = """exit codes: 0 done, 1 a defect, 2 a wrong setting, 3 a wrong input, 4 the output
cannot be written, 5 a dataset is damaged or made differently, 6 Java or Spark does not start,
7 training diverged, 8 a new version is worse than the current one, 130 interrupted"""


def add_command(
    commands: Any,
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], None],
    examples: str = "",
) -> argparse.ArgumentParser:
    """Add a command; ``text`` is a line without a full stop, ``examples`` are command lines."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=(f"examples:\n{examples}\n" if examples else "") + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, command=name, stage=None)
    command.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    command.add_argument("-q", "--quiet", action="count", default=0, help="say less")
    command.add_argument(
        "--log-format",
        choices=FORMATS,
        default="text",
        help="the log on standard error: lines for people, with bars on a terminal (text, the "
        "default), or a JSON object a line",
    )
    return command


def add_vectors(command: argparse.ArgumentParser) -> None:
    """Add the flags that name vectors."""
    command.add_argument(
        "--vectors",
        required=True,
        metavar="PATH",
        help="an output folder, or a file of any format that convert reads",
    )
    add_format_of_vectors(command)


def add_format_of_vectors(command: argparse.ArgumentParser) -> None:
    """Add the flags that say what the named file is."""
    command.add_argument(
        "--format", metavar="NAME", help="what the file is, where its ending does not say"
    )
    command.add_argument(
        "--vocab",
        metavar="FILE",
        help="vocab.txt: the file is parameters of the C program, float64",
    )


def positive_number(text: str) -> int:
    """Read an argument that counts something."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return number
