"""The command prepare, which makes later starts of Java faster."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from glove_spark.cli.parser import add_command
from glove_spark.corpus.documentation import docstrings_of
from glove_spark.errors import SetupError

log = logging.getLogger(__name__)

EXAMPLES = """  glove-spark prepare
"""


def add_prepare(commands: Any) -> None:
    """Add the command."""
    add_command(
        commands,
        "prepare",
        "write a class-data archive (AppCDS) for Spark's Java, so that it starts faster; run this "
        "once per machine",
        _prepare,
        EXAMPLES,
    )


def _prepare(given: argparse.Namespace) -> None:
    from glove_spark.spark.session import usual_java_options

    make_archive(usual_java_options())


def make_archive(java_options: str) -> Path:
    """Run the pipeline on a small corpus, and archive the classes that Java has loaded at its end.

    Parameters
    ----------
    java_options
        The options of a normal start.

    Raises
    ------
    SetupError
        If there is no Java, or Java does not write the archive.
    """
    import pyspark

    from glove_spark.spark.class_archive import QUIET, archive_file

    target = archive_file()
    if target is None:
        raise SetupError("no Java found; install Java 17 or later, or set JAVA_HOME to its folder")
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
        # Java writes the archive after the run, and closes the pipes when it ends
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0 or not made.exists():
            reason = (answer.stderr or answer.stdout).strip().splitlines() or ["it said nothing"]
            raise SetupError(
                f"Java wrote no class-data archive: {reason[-1]}; it needs a HotSpot Java 17 or "
                "later and 0.3 GB of disk space in XDG_CACHE_HOME (default ~/.cache); "
                "all other commands also work without the archive"
            )
        made.replace(target)
    log.info(
        "prepare: %s, %s MB, in %.0f s",
        target,
        f"{target.stat().st_size / 1e6:,.0f}",
        time.perf_counter() - started,
    )
    return target
