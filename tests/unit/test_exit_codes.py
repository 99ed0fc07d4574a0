"""Exit codes are the same in the errors, the help and the README."""

import re
from pathlib import Path

from glove_spark import errors
from glove_spark.cli.parser import EXIT_CODES

README = Path(__file__).parents[2] / "README.md"


def listed(text):
    """Return the meaning by code, from a text such as "0 done, 1 a bug"."""
    text = " ".join(text.split())
    return {int(code): meaning.strip() for code, meaning in re.findall(r"(\d+) ([^,;.]+)", text)}


def test_errors_help_and_readme_agree():
    classes = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.GloveSparkError)
    ]
    codes = {kind.exit_code for kind in classes} | {0, errors.INTERRUPTED_EXIT_CODE}
    in_help = listed(EXIT_CODES.removeprefix("exit codes: "))
    assert set(in_help) == codes
    table = README.read_text("utf-8").partition("Exit codes:")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|$", table, re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == in_help
