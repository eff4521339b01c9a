"""Feeds the trackers of a run beside its display, so that no tracker can fail the run."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from agent.core.errors import MarsError
from agent.record.events import CurvePoint, Event
from agent.record.observer import Observer
from agent.record.state import RunState
from agent.record.trackers.base import TrackedRun, Tracker
from agent.record.trackers.registry import TRACKERS
from agent.record.trackers.worker import TrackerBlockedError, TrackerThread

WAIT_S = 30.0  # longest wait for one call of a tracker


def with_trackers(observer: Observer, names: Sequence[str], run: TrackedRun) -> Observer:
    """Return an observer that feeds the named trackers too; the observer itself without names."""
    return TrackedObserver(observer, names, run) if names else observer


class TrackedObserver:
    """An observer that passes everything on to a display, and the events to trackers as well.

    The display shows the first error of each tracker. A tracker that cannot be opened is left out: a run
    must resume on a machine that lacks the tracker's package. A tracker that blocks gets no further events.
    """

    def __init__(self, display: Observer, names: Sequence[str], run: TrackedRun) -> None:
        self._display = display
        self._failed: set[str] = set()
        self._trackers: dict[str, Tracker] = {}
        self._threads: dict[str, TrackerThread] = {}
        for name in dict.fromkeys(names):
            self._threads[name] = TrackerThread(name, WAIT_S)
            self._guard(name, partial(self._open, name, run))

    def started(self, state: RunState, headline: str) -> None:
        self._display.started(state, headline)
        self._each(lambda tracker: tracker.started(state))

    def on_event(self, event: Event, state: RunState) -> None:
        self._display.on_event(event, state)
        self._each(lambda tracker: tracker.on_event(event, state))

    def on_progress(self, state: RunState, running: Mapping[int, Sequence[CurvePoint]]) -> None:
        self._display.on_progress(state, running)

    def note(self, sentence: str) -> None:
        self._display.note(sentence)

    def close(self) -> None:
        self._each(lambda tracker: tracker.close())
        for thread in self._threads.values():
            thread.end()
        self._display.close()

    def _open(self, name: str, run: TrackedRun) -> None:
        self._trackers[name] = TRACKERS.load(name)(run)

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in self._trackers.items():
            self._guard(name, partial(call, tracker))

    def _guard(self, name: str, call: Callable[[], None]) -> None:
        """Call; report the tracker's first error and ignore later ones."""
        thread = self._threads[name]
        if thread.is_blocked:
            return
        try:
            thread.call(call)
        except TrackerBlockedError as error:
            self._display.note(f"The tracker {name} is given up, and the run goes on: {error}.")
        except (Exception, SystemExit) as error:  # a tracker is foreign code, and may raise anything
            if name not in self._failed:
                self._failed.add(name)
                cause = str(error) if isinstance(error, MarsError) else f"{type(error).__name__}: {error}"
                self._display.note(f"The tracker {name} failed, and the run goes on: {cause}")
