"""Read Parquet files that may be damaged; damage raises an error instead of ending the process."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

UNREADABLE = (pa.ArrowException, OSError, ValueError)
"""The errors of pyarrow for damaged files; ValueError if names are not UTF-8."""


def num_values(source: pq.ParquetFile, row_group: int, column: str) -> int:
    """Count the values of the first column of a row group, with nulls and elements of lists.

    If the metadata of a column are damaged, pyarrow ends the process when it is asked for them, but
    raises an error when it reads the column. So a row of it is read first.

    Parameters
    ----------
    column
        The name of the first column.
    """
    next(source.iter_batches(batch_size=1, row_groups=[row_group], columns=[column]), None)
    return int(source.metadata.row_group(row_group).column(0).num_values)
