"""Records of measurements: JSON lines with the values, the machine and the commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from glove_spark.store.manifest import software_versions

Record = dict[str, Any]

HERE = Path(__file__).parent


def provenance() -> Record:
    """Return the time, machine, software and commit of a measurement."""
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--short") else ""),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "software": software_versions(),
    }


def append_record(file: str | Path, record: Record) -> None:
    """Append one line."""
    with open(file, "a", encoding="utf-8") as sink:
        sink.write(json.dumps(record) + "\n")


def read_records(file: str | Path) -> list[Record]:
    """Read all lines, oldest first."""
    return [json.loads(line) for line in Path(file).read_text("utf-8").splitlines()]


def git(*arguments: str) -> str:
    """Ask git about this checkout."""
    answer = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, cwd=HERE, check=False
    )
    return answer.stdout.strip()


def processor() -> str:
    """Return the name of the processor from Linux, otherwise from Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?"
    )
