"""Run the small pipeline over and over on a standalone cluster, killing something every time.

    python -m tests.harness.soak --runs 50 --seed 1

The seed determines what is killed and when: a Python worker, an executor, a Worker or the driver,
at a moment within the duration of the undisturbed run. A killed driver is started again. Every run
must end with the bytes of the undisturbed run. The record is appended to `soak.jsonl`, and the exit
code is 1 if a run has other bytes.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from benchmarks.records.record import HERE, Record, append_record, provenance
from tests.harness.small_run import RUN_OPTIONS, results, write_corpus
from tests.harness.standalone import PROJECT, StandaloneCluster
from tests.harness.victims import KINDS, kill, nodes_of

VICTIMS = (*KINDS, "driver")

TOKENS = 200_000

TIMEOUT_SECONDS = 300
"""Seconds after which a run is considered to hang."""


class Soak:
    """Runs on one cluster, each compared with the undisturbed one.

    Parameters
    ----------
    cluster
        A cluster that is complete at the start of every run.
    corpus, folder
        The corpus, and the folder for the output of runs.
    """

    def __init__(self, cluster: StandaloneCluster, corpus: Path, folder: Path) -> None:
        self.cluster = cluster
        self.corpus = corpus
        self.folder = folder
        started = time.monotonic()
        undisturbed = folder / "undisturbed"
        if self._begin(undisturbed).wait(TIMEOUT_SECONDS) != 0:
            raise SystemExit(f"the undisturbed run failed; see {folder}/runs.log")
        self.seconds = time.monotonic() - started
        self.expected = results(undisturbed)

    def run(self, number: int, rng: random.Random) -> Record:
        """Run once with one kill; return what was killed, when, and how the run ended."""
        out = self.folder / f"run-{number}"
        victim = rng.choice(VICTIMS)
        share = rng.uniform(0.1, 0.95)
        self.cluster.repair()
        started = time.monotonic()
        driver = self._begin(out)
        killed = self._kill(driver, victim, started + share * self.seconds, rng)
        starts, code = 1, driver.wait(TIMEOUT_SECONDS)
        if victim == "driver" and killed:
            self.cluster.wait_for_workers()
            starts, code = 2, self._begin(out).wait(TIMEOUT_SECONDS)
        equal = code == 0 and results(out) == self.expected
        record = {
            "number": number,
            "victim": victim,
            "killed_at_share": round(share, 3),
            "killed_processes": killed,
            "starts": starts,
            "exit_code": code,
            "equal": equal,
            "seconds": round(time.monotonic() - started, 1),
        }
        if equal:
            shutil.rmtree(out)
        return record

    def _begin(self, out: Path) -> subprocess.Popen[bytes]:
        arguments = ["run", "--input", str(self.corpus), "--output", str(out), *RUN_OPTIONS]
        arguments += ["--spark-conf", f"spark.executorEnv.PYTHONPATH={PROJECT}"]
        with (self.folder / "runs.log").open("ab") as log:
            return subprocess.Popen(
                self.cluster.command("submit", *arguments),
                env=self.cluster.environment("submit") | {"PYTHONPATH": str(PROJECT)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _kill(
        self, driver: subprocess.Popen[bytes], victim: str, when: float, rng: random.Random
    ) -> int:
        """Kill at the moment, or as soon as there is a victim; return the number of kills."""
        while driver.poll() is None:
            if time.monotonic() >= when:
                if victim == "driver":
                    driver.kill()
                    return 1
                nodes = [n for n in nodes_of(self.cluster) if n.processes_of(victim)]
                if nodes:
                    return kill(rng.choice(nodes), victim)
            time.sleep(0.02)
        return 0


def summary(records: list[Record]) -> Record:
    """Count the runs by victim and result."""
    seconds = sorted(record["seconds"] for record in records)
    return {
        "runs": len(records),
        "equal": sum(record["equal"] for record in records),
        "killed": sum(record["killed_processes"] > 0 for record in records),
        "victims": dict(Counter(record["victim"] for record in records)),
        "seconds_median": seconds[len(seconds) // 2],
        "seconds_most": seconds[-1],
    }


def main() -> int:
    """Run the soak test with the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=50, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--record", type=Path, default=HERE / "soak.jsonl", metavar="FILE")
    given = parser.parse_args()
    for stop in (signal.SIGINT, signal.SIGTERM):
        # also in the background of a script, where Python ignores Ctrl-C, because the cluster must
        # end
        signal.signal(stop, signal.default_int_handler)
    rng = random.Random(given.seed)
    records: list[Record] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
        folder = Path(scratch)
        corpus = write_corpus(folder / "corpus", tokens=TOKENS)
        with StandaloneCluster(folder / "cluster") as cluster:
            soak = Soak(cluster, corpus, folder)
            print(f"undisturbed: {soak.seconds:.1f} s", flush=True)
            # the results before Ctrl-C are recorded
            with suppress(KeyboardInterrupt):
                for number in range(1, given.runs + 1):
                    records.append(soak.run(number, rng))
                    print(records[-1], flush=True)
    found = summary(records) | {"undisturbed_seconds": round(soak.seconds, 1)}
    print(found)
    append_record(given.record, {**provenance(), "seed": given.seed, **found, "each": records})
    return 0 if found["equal"] == found["runs"] else 1


if __name__ == "__main__":
    sys.exit(main())
