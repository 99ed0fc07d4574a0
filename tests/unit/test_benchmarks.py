"""The pure functions of the benchmarks: samples, fits, the cost model, and its page."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.follow import cut
from benchmarks.quality.scores import SIMILARITY
from benchmarks.records.event_log import spark_work
from benchmarks.scale_model.coefficients import (
    Batches,
    expected_nonzeros,
    fit_coefficients,
    fit_merging,
)
from benchmarks.scale_model.growth import cost_table, fit_line, fit_power
from benchmarks.scale_model.limits import first_at_least, limits
from benchmarks.scale_model.model import Cluster, Workload, stage_costs
from benchmarks.scale_model.rounds import jobs_of, summary
from benchmarks.scale_model.sample import nested_samples
from benchmarks.scale_model.scale import (
    check_table,
    coefficient_table,
    cost_tables,
    limit_tables,
    schedule_tables,
)
from benchmarks.scale_model.training import Epoch
from benchmarks.scale_model.wording import replace_sections
from benchmarks.speed.compare import OURS, THEIRS, comparison_table, run_theirs
from benchmarks.speed.roofline import select, work_of
from glove_spark.kernels.blocks.batching import batch_cell
from glove_spark.training.epoch_plan import Schedule
from tests.harness.soak import summary as soak_summary

CLUSTER = Cluster(16, 4, 1e9, 5e8, 1e-3, 1e-3)

MERGES = [
    {
        "num_blocks": blocks,
        "merges": 4,
        "row_tasks": 1,
        "nnz": 10**7,
        "vocabulary_size": 10_000,
        "options": {"vector_size": 50},
        "merging_seconds_per_epoch": 5e-10 * blocks * 4 * 10_000 * 53,
    }
    for blocks in (8, 32, 64)
]
"""Records of a sweep of merges whose costs follow the model's formulas exactly."""


def run_of(size, cores=2, blocks=2, vector_size=50):
    """Make the record of a run whose costs follow the model's formulas exactly."""
    words, pairs = round(30 * size**0.5), 14 * size
    nonzeros = round(1.5 * expected_nonzeros(size, words, 15, 1.2))
    cells = blocks * (blocks + 1) // 2
    moved = 4 * blocks * 4 * words * (vector_size + 3)
    in_a_cell = 0.2 * (words / blocks) ** 0.3 * (nonzeros / blocks**2) ** 0.4
    epoch = 0.05 * blocks + ((1e-3 + 1e-4 * in_a_cell) * blocks**2 + 1e-9 * moved) / cores
    epoch += vector_size * 1e-9 * nonzeros / cores
    numbers = words * vector_size
    stages = {
        "tokens": 4 + 1e-6 * size / cores,
        "vocabulary": 0.5 + 2e-7 * size / cores,
        "cooccurrence": 0.5 + 6e-8 * pairs / cores,
        "blocks": 0.3 + (2e-7 * nonzeros + 2e-3 * cells) / cores,
        "model": 0.5 + 3 * epoch,
        "vectors": 0.1 + 1e-8 * numbers,
        "vectors.txt": 0.1 + 1e-7 * numbers,
    }
    return {
        "kind": "run",
        "commit": "abc",
        "machine": "planted",
        "when": "2020-01-01",
        "size": size,
        "cores": cores,
        "options": {
            "vector-size": vector_size,
            "num-blocks": blocks,
            "epochs": 3,
            "window-size": 15,
        },
        "wall_seconds": 3 + sum(stages.values()),
        "stages": stages,
        "epoch_seconds": [epoch] * 3,
        "tokens": size,
        "tokens_in_vocabulary": size,
        "distinct_words": 4 * words,
        "vocabulary_size": words,
        "pairs": pairs,
        "nnz": nonzeros,
        "nnz_stored": nonzeros // 2,
        "batches": in_a_cell * cells,
        "files": {"blocks": cells, "cooccurrence": 1},
        "bytes": dict.fromkeys(stages, size),
        "corpus_bytes": 6 * size,
        "peak_private_mib": {"worker": 200 + nonzeros / 4 * 60 / 2**20},
        "spark": {
            name: {"tasks": 4, "shuffle_bytes": 5 * nonzeros}
            for name in ("vocabulary", "cooccurrence", "blocks")
        },
    }


@pytest.fixture(scope="module")
def sweep():
    """A sweep of three sizes, with the runs of larger vectors and of more blocks."""
    runs = [run_of(size, cores) for size in (10**6, 2 * 10**6, 8 * 10**6) for cores in (1, 2)]
    for size in (10**6, 2 * 10**6):
        runs += [run_of(size, 2, 2, 300), run_of(size, 2, 32, 50), run_of(size, 2, 32, 300)]
    overheads = {
        "kind": "overheads",
        "cores": 2,
        "seconds_a_job": 0.05,
        "seconds_a_task": 4e-3,
        "seconds_a_jvm_task": 1e-3,
        "seconds_a_merged_nonzero": 1e-8,
        "seconds_a_deleted_file": 1e-5,
    }
    return [overheads, *runs]


def test_a_smaller_sample_is_part_of_a_larger_one():
    lengths = np.random.default_rng(2).integers(1, 100, 1000)
    samples = nested_samples(lengths, [500, 5000, 10**9], seed=1)
    small, large, everything = (set(sample.tolist()) for sample in samples)
    assert small < large < everything == set(range(1000))
    for sample, size in zip(samples, [500, 5000], strict=False):
        assert size <= lengths[sample].sum() < size + 100
        assert (np.diff(sample) > 0).all()


def test_a_sample_is_no_slice_and_depends_on_the_seed():
    lengths = [10] * 1000
    (one,), (other,) = (nested_samples(lengths, [1000], seed) for seed in (1, 2))
    assert one.tolist() != other.tolist()
    assert one.max() - one.min() > 500


def test_line_finds_fixed_and_marginal_cost():
    line = fit_line([1, 2, 8], [5 + 3 * n for n in (1, 2, 8)])
    assert line.fixed == pytest.approx(5)
    assert line.at(100) == pytest.approx(305)


def test_line_has_no_negative_fixed_cost():
    line = fit_line([1, 2, 4], [1, 2.5, 6])
    assert line.fixed == 0
    assert 1 < line.each < 1.5


def test_power_finds_its_exponent():
    factor, exponent = fit_power([1e6, 4e6], [100, 200])
    assert exponent == pytest.approx(0.5)
    assert factor * 16e6**exponent == pytest.approx(400)


def test_expected_nonzeros_by_hand():
    counts = np.array([(rank + 2.7) ** -1.2 for rank in (1, 2, 3)])
    counts *= 12 / counts.sum()
    by_hand = sum(1 - np.exp(-2 * 2 * a * b / 12) for a in counts for b in counts)
    assert expected_nonzeros(12, 3, 2, 1.2) == pytest.approx(by_hand)


def test_coefficients_are_those_that_made_the_records(sweep):
    known = fit_coefficients(sweep, MERGES)
    assert known.start == pytest.approx(3)
    assert known.tokenize == pytest.approx((4, 1e-6))
    assert known.cooccurrence == pytest.approx((0.5, 6e-8))
    assert known.blocks == pytest.approx((0.3, 2e-7, 2e-3), rel=1e-3)
    assert known.training.round == pytest.approx(0.05, rel=1e-3)
    assert known.training.cell == pytest.approx(1e-3, rel=1e-2)
    assert known.training.visit == pytest.approx(1e-4, rel=1e-2)
    assert known.growth.batches == Batches(*map(pytest.approx, (0.2, 0.3, 0.4)))
    assert known.training.byte == pytest.approx(1e-9, rel=1e-2)
    assert known.training.nonzero == pytest.approx({50: 5e-8, 300: 3e-7}, rel=1e-3)
    assert known.growth.zipf == pytest.approx(1.2, rel=1e-2)
    assert known.growth.density == pytest.approx(1.5, rel=1e-2)


def test_a_cell_of_great_density_has_a_batch_for_every_eight_words_and_full_ones():
    assert Batches(1, 0, 1).of_cell(800, 50) == 50
    assert Batches(1, 0, 1).of_cell(800, 640_000) == 100 + 32


def test_largest_run_is_predicted_from_the_smaller_ones(sweep):
    table = check_table(sweep, MERGES)
    errors = [int(found) for row in table for found in re.findall(r"([+-]\d+)%", row)]
    assert len(errors) == 10
    assert max(map(abs, errors)) <= 1


def test_more_executors_shorten_the_cores_work_and_lengthen_the_rounds(sweep):
    known = fit_coefficients(sweep, MERGES)
    work = Workload(6e9, 400_000, 300, 5, schedule="stratified")
    few, many = (
        # as many blocks as cores
        stage_costs(
            replace(work, num_blocks=4 * executors), replace(CLUSTER, executors=executors), known
        )
        for executors in (16, 256)
    )
    assert many["cooccurrence"].compute < few["cooccurrence"].compute / 8
    assert many["train"].driver > 16 * few["train"].driver
    # parameters are moved once per round, and there are as many rounds as cores
    assert many["train"].network > 8 * few["train"].network


def test_what_merges_cost_is_what_made_the_records():
    assert fit_merging(MERGES) == pytest.approx(5e-10)


def epoch_with(row_tasks, rounds=4):
    """Make an epoch of 16 blocks, of 1,600 words of 97 numbers: a side has 640,000 bytes."""
    schedule = Schedule("averaging", 16, rounds, row_tasks, False)
    return Epoch(schedule, 1600, 97, 1e6, 10.0, cores=1000)


def test_what_rounds_and_merges_move_by_hand():
    side, weights = 640_000, 16 * 1600
    one = epoch_with(row_tasks=1)
    # a row block is read and written in every round, a column block by each of its 16 tasks
    assert one.round_bytes == 2 * (4 + 16) * side
    # each of 4 merges: the base and the result of 16 blocks, and 4 replicas of each, read twice
    written = 4 * 4 * weights
    assert one.merge_bytes == 4 * 2 * side + 2 * 4 * 4 * (side + weights) + written
    assert (one.tasks, one.merged_blocks) == (16, 16)


def test_row_tasks_train_more_at_once_and_merge_rows_as_well():
    one, four = (epoch_with(row_tasks) for row_tasks in (1, 4))
    assert (four.at_once, four.merged_blocks) == (4 * one.at_once, 2 * one.merged_blocks)
    assert four.merge_bytes == 2 * one.merge_bytes
    # a row block has at most as many tasks as it visits column blocks in a round
    assert epoch_with(row_tasks=16).tasks == 16 * 4


def test_a_merge_holds_one_replica_however_many_there_are():
    assert epoch_with(1, rounds=1).merge_memory == epoch_with(1, rounds=8).merge_memory > 0
    alone = epoch_with(1, rounds=16)
    assert (alone.merge_memory, alone.merge_bytes, alone.merged_blocks) == (0, 0, 0)
    assert alone.round_bytes == 4 * 16 * alone.side


def test_the_driver_begins_fewer_jobs_with_merges_than_with_strata(sweep):
    known = fit_coefficients(sweep, MERGES)
    strata, merges = (epoch_with(1, rounds=rounds) for rounds in (16, 4))
    of_round = 0.05 + 1e-3 * (16 - 2)
    assert strata.driver(known, 1e-3) == pytest.approx(16 * of_round)
    assert merges.driver(known, 1e-3) == pytest.approx(2 * 4 * of_round)


def test_jobs_of_the_first_epoch_are_left_out_of_what_a_round_costs():
    def job(number, words, stage, start, end, *ran):
        properties = {"spark.job.description": words}
        yield {
            "Event": "SparkListenerJobStart",
            "Job ID": number,
            "Properties": properties,
            "Stage IDs": [stage],
            "Submission Time": start,
        }
        for milliseconds in ran:
            metrics = {"Executor Run Time": milliseconds}
            yield {"Event": "SparkListenerTaskEnd", "Stage ID": stage, "Task Metrics": metrics}
        yield {"Event": "SparkListenerJobEnd", "Job ID": number, "Completion Time": end}

    events = [
        *job(1, "train: sums of rows and columns", 1, 0, 900, 5),
        *job(2, "train: epoch 1/2, round 1/2", 2, 900, 1900, 5),
        *job(3, "train: epoch 2/2, round 1/2", 3, 2000, 3000, 700, 900),
        *job(4, "train: epoch 2/2, round 1/2, merge", 4, 3000, 3100, 40, 20),
    ]
    jobs = jobs_of(events)
    rounds, merges = (
        summary(job for job in jobs if job["merge"] is which) for which in (False, True)
    )
    assert rounds == {
        "jobs": 1,
        "tasks": 2,
        "seconds": 1.0,
        "tasks_ran_seconds": 1.6,
        "seconds_beside": 0.2,
    }
    assert (merges["jobs"], merges["seconds_beside"]) == (1, 0.07)


def test_limits_come_in_their_order_and_move_with_the_blocks(sweep):
    known, work = fit_coefficients(sweep, MERGES), Workload(840e9, 2_200_000, 300, 5)
    by_blocks = [limits(replace(work, num_blocks=blocks), CLUSTER, known) for blocks in (512, 4096)]
    for found in by_blocks:
        tokens = [limit.tokens for limit in found if limit.tokens is not None]
        assert tokens == sorted(tokens)
    heap = [next(x for x in found if "row group and cell" in x.what).tokens for found in by_blocks]
    assert heap[1] < heap[0]


def test_first_at_least_finds_the_bound():
    assert first_at_least(lambda n: n**0.5, 1e5) == pytest.approx(1e10, rel=0.01)
    assert first_at_least(lambda n: 1.0, 2.0) is None


def test_tables_replace_what_stands_between_their_marks(sweep):
    known = fit_coefficients(sweep, MERGES)
    sections = {
        "coefficients": coefficient_table(known, sweep),
        "check": check_table(sweep, MERGES),
        "schedules": schedule_tables(known, CLUSTER),
        "costs": cost_tables(known, CLUSTER),
        "limits": limit_tables(known, CLUSTER),
    }
    document = (Path(__file__).parents[2] / "docs" / "SCALE.md").read_text("utf-8")
    written = replace_sections(document, sections)
    assert "planted, commit abc" in written
    assert replace_sections(written, sections) == written
    outside = re.compile(r"<!-- (\w+) -->.*?<!-- end of \1 -->", re.DOTALL)
    assert outside.sub("", written) == outside.sub("", document)
    with pytest.raises(ValueError, match="must stand in the document once"):
        replace_sections("no marks", sections)


def test_cost_table_tells_growth_from_fixed_cost(sweep):
    row = next(line for line in cost_table(sweep) if line.startswith("vocabulary, us per token"))
    assert row.split()[-1] in ("(+0%)", "(-0%)")
    assert float(row.split()[-3]) == pytest.approx(0.5)


def test_comparison_divides_medians():
    scores = {"total": {"value": 20.0}}
    records = [
        {"program": p, "turn": k, "wall_seconds": s, "peak_together_mib": m, "scores": scores}
        for p, k, s, m in ((OURS, 1, 10, 100), (THEIRS, 1, 30, 50), (OURS, 2, 10, 100))
    ]
    assert comparison_table(records)[-1].split()[:3] == ["ratio", "3.00", "0.50"]


@pytest.fixture
def questions(tmp_path):
    """Reference data with one analogy and word pairs."""
    analogies, similarity = tmp_path / "eval" / "analogy", tmp_path / "eval" / "similarity"
    analogies.mkdir(parents=True)
    similarity.mkdir()
    (analogies / "family.txt").write_text("a b c d\n")
    for file in SIMILARITY.values():
        (similarity / f"{file}.txt").write_text("a b 1\na c 5\n")
    return tmp_path


def test_another_program_gets_the_corpus_and_is_scored(tmp_path, questions):
    corpus, output = tmp_path / "corpus.txt", tmp_path / "their vectors.txt"
    corpus.write_text("a b c d\n")
    command = 'for w in $(cat "$CORPUS"); do echo "$w 1 ${#w}.$RANDOM"; done > "$OUTPUT"'
    record = run_theirs(f"bash -c '{command}'", corpus, output, questions)
    assert record["scores"]["total"]["covered"] == 1
    assert record["wall_seconds"] >= 0
    assert record["details"] == {}


def test_another_program_that_writes_nothing_is_refused(tmp_path, questions):
    (tmp_path / "vectors.txt").write_text("left by an earlier turn\n")
    with pytest.raises(SystemExit, match=r"wrote no vectors to \$OUTPUT"):
        run_theirs("true", tmp_path / "corpus.txt", tmp_path / "vectors.txt", questions)


def test_event_log_is_summed_by_stage(tmp_path):
    log = tmp_path / "log"
    metrics = {"Shuffle Write Metrics": {"Shuffle Bytes Written": 7}}
    events = [
        {
            "Event": "SparkListenerJobStart",
            "Stage IDs": [0, 1],
            "Properties": {"spark.job.description": "blocks: deal"},
        },
        {"Event": "SparkListenerJobStart", "Stage IDs": [2], "Properties": {}},
        *(
            {"Event": "SparkListenerTaskEnd", "Stage ID": k, "Task Metrics": metrics}
            for k in (0, 1, 2)
        ),
    ]
    log.write_text("\n".join(map(json.dumps, events)))
    assert spark_work(log)["blocks"] == {"jobs": 1, "tasks": 2, "shuffle_bytes": 14}


def test_soak_counts_its_runs_by_victim():
    runs = [
        {"victim": victim, "killed_processes": killed, "equal": True, "seconds": seconds}
        for victim, killed, seconds in (
            ("driver", 1, 9.0),
            ("executor", 0, 3.0),
            ("driver", 1, 5.0),
        )
    ]
    assert soak_summary(runs) == {
        "runs": 3,
        "equal": 3,
        "killed": 2,
        "victims": {"driver": 2, "executor": 1},
        "seconds_median": 5.0,
        "seconds_most": 9.0,
    }


def test_roofline_counts_the_places_and_words_of_a_cell():
    rng = np.random.default_rng(1)
    frequency = 1 / (np.arange(512) + 1)
    rows, cols = np.nonzero(rng.random((512, 512)) < 500 * np.outer(frequency, frequency))
    cell = batch_cell(rows, cols, np.ones(len(rows), np.float32))
    parts = [select(cell, cell.side > 0), select(cell, cell.side == 0)]
    assert sum(part.total_nnz for part in parts) == cell.total_nnz == len(rows)
    assert work_of(parts[1]).places == 1
    assert work_of(parts[0]).places == len(parts[0].log_count.values) / parts[0].total_nnz > 1
    assert work_of(parts[0]).flops(50) == 6 * 52 * work_of(parts[0]).places


def test_a_corpus_is_cut_by_documents_not_by_place(tmp_path):
    corpus = tmp_path / "wiki"
    corpus.mkdir()
    for part in range(3):
        with gzip.open(corpus / f"part-{part}.txt.gz", "wt") as sink:
            sink.writelines(f"{13 * part + line}\n" for line in range(13))
    first, tenth = (file.read_text().split() for file in cut(corpus, tmp_path))
    assert tenth == ["9", "19", "29"]
    assert sorted(map(int, [*first, *tenth])) == list(range(39))
