"""The column of tokens."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, StringType

from glove_spark.errors import ConfigurationError


def check_token_column(dataset: DataFrame, column: str) -> None:
    """Check that the DataFrame has the column, and that it is an ``array<string>``.

    Raises
    ------
    ConfigurationError
    """
    if column not in dataset.columns:
        raise ConfigurationError(
            f"inputCol={column!r} is not a column of the DataFrame, which has "
            f"{', '.join(dataset.columns)}; set inputCol to one of these"
        )
    kind = dataset.schema[column].dataType
    if not (isinstance(kind, ArrayType) and isinstance(kind.elementType, StringType)):
        raise ConfigurationError(
            f"inputCol={column!r} is {kind.simpleString()} but must be array<string>; split the "
            "text first, with pyspark.ml.feature.RegexTokenizer or pyspark.sql.functions.split"
        )
