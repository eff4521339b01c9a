"""Shows the steps of the preparation on standard error: one changing line, or lines in a log."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from agent.core.format import duration
from agent.core.steps import listen_to_steps

QUIET_S = 1.0  # shorter preparations show nothing
LINE_EVERY_S = 10.0  # in a log, between two lines about the same step


@contextmanager
def shown_steps(console: Console | None = None) -> Iterator[None]:
    """Show the steps of the block, if they take more than a moment."""
    console = console or Console(stderr=True)
    display = StepDisplay(console)
    try:
        with listen_to_steps(display.show):
            yield
    finally:
        display.close()


class StepDisplay:
    """One line for the present step."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._began = self._written_at = now()
        self._step = ""
        self._status: Status | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._status = console.status("")

    def show(self, step: str, done: int, total: int) -> None:
        """Show the step with its count and the time so far; the step "" ends the display."""
        if not step:
            self.close()
            return
        now = self._now()
        if now - self._began < QUIET_S:
            return
        count = f" {done:,} of {total:,}" if total else ""
        line = f"Preparing the data: {step}{count} ({duration(now - self._began)})"
        if self._status is not None:
            self._status.update(Text(line))
            self._status.start()
            return
        if step != self._step or now - self._written_at >= LINE_EVERY_S:
            self._console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)
            self._step, self._written_at = step, now

    def close(self) -> None:
        """Remove the changing line from the terminal."""
        if self._status is not None:
            self._status.stop()
