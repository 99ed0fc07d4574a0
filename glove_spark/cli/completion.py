"""The command completion: scripts for shells, made from the parser itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from glove_spark.cli.parser import add_command

PROGRAM = "glove-spark"

EXAMPLES = """  glove-spark completion bash >> ~/.bashrc
  glove-spark completion zsh > ~/.zfunc/_glove-spark      (a folder of fpath)
  glove-spark completion fish > ~/.config/fish/completions/glove-spark.fish
"""


def add_completion(commands: Any, parser: argparse.ArgumentParser) -> None:
    """Add the command, which completes what ``parser`` has when it runs."""

    def run(given: argparse.Namespace) -> None:
        sys.stdout.write(SHELLS[given.shell](commands_of(parser)))

    command = add_command(
        commands,
        "completion",
        "a script by which a shell completes commands and flags",
        run,
        EXAMPLES,
    )
    command.add_argument("shell", choices=tuple(SHELLS))


Flags = Mapping[str, argparse.Action]
"""The action of each flag."""


def commands_of(parser: argparse.ArgumentParser) -> dict[str, tuple[str, Flags]]:
    """List the commands: what each does, and its flags."""
    found: dict[str, tuple[str, Flags]] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                flags = {flag: a for a in command._actions for flag in a.option_strings}
                found[name] = helps[name], flags
    return found


def choices_of(action: argparse.Action) -> list[str]:
    """List the words that a flag takes; none where it takes anything."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    shown = action.metavar
    # options of the stages show their choices
    return shown.split("|") if isinstance(shown, str) and "|" in shown else []


def as_bash(commands: Mapping[str, tuple[str, Flags]]) -> str:
    """Write the script for bash."""
    return "\n".join(_bash(commands)) + "\n"


def _bash(commands: Mapping[str, tuple[str, Flags]]) -> Iterator[str]:
    yield f"# completion of {PROGRAM} for bash"
    yield "_glove_spark() {"
    yield '  local now=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=""'
    yield "  COMPREPLY=()"
    yield '  if [ "$COMP_CWORD" = 1 ]; then'
    yield f'    COMPREPLY=($(compgen -W "{" ".join(commands)} --help --version" -- "$now"))'
    yield "    return"
    yield "  fi"
    yield '  case "${COMP_WORDS[1]} $before" in'
    for name, (_, flags) in commands.items():
        for flag, action in flags.items():
            if choices_of(action):
                yield f'    "{name} {flag}") words="{" ".join(choices_of(action))}" ;;'
    yield '    "completion completion") words="' + " ".join(SHELLS) + '" ;;'
    yield "  esac"
    yield '  if [ -z "$words" ] && [[ "$now" == -* ]]; then'
    yield '    case "${COMP_WORDS[1]}" in'
    for name, (_, flags) in commands.items():
        yield f'      {name}) words="{" ".join(flags)}" ;;'
    yield "    esac"
    yield "  fi"
    yield '  [ -z "$words" ] || COMPREPLY=($(compgen -W "$words" -- "$now"))'
    yield "}"
    yield f"complete -o default -F _glove_spark {PROGRAM}"


def as_zsh(commands: Mapping[str, tuple[str, Flags]]) -> str:
    """Write the script for zsh: a file ``_glove-spark`` in a folder of ``fpath``."""
    return "\n".join(_zsh(commands)) + "\n"


def _zsh(commands: Mapping[str, tuple[str, Flags]]) -> Iterator[str]:
    yield f"#compdef {PROGRAM}"
    yield "_glove_spark() {"
    yield "  local -a commands=("
    for name, (text, _) in commands.items():
        yield "    " + _quoted(f"{name}:{text}")
    yield "  )"
    yield "  if (( CURRENT == 2 )); then"
    yield "    _describe -t commands command commands"
    yield "    return"
    yield "  fi"
    yield "  local command=$words[2]"
    # _arguments counts from the command's own word
    yield "  shift words; (( CURRENT-- ))"
    yield '  case "$command" in'
    for name, (_, flags) in commands.items():
        specs = [_zsh_flag(flag, action) for flag, action in flags.items()]
        last = "'*:file:_files'" if name != "completion" else f"'1:shell:({' '.join(SHELLS)})'"
        yield f"    {name}) _arguments {' '.join([*specs, last])} ;;"
    yield "  esac"
    yield "}"
    yield f"(( $+functions[compdef] )) && compdef _glove_spark {PROGRAM}"
    yield '[[ "$funcstack[1]" == _glove-spark ]] && _glove_spark "$@"'


def _zsh_flag(flag: str, action: argparse.Action) -> str:
    text = _help(action).replace("[", "(").replace("]", ")").replace(":", r"\:")
    spec = f"*{flag}[{text}]"
    if action.nargs == 0:
        return _quoted(spec)
    words = choices_of(action)
    return _quoted(f"{spec}:value:" + (f"({' '.join(words)})" if words else "_files"))


def as_fish(commands: Mapping[str, tuple[str, Flags]]) -> str:
    """Write the script for fish."""
    return "\n".join(_fish(commands)) + "\n"


def _fish(commands: Mapping[str, tuple[str, Flags]]) -> Iterator[str]:
    yield f"# completion of {PROGRAM} for fish"
    yield f"complete -c {PROGRAM} -n __fish_use_subcommand -f -l version -l help"
    for name, (text, flags) in commands.items():
        yield f"complete -c {PROGRAM} -n __fish_use_subcommand -f -a {name} -d {_quoted(text)}"
        where = f"-n '__fish_seen_subcommand_from {name}'"
        for flag, action in flags.items():
            spec = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            words = choices_of(action)
            if words:
                spec += f" -x -a {_quoted(' '.join(words))}"
            elif action.nargs != 0:
                spec += " -r"
            yield f"complete -c {PROGRAM} {where} {spec} -d {_quoted(_help(action))}"
    where = "-n '__fish_seen_subcommand_from completion'"
    yield f"complete -c {PROGRAM} {where} -f -a '{' '.join(SHELLS)}'"


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%").split(";")[0].replace("\n", " ")


def _quoted(text: str) -> str:
    # fish alone takes backslashes within quotes, and none of our texts has one
    return "'" + text.replace("'", "'\\''") + "'"


SHELLS = {"bash": as_bash, "zsh": as_zsh, "fish": as_fish}
"""What writes the script of each shell."""
