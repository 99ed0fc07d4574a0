"""Spark accepts every setting of conf/spark-defaults.conf."""

import inspect
from pathlib import Path

import pyspark.core.rdd
import pytest

pytestmark = pytest.mark.spark

DEFAULTS = Path(__file__).parents[2] / "conf" / "spark-defaults.conf"
DEFINED_BY = (
    "org.apache.spark.internal.config.package$",
    "org.apache.spark.internal.config.Python$",
    "org.apache.spark.internal.config.Kryo$",
    "org.apache.spark.internal.config.History$",
    "org.apache.spark.internal.config.Deploy$",
    "org.apache.spark.sql.internal.SQLConf$",
)
"""Objects of Spark that register settings when they are loaded."""

READ_BY_PYTHON = {"spark.python.worker.memory"}
"""Settings that pyspark reads from the configuration by name."""


def settings():
    lines = DEFAULTS.read_text("utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def test_every_setting_is_known_to_spark_and_has_a_value_that_it_takes(spark):
    jvm = spark.sparkContext._jvm
    for name in DEFINED_BY:
        jvm.java.lang.Class.forName(name)
    entries = jvm.org.apache.spark.internal.config.ConfigEntry
    for key, value in settings().items():
        if key.startswith("spark.executorEnv."):
            continue
        if key in READ_BY_PYTHON:
            assert f'"{key}"' in inspect.getsource(pyspark.core.rdd)
            continue
        entry = entries.findEntry(key)
        assert entry is not None, key
        # raises the error that Spark would raise
        entry.valueConverter().apply(value)
    assert entries.findEntry("spark.speculations") is None
