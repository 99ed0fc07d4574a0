"""Checkpoints: the parameters of an epoch, and the record that makes them valid.

``epoch-0003/`` contains the parameters after epoch 3, and ``epoch-0003.json`` its costs. The record
is written last, so an epoch without a record does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from glove_spark.datasets.model import SIDES, block_file, epoch_folder
from glove_spark.errors import DatasetError
from glove_spark.store.checksums import Hasher, file_states
from glove_spark.store.location import TEMPORARY, Location, delete_files
from glove_spark.store.manifest import list_files

METRICS = "metrics.jsonl"
"""The file of a model that has one line per epoch."""


@dataclass(frozen=True)
class EpochRecord:
    """The record of a finished epoch; epoch 0 is the initial state.

    Attributes
    ----------
    cost
        Sum of ``0.5 f r^2`` divided by the nonzeros, each before its update.
    unobserved_cost
        The term of all pairs, before its steps, divided by the same number of nonzeros, so that the
        two can be added. None without the term.
    seconds
        Wall time of the epoch.
    held_out_cost
        The same mean over the held-out nonzeros, after the epoch; None if there are none.
    held_out_unobserved_cost
        The mean of the second term over the same nonzeros.
    time
        The end of the epoch, ISO 8601 in UTC; empty in records of older versions.
    """

    epoch: int
    cost: float | None
    nnz: int
    learning_rate: float | None
    seconds: float
    held_out_cost: float | None = None
    unobserved_cost: float | None = None
    held_out_unobserved_cost: float | None = None
    time: str = field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds")
    )

    @property
    def objective(self) -> float | None:
        """The cost of both terms; None if nothing was trained."""
        return None if self.cost is None else self.cost + (self.unobserved_cost or 0.0)


def record_file(model: Location, epoch: int) -> Location:
    """Return the file of the record of an epoch."""
    return model / f"epoch-{epoch:04d}.json"


def commit_epoch(
    model: Location,
    record: EpochRecord,
    placement: Mapping[tuple[str, int], Location],
    hasher: Hasher = file_states,
) -> None:
    """Rename the files of the epoch, delete all others, and write the record."""
    folder = epoch_folder(model, record.epoch)
    for (side, block), file in placement.items():
        file.move_to(block_file(model, record.epoch, side, block))
    left = [info.base_name for info in folder.walk() if info.path.endswith(TEMPORARY)]
    delete_files([folder / name for name in left])
    files = {name: state._asdict() for name, state in list_files(folder, hasher).items()}
    content = asdict(record) | {"files": files}
    record_file(model, record.epoch).write_json(content)


def committed_epochs(model: Location) -> list[EpochRecord]:
    """List the records of the epochs in ``model``, oldest first."""
    records = []
    for info in model.walk(recursive=False):
        if info.base_name.startswith("epoch-") and info.extension == "json":
            records.append(_read_record(model / info.base_name))
    return sorted(records, key=lambda record: record.epoch)


def metrics_of(record: EpochRecord) -> dict[str, Any]:
    """Return the measurements of an epoch, by name."""
    return {
        "epoch": record.epoch,
        "cost": record.cost,
        "unobserved_cost": record.unobserved_cost,
        "held_out_cost": record.held_out_cost,
        "held_out_unobserved_cost": record.held_out_unobserved_cost,
        "nnz": record.nnz,
        "seconds": round(record.seconds, 3),
        "nonzeros_per_second": round(record.nnz / record.seconds) if record.seconds else None,
        "learning_rate": record.learning_rate,
        "time": record.time or None,
    }


def write_metrics(model: Location, history: Iterable[EpochRecord]) -> None:
    """Rewrite the file with one line per trained epoch, so that no epoch appears twice."""
    lines = [json.dumps(metrics_of(record)) + "\n" for record in history if record.epoch > 0]
    (model / METRICS).write_bytes("".join(lines).encode())


def is_whole(model: Location, record: EpochRecord, hasher: Hasher = file_states) -> bool:
    """Return whether the files of an epoch are complete and unchanged."""
    files = json.loads(record_file(model, record.epoch).read_bytes())["files"]
    found = list_files(epoch_folder(model, record.epoch), hasher)
    return bool(files == {name: state._asdict() for name, state in found.items()})


def placement_of(model: Location, epoch: int, num_blocks: int) -> dict[tuple[str, int], Location]:
    """Return the files of the parameters of a committed epoch."""
    return {
        (side, block): block_file(model, epoch, side, block)
        for side in SIDES
        for block in range(num_blocks)
    }


def delete_uncommitted(model: Location, last_epoch: int) -> None:
    """Delete the files that an interrupted run left after ``last_epoch``."""
    for info in model.walk(recursive=False):
        name = info.base_name
        if name.startswith("epoch-") and int(name[6:10]) > last_epoch:
            (model / name).delete()


def prune_epochs(model: Location, newest: int, keep: int) -> None:
    """Delete the parameters of all but the last ``keep`` epochs; the records stay."""
    for info in model.walk(recursive=False):
        name = info.base_name
        if name.startswith("epoch-") and "." not in name and int(name[6:]) <= newest - keep:
            (model / name).delete()


def _read_record(file: Location) -> EpochRecord:
    try:
        content = json.loads(file.read_bytes())
        content.pop("files")
        record = EpochRecord(**{"time": "", **content})
        if type(record.epoch) is not int or record_file(file.parent, record.epoch) != file:
            raise ValueError(f"epoch {record.epoch!r:.20} in a record of another name")
        return record
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"{file.shown} is not a valid record of an epoch ({error}); "
            "delete the folder of the unfinished model, and train from the start"
        ) from None
