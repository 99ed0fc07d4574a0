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
"""What pyarrow calls Hadoop's schemes, where the names differ."""

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


@contextmanager
def working_folder(work_dir: str, name: str) -> Iterator[Location]:
    """Give a fit its folder in ``workDir``; another fit of the same name waits for this one.

    `CrossValidator` fits side by side, and where only later stages of a pipeline have other Params
    it fits us twice on the same rows: the second then finds everything done.
    """
    folder = Location.of(work_dir) / name
    with _locks[folder.uri]:
        yield folder


@contextmanager
def temporary_folder(spark: SparkSession) -> Iterator[Location]:
    """Make a folder of its own, deleted at the end, however that comes.

    Raises
    ------
    ConfigurationError
        If no storage is known that the executors share.
    """
    master = str(spark.sparkContext.master)
    if master.startswith("local"):
        # local-cluster's executors are on this machine too
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
    """Find where Spark itself would read and write ``path``: a bare one is fs.defaultFS's."""
    jvm: Any = spark.sparkContext._jvm
    hadoop_path = jvm.org.apache.hadoop.fs.Path(path)
    system = hadoop_path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    return _location(system.makeQualified(hadoop_path))


def _shared_storage(spark: SparkSession, master: str) -> Location:
    """Find storage by what the session says: its checkpoints', else the cluster's file system."""
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
