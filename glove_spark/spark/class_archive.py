"""The class-data archive (AppCDS) with which Spark's Java starts faster.

At every start, Java reads about ten thousand classes of Spark from its jars, parses and verifies
them. A class-data archive (JDK Enhancement Proposal 350, dynamic application class-data sharing)
contains them ready to be memory-mapped. Java compares its version and jars with those of the
archive, and ignores an archive that does not match.
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
"""Stops Java from printing to standard output that an archive does not match."""


def java_command() -> str | None:
    """Return the Java that Spark will start; None if there is none."""
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else shutil.which("java")
    return command if command and os.path.exists(command) else None


def archive_file() -> Path | None:
    """Return the path of the archive for this user, Java and Spark; None without Java."""
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
    """Return the options for Java to use the archive; empty if there is none."""
    file = archive_file()
    if file is None or not file.exists():
        return ""
    return f'{QUIET} "-XX:SharedArchiveFile={file}"'


def delete_archive() -> None:
    """Delete the archive, if it exists."""
    file = archive_file()
    if file is not None:
        file.unlink(missing_ok=True)
