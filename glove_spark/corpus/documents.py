"""Documents: the corpus as a DataFrame of texts, whatever its format.

The JVM's readers decompress, split and parse; text that is not UTF-8 is repaired, and records that
hold no text are told apart, so that the stage can count them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from glove_spark.corpus.files import CorpusFile, check_json_field, file_format
from glove_spark.corpus.object_store import read_values
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.spark.failures import text_of
from glove_spark.store.location import Location

ZSTD_SINCE = (4, 1)
"""The version of Spark that reads zstd without Hadoop's native library."""

_UNPARSED = "_unparsed_record"
_BYTE_ORDER_MARK = "\ufeff"


def read_documents(
    spark: SparkSession, files: list[CorpusFile], settings: TokenizeSettings
) -> DataFrame:
    """Read every file as documents.

    Returns
    -------
    DataFrame
        ``text`` (null where a record has none), ``unparsed`` (a JSON line that is none) and
        ``repaired`` (how many bytes were not UTF-8 and became U+FFFD).

    Raises
    ------
    ConfigurationError
        If a table has no column ``settings.text_column`` of strings.
    """
    alike: dict[tuple[str, bool], list[Location]] = {}
    for file in files:
        name = file_format(file.location, settings), file.location.is_in_object_store
        alike.setdefault(name, []).append(file.location)
    readers = {"text": _read_text, "jsonl": _read_json, "parquet": _read_table, "orc": _read_table}
    frames = [readers[name](spark, name, some, settings) for (name, _), some in alike.items()]
    return reduce(DataFrame.union, frames)


def _read_text(
    spark: SparkSession, name: str, files: list[Location], settings: TokenizeSettings
) -> DataFrame:
    lines = _lines(spark, files, whole=settings.document == "file")
    return lines.select(
        F.ltrim(_repaired("value"), F.lit(_BYTE_ORDER_MARK)).alias("text"),
        F.lit(False).alias("unparsed"),
        _repaired_bytes(F.col("value")).alias("repaired"),
    )


def _read_json(
    spark: SparkSession, name: str, files: list[Location], settings: TokenizeSettings
) -> DataFrame:
    field = settings.text_column
    check_json_field(files[0], field)
    schema = StructType([StructField(field, StringType()), StructField(_UNPARSED, StringType())])
    options = {
        "columnNameOfCorruptRecord": _UNPARSED,
        # the parser's own limit of 20M characters would make longer documents unparsable
        "maxStringLen": str(2**31 - 1),
    }
    lines = _lines(spark, files, whole=False).select(
        F.ltrim(_repaired("value"), F.lit(_BYTE_ORDER_MARK)).alias("line"),
        _repaired_bytes(F.col("value")).alias("repaired"),
    )
    return (
        lines.where(F.length(F.trim("line")) > 0)
        .select(F.from_json("line", schema, options).alias("record"), "repaired")
        .select(
            F.col("record").getField(field).alias("text"),
            (F.isnull("record") | F.isnotnull(F.col("record").getField(_UNPARSED))).alias(
                "unparsed"
            ),
            "repaired",
        )
    )


def _read_table(
    spark: SparkSession, name: str, files: list[Location], settings: TokenizeSettings
) -> DataFrame:
    column = settings.text_column
    if files[0].is_in_object_store:
        values = read_values(spark, files, name, column)
        return values.select(
            _repaired("value").alias("text"),
            F.lit(False).alias("unparsed"),
            _repaired_bytes(F.col("value")).alias("repaired"),
        )
    reader = spark.read.format(name).option("recursiveFileLookup", "true")
    with corpus_errors():
        table = reader.load([file.for_spark_reader() for file in files])
    if column not in table.columns:
        raise ConfigurationError(
            f"text_column={column!r} is not in the {name} files; their columns are "
            f"{', '.join(table.columns)}"
        )
    kind = table.schema[column].dataType
    if not isinstance(kind, StringType):
        raise ConfigurationError(
            f"text_column={column!r} of the {name} files is of type {kind.simpleString()} and "
            "must be string; name another column"
        )
    quoted = "`" + column.replace("`", "``") + "`"
    return table.select(
        F.make_valid_utf8(F.col(quoted)).alias("text"),
        F.lit(False).alias("unparsed"),
        _repaired_bytes(F.col(quoted)).alias("repaired"),
    )


def _lines(spark: SparkSession, files: list[Location], *, whole: bool) -> DataFrame:
    if files[0].is_in_object_store:
        return read_values(spark, files, "whole" if whole else "lines")
    zstd = next((file for file in files if file.name.lower().endswith(".zst")), None)
    if zstd is not None and tuple(map(int, spark.version.split(".")[:2])) < ZSTD_SINCE:
        raise InputError(
            f"{zstd.shown} is compressed by zstd, which Spark {spark.version} cannot read; "
            "use Spark 4.1 or later, or recompress it by gzip"
        )
    reader = spark.read.option("recursiveFileLookup", "true")
    return reader.text([file.for_spark_reader() for file in files], wholetext=whole)


def _repaired_bytes(value: Column) -> Column:
    """Count the bytes that are not UTF-8; 0 for null.

    A sequence of them becomes one U+FFFD of three bytes, so their number follows from both lengths
    and from how many U+FFFD there are beyond those that the text held itself.
    """
    repaired = F.make_valid_utf8(value)
    # a character a byte; a cast hands the bytes on as they are
    as_bytes = F.decode(value.cast("binary"), "ISO-8859-1")
    replaced = _occurrences(repaired, "\ufffd") - _occurrences(as_bytes, "\xef\xbf\xbd")
    invalid = F.octet_length(value) - F.octet_length(repaired) + 3 * replaced
    return F.when(F.coalesce(F.is_valid_utf8(value), F.lit(True)), F.lit(0)).otherwise(invalid)


def _occurrences(text: Column, part: str) -> Column:
    without = F.replace(text, F.lit(part), F.lit(""))
    return ((F.char_length(text) - F.char_length(without)) / len(part)).cast("long")


def _repaired(column: str) -> Column:
    return F.make_valid_utf8(F.col(column))


@contextmanager
def corpus_errors() -> Iterator[None]:
    """Name the file that Spark cannot read, and why.

    Raises
    ------
    InputError
        In place of Spark's errors of a file that is damaged and of a lack of memory.
    """
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        text = text_of(error)
        gone = not text or isinstance(error, (Py4JNetworkError, ConnectionError))
        if gone or "OutOfMemoryError" in text:
            # a JVM without memory may end before it can say so
            raise InputError(
                "Java ran out of memory or ended while it read the corpus. A document is held in "
                "memory whole, some 15 bytes a character: break the longest lines or records, or "
                "raise Java's (--spark-conf spark.driver.memory=4g with local masters, else "
                "spark.executor.memory)"
            ) from error
        file = re.search(r"reading file (\S.*?)\.\s", text)
        if file is None:
            raise
        causes = re.findall(r"^Caused by: [\w.$]*?(\w+)(?:: (.*))?$", text, re.MULTILINE)
        kind, reason = causes[-1] if causes else ("", "")
        if "end of" in reason.lower() or kind == "EOFException" or "truncated" in reason.lower():
            reason = "it is cut short"
        raise InputError(
            f"{re.sub('^file:/+', '/', file.group(1))} cannot be read: {reason or kind}; "
            "replace or remove it"
        ) from error
