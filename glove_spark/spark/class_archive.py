"""Java's classes in an archive, from which Spark's Java starts seconds sooner.

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
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyspark

from glove_spark.cli.demo import docstrings_of
from glove_spark.errors import SetupError

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


def make_archive(java_options: str) -> Path:
    """Run the pipeline on a small corpus, and archive the classes that Java has loaded by its end.

    Parameters
    ----------
    java_options
        The options of a usual start.

    Raises
    ------
    SetupError
        If there is no Java, or it does not make the archive.
    """
    target = archive_file()
    if target is None:
        raise SetupError("no Java found; install Java 17 or later, or point JAVA_HOME to one")
    started = time.perf_counter()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="archive-", dir=target.parent) as scratch:
        made, corpus = Path(scratch, "made.jsa"), Path(scratch, "corpus.txt")
        sources = sorted(Path(pyspark.__file__).parent.glob("sql/**/*.py"))
        texts = (" ".join(text.split()) for source in sources for text in docstrings_of(source))
        corpus.write_text("\n".join(texts), encoding="utf-8")
        options = f'{java_options} {QUIET} "-XX:ArchiveClassesAtExit={made}"'
        command = [sys.executable, "-m", "glove_spark.cli", "run", "-q"]
        command += ["--input", str(corpus), "--output", str(Path(scratch, "out"))]
        command += ["--vector-size", "10", "--epochs", "1", "--master", "local[2]"]
        command += ["--spark-conf", f"spark.driver.extraJavaOptions={options}"]
        # the pipes end with Java, which writes the archive when the run has ended
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0 or not made.exists():
            reason = (answer.stderr or answer.stdout).strip().splitlines() or ["it said nothing"]
            raise SetupError(
                f"Java made no archive of its classes: {reason[-1]}; it takes Java 17 or later of "
                "the HotSpot kind, 0.3 GB on the disk of XDG_CACHE_HOME, and is not needed to run"
            )
        made.replace(target)
    log.info(
        "prepare: %s, %s MB, in %.0f s",
        target,
        f"{target.stat().st_size / 1e6:,.0f}",
        time.perf_counter() - started,
    )
    return target
