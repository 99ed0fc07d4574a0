"""Tokenize: read the corpus and write one row of tokens per document.

The JVM reads, repairs, lower-cases and splits text. One pass writes the rows and counts what
happened to every document and token.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from glove_spark.corpus.documents import corpus_errors, read_documents
from glove_spark.corpus.files import corpus_fingerprint, find_files
from glove_spark.corpus.segmenters import is_written_without_blanks
from glove_spark.corpus.tokenizers import (
    BUILT_IN,
    PUNCTUATION,
    make_tokenizer,
    normalized,
    source_of,
)
from glove_spark.errors import DatasetError, EmptyInputError
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.spark.session import cores, describe, sql_settings, starting_workers
from glove_spark.stages import cooccurrence
from glove_spark.stages.stage import Job, Stage
from glove_spark.stages.token_files import sample_tokens, write_tokens
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import fingerprint

log = logging.getLogger(__name__)

LONGEST_ROW = 4_000_000
"""Characters of a document per row. A longer document is split at white space into several rows, so
that a file without line ends does not exhaust the memory. No window crosses a split."""

OPEN_COST_BYTES = 256 << 10
"""The cost of opening a file, as the number of bytes that could be read in that time; Spark's 4 MB
are for slow stores."""

LONG_TOKEN_BYTES = 20
"""Bytes of text per token above which the script is checked; English has about 6."""

SAMPLED_TOKENS = 2_000

CUT_SEARCH = 10_000
"""Characters after a split in which white space is searched; if there is none, a word is split."""


def build_tokens(job: Job) -> Mapping[str, Any]:
    """Write the tokens of the corpus to `Job.output`."""
    # with many small files, neither the listing nor the reading should use a task per few files
    with sql_settings(
        job.spark,
        spark__sql__sources__parallelPartitionDiscovery__parallelism=str(4 * cores(job.spark)),
        spark__sql__files__openCostInBytes=str(OPEN_COST_BYTES),
    ):
        return _build_tokens(job)


def _build_tokens(job: Job) -> Mapping[str, Any]:
    settings: TokenizeSettings = job.settings
    if settings.lowercase:
        _load_case_mapping(job.spark)
    tokenize = make_tokenizer(job.spark, settings.tokenizer)
    files, skipped = find_files(settings)
    # before the documents, because a reader of tables runs a job to read their columns
    describe(job.spark, f"tokenize: {len(files):,} files")
    documents = read_documents(job.spark, files, settings)
    counted = Observation("tokens")
    rows = cut_and_tokenize(documents, settings, tokenize).observe(counted, *_totals())
    with starting_workers(job.spark, cooccurrence.__name__), corpus_errors():
        write_tokens(rows, job.output)
    facts = {"files": len(files), **{name: int(value) for name, value in counted.get.items()}}
    _check(facts)
    worst = _worst_files(documents) if facts["documents_repaired"] else ""
    _report(facts, settings, worst)
    _warn_of_no_blanks(job.output, facts.pop("bytes"), facts["tokens"])
    dropped = {
        "empty": facts.pop("tokens_found") - facts["tokens_not_empty"],
        "strip_punctuation": facts.pop("tokens_not_empty") - facts["tokens_stripped"],
        "min_token_length": facts.pop("tokens_stripped") - facts["tokens"],
    }
    return {**facts, "skipped": skipped._asdict(), "dropped_tokens": dropped}


def cut_and_tokenize(documents: DataFrame, settings: TokenizeSettings, tokenize: Any) -> DataFrame:
    """Make rows of tokens, with a column for every number that `_totals` adds."""
    text = F.coalesce(F.col("text"), F.lit(""))
    rows = documents.select(
        "unparsed",
        "repaired",
        (F.isnull("text") & ~F.col("unparsed")).alias("textless"),
        F.contains(text, F.lit("\0")).alias("nul"),
        F.replace(text, F.lit("\0"), F.lit(" ")).alias("text"),
    ).select("unparsed", "repaired", "textless", "nul", F.posexplode(_pieces("text")))
    rows = rows.select("*", normalized(F.col("col"), settings.normalize).alias("normal")).drop(
        "col"
    )
    piece = F.lower("normal") if settings.lowercase else F.col("normal")
    # a separate column, so that a tokenizer that reads the text twice does not convert it twice
    rows = rows.select("*", piece.alias("piece"))
    rows = rows.select("*", tokenize(F.col("piece")).alias("found"))
    # this reads all tokens; most tokenizers make it unnecessary
    not_empty = F.col("found") if settings.tokenizer in BUILT_IN else F.array_remove("found", "")
    rows = rows.select("*", not_empty.alias("tokens"))
    rows = rows.select(
        "unparsed",
        "repaired",
        "textless",
        "nul",
        "pos",
        F.octet_length("piece").alias("bytes"),
        F.size("found").alias("n_found"),
        F.size("tokens").alias("n_not_empty"),
        "tokens",
    )
    if settings.strip_punctuation:
        stripped = F.transform("tokens", lambda token: F.regexp_replace(token, PUNCTUATION, ""))
        rows = rows.withColumn("tokens", F.array_remove(stripped, ""))
    rows = rows.withColumn("n_stripped", F.size("tokens"))
    shortest = settings.min_token_length
    if shortest > 1:
        long_enough = F.filter("tokens", lambda token: F.char_length(token) >= shortest)
        rows = rows.withColumn("tokens", long_enough)
    return rows.withColumn("n_tokens", F.size("tokens"))


def _load_case_mapping(spark: SparkSession) -> None:
    """Load the class that converts case while the driver plans the query.

    Loading it takes a second, because it examines every code point, and tasks would wait for it.
    """
    jvm: Any = spark.sparkContext._jvm

    def load() -> None:
        # a Spark without that class converts case with another one
        with suppress(Py4JError, PySparkException, ConnectionError):
            jvm.java.lang.Class.forName(
                "org.apache.spark.sql.catalyst.util.CollationAwareUTF8String"
            )

    threading.Thread(target=load, name="load-case-mapping", daemon=True).start()


def _pieces(column: str) -> Column:
    """Cut texts of more than `LONGEST_ROW` characters after white space."""
    text = F.col(column)
    length = F.char_length(text)

    def edge(number: Column) -> Column:
        """Return where piece ``number`` begins: after the first white space from its share on."""
        at = number * LONGEST_ROW
        rest_of_word = F.regexp_extract(
            F.substring(text, at + 1, F.lit(CUT_SEARCH)), r"^[^\s]*+", 0
        )
        return (
            F.when(number == 0, F.lit(0))
            .when(at >= length, length)
            .otherwise(at + F.char_length(rest_of_word))
        )

    numbers = F.sequence(F.lit(0), F.floor((length - 1) / LONGEST_ROW).cast("int"))
    pieces = F.transform(
        numbers, lambda number: F.substring(text, edge(number) + 1, edge(number + 1) - edge(number))
    )
    # the number of bytes is known without reading them, and is at least that of characters
    return F.when(F.octet_length(text) > LONGEST_ROW, pieces).otherwise(F.array(text))


def _totals() -> list[Column]:
    first = F.col("pos") == 0
    written = F.col("n_tokens") > 0

    def count(condition: Column) -> Column:
        return F.coalesce(F.count_if(condition), F.lit(0))

    def total(column: str | Column) -> Column:
        return F.coalesce(F.sum(column), F.lit(0))

    has_text = ~F.col("unparsed") & ~F.col("textless")
    return [
        count(first).alias("documents_read"),
        count(~first).alias("further_pieces"),
        count(written).alias("documents"),
        count(has_text & ~written).alias("documents_empty"),
        count(F.col("unparsed")).alias("documents_unparsed"),
        count(F.col("textless")).alias("documents_without_text"),
        count(F.col("pos") == 1).alias("documents_cut"),
        count((F.col("repaired") > 0) & first).alias("documents_repaired"),
        total(F.when(first, F.col("repaired")).otherwise(0)).alias("bytes_repaired"),
        count(F.col("nul") & first).alias("documents_with_nul"),
        total("n_found").alias("tokens_found"),
        total("n_not_empty").alias("tokens_not_empty"),
        total("n_stripped").alias("tokens_stripped"),
        total("n_tokens").alias("tokens"),
        total("bytes").alias("bytes"),
    ]


def _check(facts: Mapping[str, int]) -> None:
    """Check that every document and piece of a document is counted.

    Raises
    ------
    DatasetError
        If not, because of a bug or failing hardware.
    """
    read = facts["documents_read"] + facts["further_pieces"]
    kinds = ("documents", "documents_empty", "documents_unparsed", "documents_without_text")
    found = sum(facts[kind] for kind in kinds)
    if read != found:
        raise DatasetError(
            f"{read:,} documents and parts of documents were read but {found:,} were counted; this "
            "is a bug or failing hardware; run the stage again"
        )


def _worst_files(documents: DataFrame) -> str:
    """Return the files with the most bytes that are not UTF-8; this reads the corpus once more."""
    describe(documents.sparkSession, "tokenize: the files that are not UTF-8")
    found = (
        documents.select(F.input_file_name().alias("file"), "repaired")
        .where((F.col("repaired") > 0) & (F.col("file") != ""))
        .groupBy("file")
        .agg(F.sum("repaired").alias("bytes"))
        .orderBy(F.desc("bytes"), "file")
        .limit(3)
        .collect()
    )
    named = (f"{unquote(re.sub('^file:/+', '/', row.file))} ({row.bytes:,})" for row in found)
    return ", ".join(named)


def _warn_of_no_blanks(output: Location, text_bytes: int, tokens: int) -> None:
    """Warn of text without spaces between words that was not segmented."""
    if text_bytes < LONG_TOKEN_BYTES * tokens:
        return
    sample = "".join(sample_tokens(output, SAMPLED_TOKENS))
    letters = [letter for letter in sample if letter.isalpha()]
    unsegmented = sum(is_written_without_blanks(letter) for letter in letters)
    if unsegmented > len(letters) / 2:
        log.warning(
            "tokenize: tokens have %.0f bytes on average, in a script without spaces between "
            "words, so they are clauses rather than words; use a tokenizer that segments, such as "
            "--tokenizer glove_spark.corpus.segmenters:chinese or :japanese "
            "(pip install 'glove_spark[cjk]')",
            text_bytes / tokens,
        )


def _report(facts: Mapping[str, int], settings: TokenizeSettings, worst: str) -> None:
    """Warn of what was repaired or skipped; raise an error if the corpus has no token."""
    for name, text in (
        ("documents_unparsed", "lines skipped, which are not JSON objects"),
        ("documents_without_text", f"records skipped, which have no {settings.text_column}"),
        (
            "documents_repaired",
            "documents contained bytes that are not UTF-8; U+FFFD replaces them"
            + (f"; most are in {worst}" if worst else "")
            + "; name the encoding with --encoding",
        ),
        (
            "documents_with_nul",
            "documents contained NUL characters, which were read as spaces; is the text UTF-16?",
        ),
        (
            "documents_cut",
            f"documents of more than {LONGEST_ROW:,} characters were split; no window crosses a "
            "split",
        ),
    ):
        if facts[name]:
            log.warning("tokenize: %s %s", f"{facts[name]:,}", text)
    if facts["tokens"] == 0:
        raise EmptyInputError(
            f"input={', '.join(settings.input)} contains no token in "
            f"{facts['documents_empty']:,} documents; check the corpus, tokenizer="
            f"{settings.tokenizer!r} and min_token_length={settings.min_token_length}"
        )
    log.info(
        "tokenize: %s tokens in %s documents", f"{facts['tokens']:,}", f"{facts['documents']:,}"
    )


def _external_inputs(settings: TokenizeSettings) -> Mapping[str, str]:
    found = {"corpus": corpus_fingerprint(find_files(settings, announce=False).files)}
    source = source_of(settings.tokenizer)
    if source is not None:
        found["tokenizer"] = fingerprint(source.hex())
    return found


TOKENS = Stage(
    dataset="tokens",
    command="tokenize",
    format_version=FORMAT_VERSIONS["tokens"],
    inputs=(),
    build=build_tokens,
    external_inputs=_external_inputs,
)
