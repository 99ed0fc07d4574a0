"""Write log lines to standard error above one progress bar, which tqdm draws."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm
    from typing_extensions import Never

BAR_FORMAT = "{desc}  {bar:24}  {percentage:3.0f} %{postfix}"


class Console:
    """Writes lines, above the bar if there is one.

    Attributes
    ----------
    shows_bars
        Whether bars are enabled and standard error is a terminal that can redraw a line.
    """

    def __init__(self) -> None:
        self.shows_bars = False

    def allow_bars(self, wanted: bool) -> None:
        """Show bars if they are enabled and standard error is a terminal."""
        terminal = sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        self.shows_bars = wanted and terminal

    def write(self, text: str) -> None:
        """Write complete lines."""
        if self.shows_bars:
            from tqdm import tqdm

            tqdm.write(text, file=sys.stderr, end="")
        else:
            sys.stderr.write(text)
        sys.stderr.flush()

    def flush(self) -> None:
        """Do nothing, because every line is flushed when it is written."""

    def bar(self, name: str) -> tqdm[Never]:
        """Show a bar. The caller must update and close it."""
        from tqdm import tqdm

        # a signal handler may log while the same thread draws
        tqdm.set_lock(threading.RLock())
        return tqdm(
            desc=name,
            total=1,
            bar_format=BAR_FORMAT,
            file=sys.stderr,
            leave=False,
            dynamic_ncols=True,
            disable=not self.shows_bars,
        )


CONSOLE = Console()
"""The console of this process."""
