"""The interface of what watches a run: a screen, plain lines, a tracker."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.record.events import CurvePoint, Event
from agent.record.state import RunState


class Observer(Protocol):
    """Receives the events of a run in order. An observer takes no decisions."""

    def started(self, state: RunState, headline: str) -> None:
        """Show that a run starts or resumes; `headline` is one line with the competition and its data."""

    def on_event(self, event: Event, state: RunState) -> None:
        """Show a recorded event; `state` already includes it."""

    def on_progress(self, state: RunState, running: Mapping[int, Sequence[CurvePoint]]) -> None:
        """Show progress, about four times a second; `running` maps a node to its points, oldest first."""

    def note(self, sentence: str) -> None:
        """Show a message that is not an event."""

    def close(self) -> None:
        """End the display and restore the terminal."""
