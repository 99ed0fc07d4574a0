"""A failed task's own error comes out of Spark's wrapping."""

import pytest
from py4j.protocol import Py4JNetworkError
from pyspark.errors import PySparkRuntimeError

from glove_spark.errors import DatasetError, OutputError, SetupError
from glove_spark.spark.failures import task_errors

WRAPPED = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times
Traceback (most recent call last):
  File "x.py", line 3, in task
{line}

\tat org.apache.spark.api.python.BasePythonRunner"""


def fail(line):
    with task_errors():
        raise PySparkRuntimeError(WRAPPED.format(line=line))


def test_our_error_is_raised_as_itself():
    with pytest.raises(DatasetError, match=r"^cell-1 cannot be read; run its stage again$"):
        fail("glove_spark.errors.DatasetError: cell-1 cannot be read; run its stage again")


def test_full_disk_of_the_jvm_is_an_output_error():
    with pytest.raises(OutputError, match=r"a disk is full .* spark\.local\.dir"):
        fail("java.io.IOException: No space left on device")


def test_other_failures_stay_what_they_are():
    with pytest.raises(PySparkRuntimeError):
        fail("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("error", [Py4JNetworkError("gone"), ConnectionRefusedError(111, "no")])
def test_a_java_that_died_is_said_with_the_remedy(error):
    with pytest.raises(SetupError, match=r"Java process ended .* spark\.driver\.memory=4g"):
        with_error(error)


def test_an_error_whose_text_is_gone_with_java_is_still_handled():
    class Silent(PySparkRuntimeError):
        def __str__(self):
            raise Py4JNetworkError("gone")

    with pytest.raises(Silent):
        with_error(Silent("x"))


def with_error(error):
    with task_errors():
        raise error
