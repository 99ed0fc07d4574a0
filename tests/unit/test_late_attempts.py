"""The slower of two attempts of a task continues for seconds; its files are ignored."""

from glove_spark.datasets.model import SIDES, block_file, write_parameters
from glove_spark.kernels.training.parameters import initial_parameters
from glove_spark.kernels.training.schedule import derived_rng
from glove_spark.store.location import Location
from glove_spark.store.manifest import file_sizes
from glove_spark.training.checkpoints import EpochRecord, commit_epoch, is_whole


def test_an_epoch_stays_whole_when_a_late_attempt_writes_beside_it(tmp_path):
    model = Location.of(tmp_path)
    parameters = initial_parameters(3, 2, derived_rng(1), "row")
    placement = {}
    for side in SIDES:
        file = block_file(model, 1, side, 0).temporary_sibling()
        file.parent.make_folder()
        write_parameters(parameters, file)
        placement[side, 0] = file
    record = EpochRecord(1, 0.5, 9, 0.1, 1.0)
    commit_epoch(model, record, placement)
    late = block_file(model, 1, SIDES[0], 0).temporary_sibling()
    write_parameters(parameters, late)
    assert late.exists()
    assert is_whole(model, record)
    block_file(model, 1, SIDES[0], 0).delete()
    assert not is_whole(model, record)


def test_what_is_being_written_is_no_file_of_a_dataset(tmp_path):
    folder = Location.of(tmp_path / "blocks").make_folder()
    (folder / "cell").write_bytes(b"whole")
    (tmp_path / "blocks" / ".cell.0123.tmp").write_bytes(b"ha")
    assert file_sizes(folder) == {"cell": 5}
