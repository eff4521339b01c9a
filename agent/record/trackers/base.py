"""The interface of trackers, which send the events of a run elsewhere: to a file, a database, a service."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.record.events import Event
from agent.record.state import RunState


@dataclass(frozen=True)
class TrackedRun:
    """The run that a tracker follows."""

    id: str
    folder: Path  # the run's folder, workspaces/<run>


class Tracker(Protocol):
    """Receives the events of a run in order, while the run works. A tracker takes no decisions.

    An error in a tracker never fails the run: the run reports the first error and goes on.
    """

    def started(self, state: RunState) -> None:
        """Note that the run starts or resumes; `state.run` holds the settings."""

    def on_event(self, event: Event, state: RunState) -> None:
        """Send a recorded event; `state` already includes it."""

    def close(self) -> None:
        """Send what is left. A session ends, by itself or because it was interrupted."""


class TrackerFactory(Protocol):
    """Opens a tracker; the registry of trackers holds one factory per name."""

    def __call__(self, run: TrackedRun) -> Tracker: ...
