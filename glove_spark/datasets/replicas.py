"""A replica on disk: a block of parameters that one task trained, before the merge.

The columns of a block file, and ``f`` and ``curvature`` of every word. Such files exist for one
round and are not in a published dataset.
"""

from __future__ import annotations

import pyarrow as pa

from glove_spark.datasets.arrow_files import read_record_batch, write_record_batch
from glove_spark.datasets.model import array_of, parameter_columns, schema
from glove_spark.kernels.training.merge import Replica
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.kernels.training.replica_weight import ReplicaWeight
from glove_spark.store.location import Location


def write_replica(replica: Replica, target: Location) -> None:
    """Write a replica of one block."""
    adagrad = "element" if replica.parameters.vector_gradsq.ndim == 2 else "row"
    columns = parameter_columns(replica.parameters) + [pa.array(sums) for sums in replica.weight]
    wanted = _schema(replica.parameters.vectors.shape[1], adagrad)
    write_record_batch(pa.record_batch(columns, schema=wanted), target)


def read_replica(source: Location, vector_size: int, adagrad: str) -> Replica:
    """Read a replica as views of the file; only the parts that are used are read from the disk."""
    columns = read_record_batch(source, _schema(vector_size, adagrad)).columns
    *parameters, f, curvature = (array_of(column) for column in columns)
    return Replica(Parameters(*parameters), ReplicaWeight(f, curvature))


def _schema(vector_size: int, adagrad: str) -> pa.Schema:
    names = ReplicaWeight._fields
    return pa.schema([*schema(vector_size, adagrad), *((name, pa.float64()) for name in names)])
