"""Columns of Python functions on Spark 4.0, where functions of Arrow arrays need pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkImportError
from pyspark.sql import Column
from pyspark.sql.pandas.functions import pandas_udf

from glove_spark.errors import SetupError


def pandas_column(function: Callable[[pa.Array], Any], kind: Any, argument: Column) -> Column:
    """Make a column with a function of Arrow arrays.

    Raises
    ------
    SetupError
        If pandas is not installed.
    """
    try:
        import pandas as pd

        def in_pandas(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
            for batch in batches:
                found = function(pa.array(batch))
                yield pd.Series(found if isinstance(found, list) else found.to_pylist())

        # annotations are strings here, and Spark evaluates them where pd is not defined
        in_pandas.__annotations__ = {
            "batches": Iterator[pd.Series],
            "return": Iterator[pd.Series],
        }
        made: Any = pandas_udf
        column: Column = made(in_pandas, kind)(argument)
        return column
    except (ImportError, PySparkImportError) as error:
        raise SetupError(
            f"Spark before 4.1 needs pandas for transform and getVectors ({error}); "
            "install pandas, or Spark 4.1"
        ) from None
