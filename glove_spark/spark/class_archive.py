"""The class-data archive (AppCDS) with which Spark's Java starts faster.

At every start Java finds some ten thousand classes of Spark in its jars, takes them apart and
verifies them. An archive (JDK Enhancement Proposal 350, dynamic application class-data sharing) has
them ready to be mapped. Java itself compares jars and version with the archive's, and goes on
without one that does not fit.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from pathlib import Path

import pyspark

log = logging.getLogger(__name__)

QUIET = "-Xlog:cds*=error"
"""Java tells standard output of an archive that does not fit; it is as well without."""


def java_command() -> str | None:
    """Name the Java that Spark will start; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else shutil.which("java")
    return command if command and os.path.exists(command) else None


def archive_file() -> Path | None:
    """Name the archive of this user, Java and Spark, made or not; None without Java."""
    java = java_command()
    if java is None:
        return None
    program, spark = Path(java).resolve(), Path(pyspark.__file__).resolve().parent
    state = program.stat()
    content = [program, state.st_size, state.st_mtime_ns, spark, pyspark.__version__]
    key = hashlib.sha256(repr([str(part) for part in content]).encode()).hexdigest()[:16]
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(caches) / "glove_spark" / f"java-{key}.jsa"


def archive_options() -> str:
    """Return Java's options to start from the archive; empty where there is none."""
    file = archive_file()
    if file is None or not file.exists():
        return ""
    return f'{QUIET} "-XX:SharedArchiveFile={file}"'


def delete_archive() -> None:
    """Delete the archive, if it is there."""
    file = archive_file()
    if file is not None:
        file.unlink(missing_ok=True)
