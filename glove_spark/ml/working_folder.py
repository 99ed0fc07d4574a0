"""The working folder of a fit, which the driver and all executors can see."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

from glove_spark.errors import ConfigurationError
from glove_spark.store.location import Location

_ARROW_SCHEMES = {"s3a": "s3", "s3n": "s3"}
"""The names of Hadoop's schemes in pyarrow, if they differ."""

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@contextmanager
def working_folder(work_dir: str, name: str) -> Iterator[Location]:
    """Give a fit its folder in ``workDir``; another fit with the same folder waits for this one.

    `CrossValidator` fits in parallel. If only later stages of a pipeline have different Params, it
    fits GloVe twice on the same rows; then the second fit finds all datasets complete.
    """
    folder = Location.of(work_dir) / name
    with _locks[folder.uri]:
        yield folder


@contextmanager
def temporary_folder(spark: SparkSession) -> Iterator[Location]:
    """Make a temporary folder, which is always deleted at the end.

    Raises
    ------
    ConfigurationError
        If no storage is known that all executors share.
    """
    master = str(spark.sparkContext.master)
    if master.startswith("local"):
        # the executors of local-cluster are on this machine too
        path = tempfile.mkdtemp(prefix="glove_spark-fit-")
        try:
            yield Location.of(path)
        finally:
            shutil.rmtree(path, ignore_errors=True)
        return
    folder = _shared_storage(spark, master) / f".glove_spark-fit-{uuid.uuid4().hex}"
    try:
        yield folder
    finally:
        folder.delete()


def qualified(spark: SparkSession, path: str) -> Location:
    """Return the URI that Spark uses for ``path``: without a scheme, it is on fs.defaultFS."""
    jvm: Any = spark.sparkContext._jvm
    hadoop_path = jvm.org.apache.hadoop.fs.Path(path)
    system = hadoop_path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    return _location(system.makeQualified(hadoop_path))


def _shared_storage(spark: SparkSession, master: str) -> Location:
    """Find storage from the session: the checkpoint folder, otherwise the cluster's file system."""
    context: Any = spark.sparkContext
    checkpoints = context._jsc.sc().getCheckpointDir()
    if checkpoints.isDefined():
        return qualified(spark, checkpoints.get())
    system = context._jvm.org.apache.hadoop.fs.FileSystem.get(context._jsc.hadoopConfiguration())
    if system.getScheme() == "file":
        raise ConfigurationError(
            f"workDir is not set, and there is no default for storage that the executors of "
            f"{master} share; set workDir to a folder that all of them can see (NFS, HDFS, an "
            "object store), or set Spark's checkpoint folder or spark.hadoop.fs.defaultFS"
        )
    return _location(system.getHomeDirectory())


def _location(hadoop_path: Any) -> Location:
    uri = hadoop_path.toUri()
    scheme, authority, path = uri.getScheme(), uri.getAuthority() or "", uri.getPath()
    return Location.of(f"{_ARROW_SCHEMES.get(scheme, scheme)}://{authority}{path}")
