"""The progress of a stage: a bar on a terminal, otherwise regular log lines.

A thread of the driver asks Spark's status tracker for the tasks of the running jobs. A stage that
consists of many jobs reports its own progress: training reports the nonzeros of all epochs, and the
tasks of the running job add the share of the current round.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import NamedTuple

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from glove_spark.logs.console import CONSOLE, Console
from glove_spark.logs.lines import fields

log = logging.getLogger(__name__)

DRAW_SECONDS = 0.2
"""Time between two queries if a bar is shown; a query takes the driver a few milliseconds."""

LINE_SECONDS = 30.0
"""Time between two lines if no bar is shown."""


class Tasks(NamedTuple):
    """The tasks of the running jobs."""

    jobs: tuple[int, ...]
    done: int
    total: int


class Work(NamedTuple):
    """The progress that a stage reports.

    Attributes
    ----------
    done, total
        Amounts in ``unit``, without the running job.
    step
        The amount that the running job adds when all its tasks are done.
    note
        The step at which the stage is, in words.
    """

    done: int
    total: int
    step: int
    unit: str
    note: str


class State(NamedTuple):
    """The progress of a stage at one moment."""

    done: float
    total: float
    unit: str
    note: str
    rate: float
    seconds_left: float | None

    @property
    def share(self) -> float:
        """The share that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


class StageProgress:
    """Tracks the progress of one stage.

    Parameters
    ----------
    name
        The dataset that the stage makes.
    tasks
        A function that asks Spark for the running tasks.
    clock
        A monotonic clock, in seconds.
    """

    def __init__(
        self,
        name: str,
        tasks: Callable[[], Tasks] = lambda: Tasks((), 0, 0),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._tasks, self._clock = tasks, clock
        self._work: Work | None = None
        # the start of the measurement of the rate: which work, when, and how much was done
        self._start: tuple[object, float, float] | None = None

    def report(self, done: int, total: int, *, step: int, unit: str, note: str) -> None:
        """Report the progress: ``done`` of ``total``, before a job that adds ``step``."""
        self._work = Work(done, total, step, unit, note)

    def state(self) -> State | None:
        """Return the progress of the stage; None if it is unknown."""
        tasks, work = self._tasks(), self._work
        share = tasks.done / tasks.total if tasks.total else 0.0
        if work is not None:
            done, total = work.done + share * work.step, float(work.total)
            subject: object = work.unit
        elif tasks.total:
            done, total = float(tasks.done), float(tasks.total)
            subject = tasks.jobs
        else:
            return None
        now = self._clock()
        if self._start is None or self._start[0] != subject:
            self._start = subject, now, done
        _, since, before = self._start
        rate = (done - before) / (now - since) if now > since else 0.0
        left = max(0.0, total - done) / rate if rate > 0 else None
        unit, note = (work.unit, work.note) if work is not None else ("tasks", "")
        return State(done, total, unit, note, rate, left)


@contextmanager
def shown_progress(
    spark: SparkSession, name: str, console: Console = CONSOLE
) -> Iterator[StageProgress]:
    """Show the progress of the block, which makes the dataset ``name``."""
    progress = StageProgress(name, lambda: running_tasks(spark))
    stop = threading.Event()
    # in a copy of the context, so that the lines of the thread name the stage too
    watcher = threading.Thread(
        target=copy_context().run,
        args=(_watch, progress, console, stop),
        name="progress",
        daemon=True,
    )
    if log.isEnabledFor(logging.INFO):
        watcher.start()
    try:
        yield progress
    finally:
        stop.set()
        # a query to a JVM that hangs must not prevent the end of the run
        if watcher.is_alive():
            watcher.join(timeout=2)


def running_tasks(spark: SparkSession) -> Tasks:
    """Count the tasks of the running jobs, including those of their later stages."""
    tracker = spark.sparkContext.statusTracker()
    done = total = 0
    jobs = tuple(tracker.getActiveJobsIds())
    for job in jobs:
        info = tracker.getJobInfo(job)
        for stage in info.stageIds if info is not None else ():
            counts = tracker.getStageInfo(stage)
            if counts is not None:
                done += counts.numCompletedTasks
                total += counts.numTasks
    return Tasks(jobs, done, total)


def _watch(progress: StageProgress, console: Console, stop: threading.Event) -> None:
    # a session that has stopped, or is stopping, has nothing to show
    with suppress(Py4JError, ConnectionError, AttributeError), console.bar(progress.name) as bar:
        while not stop.wait(DRAW_SECONDS if console.shows_bars else LINE_SECONDS):
            state = progress.state()
            if stop.is_set() or state is None:
                continue
            if console.shows_bars:
                bar.total, bar.n = state.total, min(state.done, state.total)
                bar.set_postfix_str(beside_the_bar(state))
            else:
                log.info(
                    "%s: %s",
                    progress.name,
                    in_words(state),
                    extra=fields(
                        done=round(state.done),
                        total=round(state.total),
                        unit=state.unit,
                        rate=round(state.rate, 3),
                        seconds_left=_rounded(state.seconds_left),
                    ),
                )


def beside_the_bar(state: State) -> str:
    """Describe the progress in words, next to a bar that shows the share.

    >>> beside_the_bar(State(10, 40, "tasks", "", 2.0, 15.0))
    '10/40 tasks  2 tasks/s  0:15 left'
    """
    parts = [state.note or f"{amount(state.done)}/{amount(state.total)} {state.unit}"]
    if state.rate > 0:
        parts.append(f"{amount(state.rate)} {state.unit}/s")
    if state.seconds_left is not None:
        parts.append(f"{duration(state.seconds_left)} left")
    return "  ".join(parts)


def in_words(state: State) -> str:
    """Describe the progress in a line of the log.

    >>> in_words(State(1.5e6, 6e6, "nonzeros", "epoch 1/4, round 2/2", 5e5, 9.0))
    '25 % (epoch 1/4, round 2/2), 500.0k nonzeros/s, about 0:09 left'
    """
    where = state.note or f"{amount(state.done)} of {amount(state.total)} {state.unit}"
    line = f"{100 * state.share:.0f} % ({where})"
    if state.rate > 0:
        line += f", {amount(state.rate)} {state.unit}/s"
    if state.seconds_left is not None:
        line += f", about {duration(state.seconds_left)} left"
    return line


def amount(number: float) -> str:
    """Shorten a number.

    >>> [amount(number) for number in (3, 0.25, 12_345, 3.2e6, 4.56e9)]
    ['3', '0.25', '12.3k', '3.2M', '4.6G']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= max(size, 10_000):
            return f"{number / size:.1f}{letter}"
    return f"{number:.0f}" if number == round(number) or number >= 100 else f"{number:.2g}"


def duration(seconds: float) -> str:
    """Write a time as hours, minutes and seconds.

    >>> [duration(seconds) for seconds in (9, 75, 3_700)]
    ['0:09', '1:15', '1:01:40']
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
