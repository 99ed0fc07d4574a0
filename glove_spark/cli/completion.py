"""Completion of commands, flags and choices in a shell, by argcomplete."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from glove_spark.cli.parser import add_command

PROGRAM = "glove-spark"
SHELLS = ("bash", "zsh", "fish")

EXAMPLES = """  glove-spark completion bash >> ~/.bashrc
  glove-spark completion zsh >> ~/.zshrc
  glove-spark completion fish > ~/.config/fish/completions/glove-spark.fish
"""


def add_completion(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "completion",
        "print a script that lets your shell complete commands and flags",
        _completion,
        EXAMPLES,
    )
    command.add_argument("shell", choices=SHELLS, help="your shell")


def _completion(given: argparse.Namespace) -> None:
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode([PROGRAM], shell=given.shell))


def answer_the_shell(parser: argparse.ArgumentParser) -> None:
    """Print completions and exit if a shell asks for them; otherwise do nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete
    from argcomplete.completers import ChoicesCompleter

    for command in _commands(parser):
        for action in command._actions:
            # our own errors report wrong choices, so the parser does not know the list of choices
            if action.choices is None and isinstance(action.metavar, str) and "|" in action.metavar:
                action.completer = ChoicesCompleter(action.metavar.split("|"))  # type: ignore
    argcomplete.autocomplete(parser)


def _commands(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [command for action in found for command in action.choices.values()]
