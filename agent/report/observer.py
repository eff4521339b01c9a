"""Observers of a run, and the choice between live screen and plain lines."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console

from agent.record.events import CurvePoint, Event
from agent.record.state import RunState
from agent.report.live_screen import LiveScreen
from agent.report.plain_lines import PlainLines


class Observer(Protocol):
    """Receives the events of a run in order. An observer takes no decisions."""

    def started(self, state: RunState, headline: str) -> None:
        """Show that a run starts or resumes; `headline` is one line with the competition and its data."""

    def happened(self, event: Event, state: RunState) -> None:
        """Show a recorded event; `state` already includes it."""

    def tick(self, state: RunState, running: Mapping[int, Sequence[CurvePoint]]) -> None:
        """Show progress, about four times a second; `running` maps a node to its points, oldest first."""

    def note(self, sentence: str) -> None:
        """Show a message that is not an event."""

    def close(self) -> None:
        """End the display and restore the terminal."""


def make_observer(console: Console, json_mode: bool, metric: str = "score") -> Observer:
    """Return a live screen for a terminal, else plain lines. JSON mode never writes to stdout.

    Args:
        console: Console to write to.
        json_mode: Whether stdout is reserved for the JSON object; output then goes to stderr.
        metric: Displayed name of the competition's metric.
    """
    if json_mode and not console.stderr:
        console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(console, metric)
    return PlainLines(console)
