"""The error of a failed task is extracted from Spark's error."""

from types import SimpleNamespace

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkRuntimeError

from glove_spark.errors import DatasetError, OutputError, SetupError
from glove_spark.spark.collecting import collected
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


@pytest.mark.parametrize(
    "error",
    [
        Py4JNetworkError("gone"),
        ConnectionRefusedError(111, "no"),
        Py4JError("An error occurred while calling z:org.apache.spark.PythonRDD.readRDDFromFile"),
        Py4JError("PythonRDD does not exist in the JVM"),
    ],
)
def test_a_java_that_died_is_said_with_the_remedy(error):
    with pytest.raises(SetupError, match=r"Java process ended .* spark\.driver\.memory=4g"):
        with_error(error)


def test_an_error_whose_text_is_gone_with_java_says_so_too():
    class Silent(PySparkRuntimeError):
        def __str__(self):
            raise Py4JNetworkError("gone")

    with pytest.raises(SetupError, match="Java process ended"):
        with_error(Silent("x"))


def test_an_error_that_java_answered_is_not_java_that_died():
    with pytest.raises(Py4JError, match="Trace"):
        with_error(Py4JError("An error occurred while calling o7.fail. Trace:\nclass missing"))


def test_results_cut_short_by_java_that_died_are_not_taken_for_all():
    class Dead:
        def sc(self):
            raise Py4JError("An error occurred while calling o15.sc")

    class Results:
        context = SimpleNamespace(_jsc=Dead())

        def collect(self):
            return [1, 2]

    with pytest.raises(SetupError, match="Java process ended"), task_errors():
        collected(Results())


def with_error(error):
    with task_errors():
        raise error
