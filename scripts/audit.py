"""Ask for known vulnerabilities of the packages that the images install.

    scripts/audit.py [LIST ...]     default: the lists that scripts/constraints.sh makes

Runs pip-audit. Exit codes: 0: every package was asked about and none has a known vulnerability;
1: some have; 6: a package could not be asked about, as where no service answers. pip-audit itself
calls that a success for PyPI's service.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
LISTS = (
    "conf/docker/constraints.txt",
    "conf/docker/storage.txt",
    "conf/docker/notebook.txt",
    "conf/airflow/constraints.txt",
)


def audit(file: str) -> int:
    """Report on one list of exact versions; return the exit code."""
    words = ["-m", "pip_audit", "--requirement", file, "--no-deps", "--disable-pip"]
    found = subprocess.run(
        [sys.executable, *words, "--format", "json", "--progress-spinner", "off"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    try:
        packages = json.loads(found.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = found.stderr.strip().splitlines() or ["no answer"]
        print(f"{file}: NOT AUDITED: {lines[-1]}")
        return 6
    unknown = [each for each in packages if "skip_reason" in each]
    vulnerable = [each for each in packages if each.get("vulns")]
    for each in vulnerable:
        for vulnerability in each["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"{each['name']} {each['version']}: {vulnerability['id']}, mended in {fixed}")
    asked = len(packages) - len(unknown)
    print(f"{file}: {asked} of {len(packages)} packages audited, {len(vulnerable)} vulnerable")
    if unknown:
        print(f"{file}: NOT AUDITED: {len(unknown)} packages; {unknown[0]['skip_reason']}")
    return 1 if vulnerable else 6 if unknown or not packages else 0


def main() -> int:
    """Audit all lists; a vulnerability outweighs what could not be asked."""
    codes = {audit(name) for name in sys.argv[1:] or LISTS}
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
