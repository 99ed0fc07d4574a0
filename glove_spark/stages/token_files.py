"""Write the files of the tokens dataset, from any source of rows."""

from __future__ import annotations

from itertools import chain, islice

import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glove_spark.corpus.python_source import write_parquet
from glove_spark.store.location import Location

ROW_GROUP_BYTES = 8 << 20
"""Bytes of a row group of the tokens files, before compression: about 4M tokens, which one task
reads."""

COMPRESSION = "zstd"


def write_tokens(rows: DataFrame, output: Location) -> None:
    """Write the column ``tokens`` of all rows that are not empty."""
    filled = rows.where(F.size("tokens") > 0).select("tokens")
    if output.is_in_object_store:
        write_parquet(filled, output, row_group_bytes=ROW_GROUP_BYTES, compression=COMPRESSION)
        return
    (
        filled.write.option("compression", COMPRESSION)
        .option("parquet.block.size", ROW_GROUP_BYTES)
        # 2M tokens exceed the default of 1 MB; then words would be stored without a dictionary
        .option("parquet.dictionary.page.size", ROW_GROUP_BYTES)
        # rows may be large, so check the size more often than every 100th row, the default
        .option("parquet.block.size.row.check.min", 4)
        .option("parquet.page.size.row.check.min", 4)
        .parquet(output.uri)
    )


def sample_tokens(output: Location, number: int) -> list[str]:
    """Read approximately the first tokens of the first file."""
    files = [info for info in output.walk() if info.base_name.endswith(".parquet")]
    for info in files:
        with output.found(info).open_input() as source:
            for batch in pq.ParquetFile(source).iter_batches(100, columns=["tokens"]):
                return list(islice(chain.from_iterable(batch.column(0).to_pylist()), number))
    return []
