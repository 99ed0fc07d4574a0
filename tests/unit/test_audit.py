"""scripts/audit.py: what could not be asked is no success."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
CLEAN = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found on PyPI: b (1)"}
VULNERABLE = {
    "name": "c",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}],
}


@pytest.fixture
def audit(monkeypatch, capsys):
    """Run the script on what pip-audit is made to say; return the code and the text."""
    spec = importlib.util.spec_from_file_location("audit", PROJECT / "scripts" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*answers):
        waiting = iter(answers)

        def answer(words, **_):
            said = next(waiting)
            output = json.dumps({"dependencies": said}) if isinstance(said, list) else ""
            return subprocess.CompletedProcess(words, 0, output, "" if output else said)

        monkeypatch.setattr(module.subprocess, "run", answer)
        monkeypatch.setattr(module.sys, "argv", ["audit.py", *map(str, range(len(answers)))])
        return module.main(), capsys.readouterr().out

    run.lists = module.LISTS
    return run


@pytest.mark.parametrize(
    ("answers", "code", "text"),
    [
        ([[CLEAN]], 0, "0: 1 of 1 packages audited, 0 vulnerable"),
        ([[CLEAN, UNKNOWN]], 6, "NOT AUDITED: 1 packages; Dependency not found"),
        ([[CLEAN], [UNKNOWN]], 6, "1: 0 of 1 packages audited"),
        (["Traceback\nNameResolutionError: no such host"], 6, "NOT AUDITED: NameResolutionError"),
        ([[]], 6, "0 of 0 packages"),
        ([[CLEAN, VULNERABLE]], 1, "c 1.0: PYSEC-1, mended in 1.1, 2.0"),
        ([[VULNERABLE], [UNKNOWN]], 1, "NOT AUDITED"),
    ],
)
def test_code_and_text(audit, answers, code, text):
    found, said = audit(*answers)
    assert found == code
    assert text in said


def test_every_list_that_an_image_installs_is_audited(audit):
    image = (PROJECT / "conf" / "docker" / "Dockerfile").read_text("utf-8")
    copied = [word for word in image.split() if word.startswith("conf/") and word.endswith(".txt")]
    assert sorted(audit.lists) == sorted(set(copied))


def test_pip_audit_is_what_the_script_calls():
    pytest.importorskip("pip_audit", reason="pip-audit is not installed; the extra 'dev' has it")
    found = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--help"],
        capture_output=True,
        text=True,
    )
    for flag in ("--requirement", "--no-deps", "--disable-pip", "--format", "--progress-spinner"):
        assert flag in found.stdout
