"""scripts/daily.sh: its commands, their options, and where it stops."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from glove_spark.cli.entry import build_parser
from glove_spark.errors import GloveSparkError
from glove_spark.settings.commands import DailySettings

PROJECT = Path(__file__).parents[2]
DAY = "2026-11-20"


@pytest.fixture
def run(tmp_path):
    """Run the script with a glove-spark that records its calls."""
    bin = tmp_path / "bin"
    bin.mkdir()
    fake = bin / "glove-spark"
    fake.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$1" != "$FAILS" ] || exit "$CODE"\n')
    fake.chmod(0o755)
    script = tmp_path / "scripts" / "daily.sh"
    script.parent.mkdir()
    # a copy, because the environment of the checkout would come before that of this test
    script.write_bytes((PROJECT / "scripts" / "daily.sh").read_bytes())
    script.chmod(0o755)

    def run(*arguments, **environment):
        calls = tmp_path / "calls"
        calls.write_text("")
        variables = {"PATH": f"{bin}:/usr/bin:/bin", "CALLS": str(calls), "FAILS": "-", "CODE": "0"}
        found = subprocess.run(
            [str(script), *arguments],
            env=variables | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return found.returncode, calls.read_text().splitlines()

    return run


def point(tmp_path, day):
    (tmp_path / "out" / "versions" / day).mkdir(parents=True)
    (tmp_path / "out" / "current").symlink_to(f"versions/{day}")


def test_the_first_day(run):
    code, calls = run("out/", "text", DAY)
    version = f"--output out/versions/{DAY} --reuse out"
    assert code == 0
    assert calls == [
        f"update --input text/{DAY} --output out --batch {DAY} --skip-existing",
        f"blocks {version}",
        f"train {version} --epochs 5",
        f"export {version}",
        f"publish --output out --version {DAY} --keep 7 --margin 1",
    ]
    for call in calls:
        # the command has every option
        build_parser().parse_args(call.split())


def test_a_later_day_starts_from_the_current_version_with_all_settings(run, tmp_path):
    point(tmp_path, "2026-11-19")
    names = ("CONFIG", "ANALOGIES", "SIMILARITY", "METRICS")
    _, calls = run("out", "text", DAY, **{f"GLOVE_DAILY_{name}": name.lower() for name in names})
    assert calls[2] == (
        f"train --output out/versions/{DAY} --reuse out --warm-start out/versions/2026-11-19 "
        "--epochs 3 --config config --metrics metrics/glove_train.prom"
    )
    assert calls[4] == (
        f"publish --output out --version {DAY} --keep 7 --margin 1 --analogies analogies "
        "--similarity similarity --metrics metrics/glove_publish.prom"
    )
    _, calls = run("out", "text", DAY, GLOVE_DAILY_WARM_EPOCHS="0")
    assert calls[2].endswith("--epochs 5")


@pytest.mark.parametrize("current", [DAY, "2026-12-01"])
def test_when_a_version_as_late_is_current_the_text_is_counted_only(run, tmp_path, current):
    point(tmp_path, current)
    code, calls = run("out", "text", DAY)
    assert (code, [call.split()[0] for call in calls]) == (0, ["update"])


def test_it_stops_at_the_first_failure_with_its_exit_code(run):
    code, calls = run("out", "text", DAY, FAILS="train", CODE="7")
    assert (code, [call.split()[0] for call in calls]) == (7, ["update", "blocks", "train"])
    assert run("out") == (2, [])


def test_the_service_does_not_try_again_what_stays_as_it_is():
    service = configparser.ConfigParser(strict=False, interpolation=None)
    service.optionxform = str
    service.read(PROJECT / "conf" / "systemd" / "glove-daily.service")
    final = {int(code) for code in service["Service"]["RestartPreventExitStatus"].split()}
    # after a bug, a folder in use or full, or a failed start of Spark, the command is repeated
    codes = {kind.exit_code for kind in GloveSparkError.__subclasses__()}
    assert codes - final == {4, 6}
    assert (
        PROJECT / service["Service"]["ExecStart"].split()[0].removeprefix("/opt/glove_spark/")
    ).exists()


def test_script_and_dag_have_the_defaults_of_the_options():
    script = (PROJECT / "scripts" / "daily.sh").read_text("utf-8")
    dag = (PROJECT / "conf" / "airflow" / "glove_daily.py").read_text("utf-8")
    for spec in DailySettings.specs():
        name, default = spec.name.upper(), f"{spec.default:g}"
        in_script = re.findall(rf"\$\{{GLOVE_DAILY_{name}:-(\w*)\}}", script)
        in_dag = re.findall(rf'setting\("{name}", "(\w*)"\)', dag)
        assert set(in_script) == {default}, f"{name} of scripts/daily.sh"
        assert set(in_dag) == {default}, f"{name} of the DAG"
        assert re.search(rf"GLOVE_DAILY_{name} .* {default}$", dag, re.MULTILINE)
        assert f"GLOVE_DAILY_{name} ({default}" in script
