"""Bring all results of tasks to the driver, or raise an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pyspark import RDD

T = TypeVar("T")


def collected(results: RDD[T]) -> list[T]:
    """Run the tasks and return all their results.

    PySpark takes the end of the connection for the end of the results, so a Java process that is
    killed while it sends them leaves a shorter list and no error. Therefore one call of Java
    follows; it fails if Java has ended.
    """
    found = results.collect()
    java: Any = results.context._jsc
    java.sc().isStopped()
    return found
