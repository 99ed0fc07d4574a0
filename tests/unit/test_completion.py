"""Completion in the supported shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from glove_spark.cli import main

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def script(tmp_path, capsys):
    """Write the script of a shell to a file."""

    def write(shell):
        assert main(["completion", shell]) == 0
        file = tmp_path / f"glove-spark.{shell}"
        file.write_text(capsys.readouterr().out)
        return file

    return write


def answer(shell, text):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    found = subprocess.run(
        [shell, "-c", text], capture_output=True, text=True, env=os.environ | {"PATH": PATH}
    )
    assert found.stderr == ""
    return found.stdout.split()


CASES = [
    (["pl"], ["plot-neighbors"]),
    (["train", "--sched"], ["--schedule"]),
    (["train", "--schedule", "s"], ["stratified"]),
    (["report", "--map", "u"], ["umap"]),
    (["report", "out", "--theme"], []),
    (["completion", ""], ["bash", "zsh", "fish"]),
]


@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_bash(script, typed, offered):
    words = " ".join(f"'{word}'" for word in ["glove-spark", *typed])
    line = " ".join(["glove-spark", *typed])
    found = answer(
        "bash",
        f"source {script('bash')}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; "
        f"COMP_LINE='{line}'; COMP_POINT={len(line)}; COMP_TYPE=9; "
        '_python_argcomplete glove-spark; printf "%s\\n" "${COMPREPLY[@]}"',
    )
    assert set(offered) <= set(found)
    assert offered or not found


@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_fish(script, typed, offered):
    line = " ".join(["glove-spark", *typed])
    found = answer("fish", f"source {script('fish')}; complete -C '{line}' | cut -f 1")
    assert set(offered) <= set(found)


def test_zsh_takes_the_script(script):
    text = f"autoload -U compinit; compinit -u -D; source {script('zsh')}; "
    assert answer("zsh", text + "print $_comps[glove-spark]") == ["_python_argcomplete"]
