"""Write datasets as files of the C program."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pyarrow import fs

from glove_spark.c_program.records import Records, RecordTally, in_order
from glove_spark.datasets.matrix_parts import iterate_matrix
from glove_spark.datasets.model import SIDES, block_file, read_parameters
from glove_spark.datasets.vocabulary import Vocabulary
from glove_spark.errors import ConfigurationError, OutputError
from glove_spark.exchange.c_program import RECORD, write_vocab
from glove_spark.store.dataset import open_dataset
from glove_spark.store.location import Location, writing
from glove_spark.store.manifest import Dataset


def export_c(
    source: str | Location,
    *,
    vocab: str | Location | None = None,
    cooccurrence: str | Location | None = None,
    parameters: str | Location | None = None,
    gradsq: str | Location | None = None,
    overwrite: bool = False,
) -> list[Location]:
    """Write the given files of the C program.

    Parameters
    ----------
    source
        An output folder.
    cooccurrence
        Written in the order of rows and columns, with both triangles, as by the program.
    parameters, gradsq
        From the last epoch of the model, float64. If a word has one accumulator, it is written for
        each of its coordinates.

    Returns
    -------
    list
        The written files.

    Raises
    ------
    OutputError
        If a file exists and ``overwrite`` is not set.
    """
    root = Location.of(source)
    asked = {
        "vocab": vocab,
        "cooccurrence": cooccurrence,
        "parameters": parameters,
        "gradsq": gradsq,
    }
    targets = {name: Location.of(path) for name, path in asked.items() if path is not None}
    if not targets:
        raise ConfigurationError(
            "nothing to export; give --vocab, --cooccurrence, --parameters or --gradsq"
        )
    for name, target in targets.items():
        if name in ("parameters", "gradsq") and not target.is_local:
            raise OutputError(
                f"{name}={target.shown} is remote; it can only be written to a local file; name one"
            )
        if target.kind() != fs.FileType.NotFound and not overwrite:
            raise OutputError(f"{target.shown} exists; give --overwrite or another name")
        target.parent.make_folder()
    if "vocab" in targets:
        folder = open_dataset(root / "vocabulary").location
        write_vocab(Vocabulary.read(folder), targets["vocab"])
    if "cooccurrence" in targets:
        _write_records(open_dataset(root / "cooccurrence"), targets["cooccurrence"])
    for name in ("parameters", "gradsq"):
        if name in targets:
            _write_model(open_dataset(root / "model"), targets[name], accumulators=name == "gradsq")
    return list(targets.values())


def _write_records(matrix: Dataset, target: Location) -> None:
    def blocks() -> Iterator[Records]:
        for batch in iterate_matrix(matrix):
            records = np.empty(len(batch.counts), RECORD)
            records["row"], records["col"] = batch.row_ids + 1, batch.col_ids + 1
            records["count"] = batch.counts
            yield records

    shown = matrix.location.shown
    tally = RecordTally(blocks(), int(matrix.facts["vocabulary_size"]), shown)
    with target.written_whole() as temporary, temporary.open_output() as sink:
        for records in in_order(blocks, tally, shown):
            sink.write(records.tobytes())


def _write_model(model: Dataset, target: Location, *, accumulators: bool) -> None:
    facts = model.facts
    vocabulary_size, size = int(facts["vocabulary_size"]), int(facts["vector_size"])
    num_blocks, adagrad = int(facts["num_blocks"]), str(facts["adagrad"])
    if accumulators and adagrad == "adam":
        raise ConfigurationError(
            f"{model.location.shown} was trained by optimizer=adam and has no squared gradients as "
            "the C program has them; omit --gradsq"
        )
    with target.written_whole() as temporary, writing(target):
        shape = (2 * vocabulary_size, size + 1)
        rows: NDArray[np.float64] = np.memmap(temporary.path, "<f8", mode="w+", shape=shape)
        for number, side in enumerate(SIDES):
            own = rows[number * vocabulary_size : (number + 1) * vocabulary_size]
            for block in range(num_blocks):
                file = block_file(model.location, int(facts["epoch"]), side, block)
                found = read_parameters(file, size, adagrad)
                if accumulators:
                    squares = found.vector_gradsq
                    own[block::num_blocks, :-1] = squares.reshape(len(squares), -1)
                    own[block::num_blocks, -1] = found.bias_gradsq
                else:
                    own[block::num_blocks, :-1] = found.vectors
                    own[block::num_blocks, -1] = found.biases
        del own, rows
