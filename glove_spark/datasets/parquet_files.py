"""Read Parquet that may be damaged, so that damage raises an error and does not end the process."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

UNREADABLE = (pa.ArrowException, OSError, ValueError)
"""What pyarrow raises of bytes that are no whole file; ValueError where names are not UTF-8."""


def num_values(source: pq.ParquetFile, row_group: int, column: str) -> int:
    """Count the values of a row group's first column, nulls and elements of lists included.

    pyarrow ends the process when it is asked for metadata of a column that are damaged, and raises
    when it reads such a column: so a row of it is read first.

    Parameters
    ----------
    column
        The first column's name.
    """
    next(source.iter_batches(batch_size=1, row_groups=[row_group], columns=[column]), None)
    return int(source.metadata.row_group(row_group).column(0).num_values)
