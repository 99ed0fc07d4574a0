"""The progress of a stage, and its display: bars, lines, JSON."""

import fcntl
import io
import json
import logging
import pty
import re
import struct
import sys
import termios
import threading

import pytest

from glove_spark.logs.console import Console
from glove_spark.logs.lines import configure_log, fields, stage_of_records
from glove_spark.spark.progress import StageProgress, State, Tasks, beside_the_bar, in_words


@pytest.fixture
def progress():
    """A stage whose tasks and clock the test sets."""

    class Made(StageProgress):
        tasks, now = Tasks((), 0, 0), 0.0

        def __init__(self):
            super().__init__("stage", lambda: self.tasks, lambda: self.now)

    return Made()


@pytest.fixture
def terminal(monkeypatch):
    """Make standard error a terminal; pytest replaces it after the fixtures."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def make(term="xterm"):
        made = Terminal()
        monkeypatch.setattr(sys, "stderr", made)
        monkeypatch.setenv("TERM", term)
        return made

    return make


@pytest.fixture(autouse=True)
def quiet_after():
    log = logging.getLogger("glove_spark")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:] = handlers
    log.setLevel(level)
    log.propagate = propagate


def test_nothing_is_known_before_the_first_job(progress):
    assert progress.state() is None


def test_rate_and_time_left_are_those_of_the_running_job(progress):
    progress.tasks = Tasks((1,), 2, 12)
    assert progress.state()[:2] == (2, 12)
    progress.now, progress.tasks = 5.0, Tasks((1,), 7, 12)
    found = progress.state()
    assert (found.rate, found.seconds_left, found.share) == (1.0, 5.0, 7 / 12)
    progress.now, progress.tasks = 6.0, Tasks((2,), 3, 4)
    assert progress.state().seconds_left is None


def test_reported_work_goes_on_through_the_jobs_that_it_takes(progress):
    progress.tasks = Tasks((1,), 0, 2)
    progress.report(0, 1000, step=100, unit="nonzeros", note="epoch 1/5, round 1/2")
    assert progress.state().done == 0
    progress.now, progress.tasks = 1.0, Tasks((1,), 1, 2)
    assert progress.state().done == 50
    progress.now, progress.tasks = 4.0, Tasks((2,), 0, 2)
    progress.report(100, 1000, step=100, unit="nonzeros", note="epoch 1/5, round 2/2")
    found = progress.state()
    assert (found.rate, found.seconds_left) == (25.0, 36.0)
    assert "(epoch 1/5, round 2/2), 25 nonzeros/s, about 0:36 left" in in_words(found)


def everything_from(terminal):
    """Read until the other end is closed: the system passes on the text in pieces."""
    content = b""
    with open(terminal, "rb", buffering=0) as source:
        while True:
            try:
                piece = source.read(100_000)
            except OSError:
                return content
            if not piece:
                return content
            content += piece


@pytest.mark.parametrize("width", [20, 60, 100, 200])
def test_a_bar_never_wraps(monkeypatch, width):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, width, 0, 0))
    with open(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        console = Console()
        console.allow_bars(True)
        with console.bar("cooccurrence") as bar:
            bar.total, bar.n = 100, 50
            bar.set_postfix_str(beside_the_bar(State(50, 100, "nonzeros", "epoch 3", 4e6, 123.0)))
    shown = everything_from(ours).decode()
    lines = re.split(r"[\r\n]|\x1b\[\w", shown)
    assert max(map(len, lines)) <= width
    if width >= 100:
        assert "  50 %, epoch 3  4.0M nonzeros/s  2:03 left" in shown


def test_lines_stand_above_the_bar(terminal):
    shown = terminal()
    console = Console()
    console.allow_bars(True)
    with console.bar("half") as bar:
        bar.refresh()
        console.write("a line\n")
        before, _, after = shown.getvalue().partition("a line\n")
        # the bar was cleared for the line, and is drawn again below it
        assert before.endswith("\r")
        assert "half" in before
        assert "half" in after
    assert shown.getvalue().rstrip(" ").endswith("\r")


@pytest.mark.parametrize(("wanted", "term"), [(False, "xterm"), (True, "dumb"), (True, "")])
def test_no_bar_where_none_is_wanted_or_can_be_drawn(terminal, wanted, term):
    shown = terminal(term)
    console = Console()
    console.allow_bars(wanted)
    with console.bar("half") as bar:
        bar.refresh()
    assert shown.getvalue() == ""


def test_no_bar_in_a_pipe(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    console = Console()
    console.allow_bars(True)
    with console.bar("half") as bar:
        bar.refresh()
        console.write("a line\n")
    assert sys.stderr.getvalue() == "a line\n"


def test_json_is_an_object_a_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    configure_log(0, "json")
    log = logging.getLogger("glove_spark.stages.stage")
    with stage_of_records("model"):
        log.info("epoch %d\nof many", 3, extra=fields(cost=0.5, epoch=3))
    try:
        raise ValueError("why")
    except ValueError:
        log.error("it failed", exc_info=True)
    log.debug("not shown")
    first, second = (json.loads(line) for line in sys.stderr.getvalue().splitlines())
    assert first["time"].endswith("+00:00")
    assert first["level"] == "info"
    assert first["stage"] == "model"
    assert first["message"] == "epoch 3\nof many"
    assert (first["cost"], first["epoch"]) == (0.5, 3)
    assert second["stage"] is None
    assert "ValueError: why" in second["traceback"]


def test_runs_in_two_threads_keep_their_stages(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    configure_log(0, "json")
    log = logging.getLogger("glove_spark.stages.stage")
    first_entered, second_entered, first_left = (threading.Event() for _ in range(3))

    def first():
        with stage_of_records("tokens"):
            first_entered.set()
            assert second_entered.wait(10)
            log.info("in the first")
        first_left.set()

    def second():
        assert first_entered.wait(10)
        with stage_of_records("model"):
            second_entered.set()
            assert first_left.wait(10)
            log.info("in the second")
        log.info("after both")

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.info("in the main thread")
    records = [json.loads(line) for line in sys.stderr.getvalue().splitlines()]
    assert {record["message"]: record["stage"] for record in records} == {
        "in the first": "tokens",
        "in the second": "model",
        "after both": None,
        "in the main thread": None,
    }


@pytest.mark.parametrize(
    ("verbosity", "shown"), [(-2, "e"), (-1, "we"), (0, "iwe"), (1, "diwe"), (2, "diwe")]
)
def test_verbosity(monkeypatch, verbosity, shown):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    configure_log(verbosity)
    log = logging.getLogger("glove_spark.x")
    for level, text in (("debug", "d"), ("info", "i"), ("warning", "w"), ("error", "e")):
        getattr(log, level)(text)
    assert "".join(line[-1] for line in sys.stderr.getvalue().splitlines()) == shown
