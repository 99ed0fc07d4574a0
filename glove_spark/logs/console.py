"""Standard error as people see it: lines of the log above one bar that is redrawn in place."""

from __future__ import annotations

import os
import sys
import threading

_TO_START_AND_CLEAR = "\r\x1b[K"


class Console:
    """Writes lines and keeps the bar, where there is one, below them.

    Attributes
    ----------
    shows_bars
        Whether bars are wanted and standard error is a terminal that can redraw a line.
    """

    def __init__(self) -> None:
        self.shows_bars = False
        self._bar = ""
        # a signal handler may log while the same thread writes
        self._lock = threading.RLock()

    def allow_bars(self, wanted: bool) -> None:
        """Show bars if they are wanted and standard error is a terminal."""
        terminal = sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        self.shows_bars = wanted and terminal

    def write(self, text: str) -> None:
        """Write whole lines above the bar."""
        with self._lock:
            bar = self._bar
            self.draw("")
            sys.stderr.write(text)
            sys.stderr.flush()
            self.draw(bar)

    def flush(self) -> None:
        """Do nothing: what is written has been flushed."""

    def draw(self, bar: str) -> None:
        """Replace the bar; an empty one clears it."""
        with self._lock:
            if not self.shows_bars or (not bar and not self._bar):
                return
            sys.stderr.write(_TO_START_AND_CLEAR + bar)
            sys.stderr.flush()
            self._bar = bar

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        try:
            return os.get_terminal_size(sys.stderr.fileno()).columns or 80
        except (OSError, ValueError):
            return 80


CONSOLE = Console()
"""The one of this process."""
