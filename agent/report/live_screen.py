"""Live screen of a run in progress."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agent.record.events import CurvePoint, Event, LessonLearned, LessonWorded, NodeFinished, NodeProposed
from agent.record.state import RunState
from agent.report import formatting
from agent.report.live_layout import LATEST_NODES, StatusCounts, View, draw

REFRESH_EVERY_S = 0.25
_MOST_SHARE = 0.03  # of the time that drawing may take; candidates need the cores


class LiveScreen:
    """Redraws at most four times a second, and only while the loop waits for a candidate.

    On a slow or busy machine it redraws less often, so that drawing takes a small share of the time.
    """

    def __init__(
        self, console: Console, metric: str = "score", now: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._metric = metric
        self._now = now
        self._event_at = now()
        self._next_at = -math.inf
        self._view: View | None = None
        # rich's own refresh thread would read the state while the loop changes it.
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def started(self, state: RunState, headline: str) -> None:
        newest = list(state.nodes)[-LATEST_NODES:]
        lessons = list(state.learned.values())
        self._view = View(
            headline=formatting.one_line(headline),
            metric=self._metric,
            state=state,
            latest=deque(newest, LATEST_NODES),
            status_counts=StatusCounts.of(state),
            last_lesson=lessons[-1] if lessons else None,
        )
        self._event_at = self._now()
        self._live.start()
        self._draw(force=True)

    def on_event(self, event: Event, state: RunState) -> None:
        self._event_at = self._now()
        if self._view is None:
            return
        self._view.state = state
        match event:
            case NodeProposed():
                self._view.latest.append(event.node)
            case NodeFinished():
                self._view.status_counts.count(event.result)
            case LessonLearned() | LessonWorded():
                self._view.last_lesson = event.lesson

    def on_progress(self, state: RunState, running: Mapping[int, Sequence[CurvePoint]]) -> None:
        if self._view is None:
            return
        self._view.state = state
        self._view.running = {node: points[-1] if points else None for node, points in running.items()}
        self._draw()

    def note(self, sentence: str) -> None:
        self._console.print(Text(formatting.one_line(sentence), style="yellow"))

    def close(self) -> None:
        """Draw the final state and leave it on the terminal."""
        if self._view is not None and self._view.state.finished:
            self._view.running = {}
        self._draw(force=True)
        self._live.stop()

    def _draw(self, force: bool = False) -> None:
        now = self._now()
        if self._view is None or self._view.state.settings is None:
            return
        if not force and now < self._next_at:
            return
        is_finished = self._view.state.finished is not None
        self._view.elapsed_s = self._view.state.elapsed_s + (0.0 if is_finished else now - self._event_at)
        self._live.update(draw(self._view, self._console.width, self._console.height), refresh=True)
        self._next_at = now + max(REFRESH_EVERY_S, (self._now() - now) / _MOST_SHARE)
