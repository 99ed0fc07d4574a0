"""The example of docs/ML.md runs as it is written."""

import re
import subprocess
import sys

import pytest

from tests.cluster.processes import PROJECT

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def test_the_classifier_of_twenty_lines(tmp_path):
    (code,) = re.findall(
        r"```python\n(.*?)```", (PROJECT / "docs" / "ML.md").read_text(), re.DOTALL
    )
    assert len([line for line in code.splitlines() if line]) == 20
    script = tmp_path / "example.py"
    script.write_text(code)
    answer = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    accuracy, *table = answer.stdout.splitlines()
    # two fifths of the strings are from one package
    assert float(accuracy) > 0.7
    words = [line.split("|")[1].strip() for line in table if line.startswith("|")]
    assert words[0] == "word"
    assert len(words) == 6
