"""Read the corpus, in any format, as a DataFrame of texts.

Readers in the JVM decompress, split and parse. Text that is not UTF-8 is repaired, and records
without text are marked, so that the stage can count them.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from typing import NamedTuple

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from glove_spark.corpus.content import LONG_WINDOW, Content, content_of
from glove_spark.corpus.files import CorpusFile
from glove_spark.corpus.formats import check_json_field, check_size, codec_by_name, kind_of
from glove_spark.corpus.python_source import read_values
from glove_spark.corpus.values import check_table
from glove_spark.errors import InputError
from glove_spark.extras import require
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.spark.failures import java_ended, text_of
from glove_spark.spark.session import refuse_names_java_cannot_open
from glove_spark.store.location import REQUESTS_AT_ONCE, Location

log = logging.getLogger(__name__)

MOST_NAMED = 3
"""The largest number of files that a warning names."""

ZSTD_SINCE = (4, 1)
"""The first version of Spark that reads zstd without Hadoop's native library."""

_UNPARSED = "_unparsed_record"
_BYTE_ORDER_MARK = "\ufeff"


def read_documents(
    spark: SparkSession, files: list[CorpusFile], settings: TokenizeSettings
) -> DataFrame:
    """Read every file as documents.

    Returns
    -------
    DataFrame
        ``text`` (null if a record has none), ``unparsed`` (the line is not a JSON object) and
        ``repaired`` (how many bytes were not UTF-8 and became U+FFFD).

    Raises
    ------
    ConfigurationError
        If a table has no column ``settings.text_column`` of strings.
    """
    alike: dict[Reading, list[Location]] = {}
    contents = _contents(files)
    _warn_of_markup(files, contents, settings)
    refuse_names_java_cannot_open(spark, (f.location.path for f in files if f.location.is_local))
    for file, content in zip(files, contents, strict=True):
        alike.setdefault(_reading(file.location, content, settings), []).append(file.location)
    readers = {"text": _read_text, "jsonl": _read_json, "parquet": _read_table, "orc": _read_table}
    frames = [
        readers.get(how.kind, _read_whole)(spark, how, some, settings)
        for how, some in alike.items()
    ]
    return reduce(DataFrame.union, frames)


def _warn_of_markup(
    files: list[CorpusFile], contents: list[Content], settings: TokenizeSettings
) -> None:
    """Warn of files that are mostly tags, unless the user's own tokenizer may remove them."""
    marked = [
        f"{file.location.shown} ({content.markup})"
        for file, content in zip(files, contents, strict=True)
        if content.markup is not None
    ]
    if marked and ":" not in settings.tokenizer:
        log.warning(
            "tokenize: %s files are not plain text: their tags are counted as words; extract the "
            "text first; %s",
            f"{len(marked):,}",
            ", ".join(marked[:MOST_NAMED]) + (", ..." if len(marked) > MOST_NAMED else ""),
        )


class Reading(NamedTuple):
    """How to read a group of files.

    Attributes
    ----------
    kind
        The kind, as in `kind_of`.
    by_python
        Whether Python reads the bytes and sends them to the JVM, because its own readers cannot.
    codec, encoding
        As in `Content`; an encoding of None is UTF-8.
    """

    kind: str
    by_python: bool
    codec: str | None
    encoding: str | None


def _contents(files: list[CorpusFile]) -> list[Content]:
    """Detect the content of every file by its first bytes."""
    if files and files[0].location.is_local:
        return [content_of(file.location) for file in files]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        return list(threads.map(lambda file: content_of(file.location), files))


def _reading(file: Location, content: Content, settings: TokenizeSettings) -> Reading:
    kind = kind_of(file, content, settings)
    encoding = content.encoding
    if encoding is None and not _is_utf8(settings.encoding):
        encoding = settings.encoding
    if kind in ("parquet", "orc"):
        # for tables, Spark ignores the file name too
        return Reading(kind, file.is_in_object_store, None, None)
    unlike = content.codec != codec_by_name(file.name) or encoding is not None
    by_python = file.is_in_object_store or unlike or kind in ("json", "warc")
    return Reading(kind, by_python, content.codec, encoding)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def _read_text(
    spark: SparkSession, how: Reading, files: list[Location], settings: TokenizeSettings
) -> DataFrame:
    return _as_texts(_lines(spark, how, files, whole=settings.document == "file"))


def _read_whole(
    spark: SparkSession, how: Reading, files: list[Location], settings: TokenizeSettings
) -> DataFrame:
    """Read JSON that is not one object per line, and WARC files."""
    for file in files:
        check_size(file)
    if how.kind == "warc":
        require("warcio", "warc", f"{files[0].shown}, a WARC file,")
    texts = read_values(spark, files, how.kind, settings.text_column, how.codec, how.encoding)
    if how.kind == "warc" and settings.document == "line":
        texts = texts.select(F.explode(F.split("value", "\r?\n")).alias("value"))
    return _as_texts(texts)


def _as_texts(values: DataFrame) -> DataFrame:
    return values.select(
        F.ltrim(_repaired("value"), F.lit(_BYTE_ORDER_MARK)).alias("text"),
        F.lit(False).alias("unparsed"),
        F.coalesce(_repaired_bytes(F.col("value")), F.lit(0)).alias("repaired"),
    )


def _read_json(
    spark: SparkSession, how: Reading, files: list[Location], settings: TokenizeSettings
) -> DataFrame:
    field = settings.text_column
    check_json_field(files[0], field, how.codec, how.encoding)
    schema = StructType([StructField(field, StringType()), StructField(_UNPARSED, StringType())])
    options = {
        "columnNameOfCorruptRecord": _UNPARSED,
        # the default limit of the parser, 20M characters, would reject longer documents
        "maxStringLen": str(2**31 - 1),
    }
    lines = _lines(spark, how, files, whole=False).select(
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
    spark: SparkSession, how: Reading, files: list[Location], settings: TokenizeSettings
) -> DataFrame:
    """Read one column of Parquet or ORC files, with any other columns."""
    column = settings.text_column
    names = check_table(files[0], how.kind, column)
    # Spark cannot distinguish such columns
    alike = [name for name in names if name.casefold() == column.casefold()]
    if how.by_python or len(alike) > 1:
        return _as_texts(read_values(spark, files, how.kind, column))
    reader = spark.read.schema(StructType([StructField(column, StringType())])).format(how.kind)
    with corpus_errors():
        table = reader.option("recursiveFileLookup", "true").load(
            [file.for_spark_reader() for file in files]
        )
    quoted = "`" + column.replace("`", "``") + "`"
    return _as_texts(table.select(F.col(quoted).alias("value")))


def _lines(spark: SparkSession, how: Reading, files: list[Location], *, whole: bool) -> DataFrame:
    if how.by_python:
        kind = "whole" if whole else "lines"
        return read_values(spark, files, kind, codec=how.codec, encoding=how.encoding)
    zstd = next((file for file in files if file.name.lower().endswith(".zst")), None)
    if zstd is not None and tuple(map(int, spark.version.split(".")[:2])) < ZSTD_SINCE:
        raise InputError(
            f"{zstd.shown} is compressed with zstd, which Spark {spark.version} cannot read; "
            "use Spark 4.1 or later, or compress the file with gzip"
        )
    reader = spark.read.option("recursiveFileLookup", "true")
    return reader.text([file.for_spark_reader() for file in files], wholetext=whole)


def _repaired_bytes(value: Column) -> Column:
    """Count the bytes that are not UTF-8; 0 for null.

    A sequence of such bytes becomes one U+FFFD of three bytes. Their number follows from both
    lengths and from the number of U+FFFD, less those that the text contained before.
    """
    repaired = F.make_valid_utf8(value)
    # one character per byte; a cast passes the bytes on unchanged
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
    """Raise an error that names the file that Spark cannot read, and the reason.

    Raises
    ------
    InputError
        Instead of Spark's errors about a damaged file or too little memory.
    """
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        text = text_of(error)
        if java_ended(error) or "OutOfMemoryError" in text:
            # a JVM without memory may end before it reports that
            raise InputError(
                "Java ran out of memory or ended while it read the corpus. It keeps a whole "
                "document in memory, at about 15 bytes per character: split the longest lines or "
                "records, or give Java more memory (--spark-conf spark.driver.memory=4g with a "
                "local master, otherwise spark.executor.memory)"
            ) from error
        file = re.search(r"reading file (\S.*?)\.\s", text)
        if file is None:
            raise
        causes = re.findall(r"^Caused by: [\w.$]*?(\w+)(?:: (.*))?$", text, re.MULTILINE)
        kind, reason = causes[-1] if causes else ("", "")
        if "too much memory" in reason or "Unsupported frame" in reason:
            reason = LONG_WINDOW
        if "end of" in reason.lower() or kind == "EOFException" or "truncated" in reason.lower():
            reason = "it is cut short"
        raise InputError(
            f"{re.sub('^file:/+', '/', file.group(1))} cannot be read: {reason or kind}; "
            "replace or remove it"
        ) from error
