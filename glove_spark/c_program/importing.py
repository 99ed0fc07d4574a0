"""Import files of the C program as the datasets vocabulary, cooccurrence and model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glove_spark.c_program.records import Records, RecordTally, in_order, read_records
from glove_spark.datasets.cooccurrence import (
    ROW_GROUP_ROWS,
    Nonzeros,
    file_name,
    write_nonzeros,
)
from glove_spark.datasets.model import SIDES, block_file, write_parameters
from glove_spark.datasets.vocabulary import UNKNOWN, Vocabulary
from glove_spark.errors import ConfigurationError, InputError
from glove_spark.exchange.c_program import parameters_file, read_vocab
from glove_spark.exchange.matrix_file import MatrixFile
from glove_spark.kernels.training.parameters import Parameters
from glove_spark.store.dataset import claim_folder
from glove_spark.store.format_versions import FORMAT_VERSIONS
from glove_spark.store.location import Location
from glove_spark.store.manifest import Dataset, Recipe, fingerprint
from glove_spark.store.run_lock import hold_lock
from glove_spark.store.up_to_date import bring_up_to_date
from glove_spark.training.checkpoints import EpochRecord, commit_epoch

log = logging.getLogger(__name__)

MAKER = "import-c"
"""The name of the stage in manifests."""

BLOCK_WORDS = 100_000
"""Words per block of an imported model: 120 MB at d = 300."""


def import_c(
    output: str | Location,
    *,
    vocab: str | Location,
    cooccurrence: str | Location | None = None,
    parameters: str | Location | None = None,
    gradsq: str | Location | None = None,
    overwrite: bool = False,
) -> list[Dataset]:
    """Make datasets from counts or parameters of the C program.

    Parameters
    ----------
    output
        The output folder. ``blocks`` and ``train`` can continue from its co-occurrences, ``export``
        from its model.
    vocab
        ``vocab.txt``; its lines are the ids of the other files.
    cooccurrence
        ``cooccurrence.bin``, in any order. Whether context was counted on both sides is detected
        from the records.
    parameters, gradsq
        float64 parameters and accumulators. Without accumulators, they are 1, as before training.

    Raises
    ------
    InputError
        If a file is damaged, or does not belong to ``vocab``.
    DatasetError
        If other datasets exist and ``overwrite`` is not set.
    """
    if gradsq is not None and parameters is None:
        raise ConfigurationError(
            f"gradsq={gradsq} needs parameters; give --parameters too, or omit --gradsq"
        )
    root, vocabulary = Location.of(output), read_vocab(Location.of(vocab))
    claim_folder(root)
    with hold_lock(root, "glove-spark import-c"):
        return _import(root, vocabulary, cooccurrence, parameters, gradsq, overwrite)


def _import(
    root: Location,
    vocabulary: Vocabulary,
    cooccurrence: str | Location | None,
    parameters: str | Location | None,
    gradsq: str | Location | None,
    overwrite: bool,
) -> list[Dataset]:
    words = _bring_up_to_date(
        root / "vocabulary",
        {"unk": None},
        {"vocab.txt": fingerprint([vocabulary.words, vocabulary.counts.tolist()])},
        lambda target: _write_vocabulary(vocabulary, target),
        overwrite,
    )
    made = [words]
    basis = {"vocabulary": words.manifest.fingerprint}
    if cooccurrence is not None:
        file = Location.of(cooccurrence)
        tally = RecordTally(read_records(file), len(vocabulary), file.shown)
        symmetric = tally.symmetric
        log.info("%s: context on %s", file.shown, "both sides" if symmetric else "the left")
        made.append(
            _bring_up_to_date(
                root / "cooccurrence",
                {"symmetric": symmetric},
                basis | {"cooccurrence.bin": _state(file)},
                lambda target: _write_matrix(file, tally, symmetric, target),
                overwrite,
            )
        )
    if parameters is not None:
        file = Location.of(parameters)
        matrix = parameters_file(file, len(vocabulary))
        inputs = basis | {"parameters": _state(file)}
        squares = None
        if gradsq is not None:
            squares = parameters_file(Location.of(gradsq), len(vocabulary))
            inputs["gradsq"] = _state(squares.location)
            if squares.shape != matrix.shape:
                raise InputError(
                    f"{squares.location.shown} has {squares.shape[1]} numbers per word, but "
                    f"{file.shown} has {matrix.shape[1]}; give two files of the same run"
                )
        settings = {
            "vector_size": matrix.shape[1] - 1,
            "adagrad": "row" if squares is None else "element",
        }
        made.append(
            _bring_up_to_date(
                root / "model",
                settings,
                inputs,
                lambda target: _write_model(vocabulary, matrix, squares, target),
                overwrite,
            )
        )
    return made


def _bring_up_to_date(
    target: Location,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    build: Callable[[Location], Mapping[str, Any]],
    overwrite: bool,
) -> Dataset:
    """Bring a dataset up to date; delete unfinished files if the import fails."""

    def whole_or_nothing(unfinished: Location) -> Mapping[str, Any]:
        try:
            return build(unfinished)
        except BaseException:
            unfinished.delete()
            raise

    # files that are imported together with a vocabulary were made with it
    lineage = {name: inputs[name] for name in ("vocabulary",) if name in inputs}
    recipe = Recipe(MAKER, FORMAT_VERSIONS[target.name], settings, inputs)
    return bring_up_to_date(target, recipe, whole_or_nothing, lineage=lineage, overwrite=overwrite)


def _state(file: Location) -> str:
    """Return the state of a file that may be too large to be hashed."""
    info = file.filesystem().get_file_info(file.path)
    return fingerprint([file.name, info.size, info.mtime_ns])


def _write_vocabulary(vocabulary: Vocabulary, target: Location) -> Mapping[str, Any]:
    vocabulary.write(target)
    counts = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
    return {
        "vocabulary_size": len(vocabulary),
        "tokens_kept": sum(counts.values()) - counts.get(UNKNOWN, 0),
        "largest_count": int(vocabulary.counts.max()),
        "smallest_count": int(vocabulary.counts.min()),
    }


def _write_matrix(
    file: Location, tally: RecordTally, symmetric: bool, target: Location
) -> Mapping[str, Any]:
    folder = target.make_folder()
    files = stored = diagonal = 0
    sum_of_counts, largest, largest_at = 0.0, 0.0, [0, 0]
    for records in in_order(lambda: read_records(file), tally, file.shown):
        sum_of_counts += float(records["count"].sum())
        diagonal += int((records["row"] == records["col"]).sum())
        if symmetric:
            records = records[records["row"] <= records["col"]]
        if not len(records):
            continue
        top = records[int(records["count"].argmax())]
        if top["count"] > largest:
            largest = float(top["count"])
            largest_at = [int(top["row"]) - 1, int(top["col"]) - 1]
        write_nonzeros(_nonzeros(records), folder / file_name(files))
        files += 1
        stored += len(records)
    return {
        "vocabulary_size": len(tally.per_row),
        "nnz_stored": stored,
        "nnz": int(tally.per_row.sum()),
        "nnz_diagonal": diagonal,
        "sum_of_counts": sum_of_counts,
        "largest_count": largest,
        "largest_count_at": largest_at,
        "blocks_of_rows": files,
    }


def _nonzeros(records: Records) -> list[Nonzeros]:
    parts = np.split(records, range(ROW_GROUP_ROWS, len(records), ROW_GROUP_ROWS))
    return [Nonzeros(part["row"] - 1, part["col"] - 1, part["count"].copy()) for part in parts]


def _write_model(
    vocabulary: Vocabulary, parameters: MatrixFile, gradsq: MatrixFile | None, target: Location
) -> Mapping[str, Any]:
    vocabulary.write(target)
    rows, columns = parameters.shape
    vocabulary_size, vector_size = rows // 2, columns - 1
    num_blocks = -(-vocabulary_size // BLOCK_WORDS)
    values = parameters.mapped()
    squares = None if gradsq is None else gradsq.mapped()
    placement = {}
    for number, side in enumerate(SIDES):
        begin = number * vocabulary_size
        for block in range(num_blocks):
            own = slice(begin + block, begin + vocabulary_size, num_blocks)
            part = np.asarray(values[own], np.float32)
            if not np.isfinite(part).all():
                raise InputError(
                    f"{parameters.location.shown} contains numbers that are not finite; train "
                    "again with the C program"
                )
            ones = np.ones(len(part), np.float32)
            made = Parameters(part[:, :-1], part[:, -1], ones, ones)
            if squares is not None:
                own_squares = np.asarray(squares[own], np.float32)
                made = Parameters(
                    part[:, :-1], part[:, -1], own_squares[:, :-1], own_squares[:, -1]
                )
            file = block_file(target, 1, side, block).temporary_sibling()
            file.parent.make_folder()
            write_parameters(made, file)
            placement[side, block] = file
    commit_epoch(target, EpochRecord(1, None, 0, None, 0.0), placement)
    return {
        "epoch": 1,
        "cost": None,
        "costs": [],
        "epoch_seconds": [],
        "stopped_early": False,
        "vector_size": vector_size,
        "adagrad": "row" if gradsq is None else "element",
        "num_blocks": num_blocks,
        "vocabulary_size": vocabulary_size,
    }
