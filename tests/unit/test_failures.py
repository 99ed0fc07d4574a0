"""A failed task's own error comes out of Spark's wrapping."""

import pytest
from pyspark.errors import PySparkRuntimeError

from glove_spark.errors import DatasetError, OutputError
from glove_spark.failures import task_errors

WRAPPED = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times
Traceback (most recent call last):
  File "x.py", line 3, in task
{line}

\tat org.apache.spark.api.python.BasePythonRunner"""


def fail(line):
    with task_errors():
        raise PySparkRuntimeError(WRAPPED.format(line=line))


def test_our_error_is_raised_as_itself():
    with pytest.raises(DatasetError, match=r"^cell-1 cannot be read; redo its stage$"):
        fail("glove_spark.errors.DatasetError: cell-1 cannot be read; redo its stage")


def test_full_disk_of_the_jvm_is_an_output_error():
    with pytest.raises(OutputError, match=r"a disk is full .* spark\.local\.dir"):
        fail("java.io.IOException: No space left on device")


def test_other_failures_stay_what_they_are():
    with pytest.raises(PySparkRuntimeError):
        fail("ZeroDivisionError: division by zero")
