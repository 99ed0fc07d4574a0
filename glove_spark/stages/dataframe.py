"""Make the tokens dataset from a column of a DataFrame instead of a corpus.

Null and empty tokens, which the dataset must not contain, are dropped and counted, as in
`glove_spark.stages.tokenize`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from glove_spark.errors import InputError
from glove_spark.settings.option import Settings
from glove_spark.spark.session import describe
from glove_spark.stages.stage import Job, Stage
from glove_spark.stages.token_files import write_tokens
from glove_spark.store.manifest import fingerprint

log = logging.getLogger(__name__)

COMMAND = "dataframe"
"""The name of the stage in manifests."""

SEEDS = (0, 1)
"""Seeds of the two 64-bit hashes of a row."""


@dataclass(frozen=True)
class DataFrameSettings(Settings):
    """No options: only the rows determine the result."""


def token_rows(dataset: DataFrame, column: str) -> DataFrame:
    """Make rows of tokens from an ``array<string>``, with the columns that `_totals` adds up.

    The concatenated tokens show whether a document has NUL characters or bytes that are not UTF-8;
    only such documents are checked token by token.
    """
    rows = dataset.select(F.col(f"`{column}`").alias("given"))
    text = F.array_join("given", " ")
    rows = rows.select(
        "given",
        F.contains(text, F.lit("\0")).alias("nul"),
        (~F.is_valid_utf8(text)).alias("damaged"),
    )
    repaired = repaired_tokens(F.col("given"))
    found = F.when(F.col("nul") | F.col("damaged"), repaired).otherwise(F.col("given"))
    tokens = F.array_remove(F.array_compact(found), "")
    return rows.select(
        "nul",
        "damaged",
        F.isnull("given").alias("textless"),
        F.size("given").alias("n_found"),
        F.size(F.array_compact("given")).alias("n_not_null"),
        F.coalesce(tokens, F.array().cast("array<string>")).alias("tokens"),
    )


def repaired_tokens(tokens: Column) -> Column:
    """Make tokens valid for fit and transform: U+FFFD for invalid bytes, a space for NUL."""
    return F.transform(
        tokens, lambda token: F.replace(F.make_valid_utf8(token), F.lit("\0"), F.lit(" "))
    )


def content_of(rows: DataFrame) -> str:
    """Hash the output of `token_rows`, in any order: equal rows give equal hashes.

    This reads all data.
    """
    describe(rows.sparkSession, "tokens: look whether they are known")
    found = rows.agg(*_content()).first()
    assert found is not None, "an aggregate without groups has one row"
    return _hashed(found.asDict())


def tokens_stage(rows: DataFrame, content: str, *, checked: bool) -> Stage:
    """Return the stage that writes the output of `token_rows`.

    Parameters
    ----------
    content
        What identifies the rows in the recipe.
    checked
        Whether ``content`` is the result of `content_of`, which must be the same after writing.
    """

    def build(job: Job) -> Mapping[str, Any]:
        counted = Observation("tokens")
        describe(job.spark, "tokens: write the rows of the DataFrame")
        write_tokens(rows.observe(counted, *_totals(), *_content()), job.output)
        facts = counted.get
        if checked and _hashed(facts) != content:
            raise InputError(
                "the DataFrame returned other rows when it was read a second time, so the fit "
                "cannot tell whether results in workDir belong to these rows; cache the DataFrame, "
                "or write it to a file and fit on that"
            )
        return _named({name: int(facts[name]) for name in _TOTALS})

    return Stage(
        dataset="tokens",
        command=COMMAND,
        format_version=1,
        inputs=(),
        build=build,
        external_inputs=lambda settings: {"rows": content},
    )


_TOTALS = (
    "documents",
    "documents_empty",
    "documents_without_text",
    "documents_repaired",
    "documents_with_nul",
    "tokens_found",
    "tokens_not_null",
    "tokens",
)


def _totals() -> list[Column]:
    """Count documents and tokens, with the names of `_TOTALS`."""
    written, textless = F.size("tokens") > 0, F.col("textless")

    def count(condition: Column) -> Column:
        return F.coalesce(F.count_if(condition), F.lit(0))

    def total(number: Column) -> Column:
        return F.coalesce(F.sum(number), F.lit(0))

    numbers = (
        count(written),
        count(~textless & ~written),
        count(textless),
        count(F.col("damaged")),
        count(F.col("nul")),
        # the size of null is null, or -1 if spark.sql.ansi.enabled is off
        total(F.when(~textless, F.col("n_found"))),
        total(F.when(~textless, F.col("n_not_null"))),
        total(F.size("tokens")),
    )
    return [number.alias(name) for number, name in zip(numbers, _TOTALS, strict=True)]


def _content() -> list[Column]:
    """Add the hashes of the stored rows as decimals, which do not overflow."""
    stored = F.size("tokens") > 0
    sums = [
        F.sum(F.when(stored, F.xxhash64("tokens", F.lit(seed)).cast("decimal(20,0)")))
        for seed in SEEDS
    ]
    return [
        F.count_if(stored).alias("rows"),
        *(total.alias(f"hash_{seed}") for seed, total in zip(SEEDS, sums, strict=True)),
    ]


def _hashed(found: Mapping[str, Any]) -> str:
    names = ("rows", *(f"hash_{seed}" for seed in SEEDS))
    return fingerprint([str(found[name] or 0) for name in names])


def _named(facts: dict[str, int]) -> Mapping[str, Any]:
    """Log what was dropped; raise an error if no row has a token."""
    if facts["documents_repaired"]:
        log.warning(
            "tokens: %s documents contained bytes that are not UTF-8; U+FFFD replaces them",
            f"{facts['documents_repaired']:,}",
        )
    if facts["tokens"] == 0:
        raise InputError(
            f"inputCol contains no token in {facts['documents_empty']:,} empty and "
            f"{facts['documents_without_text']:,} null documents; check the column"
        )
    log.info("tokens: %s in %s documents", f"{facts['tokens']:,}", f"{facts['documents']:,}")
    dropped = {
        "null": facts.pop("tokens_found") - facts["tokens_not_null"],
        "empty": facts.pop("tokens_not_null") - facts["tokens"],
    }
    return {**facts, "dropped_tokens": dropped}
