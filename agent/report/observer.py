"""What a run tells the person who watches it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console

from agent.record.events import CurvePoint, Event
from agent.record.state import RunState
from agent.report.live import LiveScreen
from agent.report.plain import PlainLines


class Observer(Protocol):
    """Told what happens, in order; decides nothing."""

    def started(self, state: RunState, headline: str) -> None:
        """A run begins or goes on; `headline` is one line on what is solved with which data."""

    def happened(self, event: Event, state: RunState) -> None:
        """An event was recorded; `state` includes it already."""

    def tick(self, state: RunState, running: Mapping[int, Sequence[CurvePoint]]) -> None:
        """Called about four times a second with the progress, oldest point first, of what runs now."""

    def note(self, sentence: str) -> None:
        """Something worth saying that is no event."""

    def close(self) -> None:
        """Nothing more will be told; leaves the terminal as it was found."""


def make_observer(console: Console, json_mode: bool, metric: str = "score") -> Observer:
    """One live screen on a terminal, plain lines elsewhere; never on stdout in JSON mode.

    Args:
        console: Where everything is written.
        json_mode: Whether stdout belongs to the JSON object; a console on stdout then gives way to stderr.
        metric: Name of the competition's metric, as it is shown.
    """
    if json_mode and not console.stderr:
        console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(console, metric)
    return PlainLines(console)
