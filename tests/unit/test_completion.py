"""Completion scripts in the shells that they are for."""

import shutil
import subprocess

import pytest

from glove_spark.cli import main


@pytest.fixture
def script(tmp_path, capsys):
    """Write the script of a shell to a file."""

    def write(shell):
        assert main(["completion", shell]) == 0
        file = tmp_path / ("_glove-spark" if shell == "zsh" else f"glove-spark.{shell}")
        file.write_text(capsys.readouterr().out)
        return file

    return write


def answer(shell, text):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    found = subprocess.run([shell, "-c", text], capture_output=True, text=True)
    assert found.stderr == ""
    return found.stdout.split()


CASES = [
    (["pl"], ["plot-neighbors"]),
    (["train", "--sched"], ["--schedule"]),
    (["train", "--schedule", ""], ["stratified", "averaging"]),
    (["report", "--map", "u"], ["umap"]),
    (["completion", ""], ["bash", "zsh", "fish"]),
]


@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_bash(script, typed, offered):
    words = " ".join(f"'{word}'" for word in ["glove-spark", *typed])
    assert (
        answer(
            "bash",
            f"source {script('bash')}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; "
            '_glove_spark; printf "%s\\n" "${COMPREPLY[@]}"',
        )
        == offered
    )


@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_fish(script, typed, offered):
    line = " ".join(["glove-spark", *typed])
    found = answer("fish", f"source {script('fish')}; complete -C '{line}' | cut -f 1")
    assert sorted(found) == sorted(offered)


def test_zsh_takes_the_script(script):
    text = f"fpath=({script('zsh').parent} $fpath); autoload -U compinit; compinit -u -D; "
    assert answer("zsh", text + "autoload +X _glove-spark; print $_comps[glove-spark]") == [
        "_glove-spark"
    ]
