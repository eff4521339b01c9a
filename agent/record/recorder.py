"""Records each event of a run: first in the journal, then in the state, then on the screen."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agent.llm.calls import Call, CallBegun
from agent.record.events import Event, LlmCallBegan, LlmCallEnded
from agent.record.journal import Journal
from agent.record.observer import Observer
from agent.record.state import RunState


class Clock(Protocol):
    """Clock of a run in seconds of work, including earlier sessions and lost attempts."""

    def elapsed_s(self) -> float: ...


@dataclass(frozen=True)
class RealClock:
    """Monotonic clock that starts at the elapsed time in the record."""

    before_s: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def elapsed_s(self) -> float:
        return self.before_s + time.monotonic() - self.started


@dataclass(frozen=True)
class EventRecorder:
    """Writes all events of a run, and its language-model calls (implements `Recorder`)."""

    journal: Journal
    state: RunState
    observer: Observer
    clock: Clock

    def record(self, event: Event, texts: Mapping[str, str] | None = None) -> None:
        """Write an event and the texts that it refers to, then apply the event.

        Args:
            event: the new event.
            texts: texts by id, e.g. prompts and answers of a language model.
        """
        with self.journal.transaction() as connection:
            if texts:
                self.journal.store_texts(texts, connection)
            recorded = self.journal.append(event, connection)
        self.apply(recorded)

    def apply(self, event: Event) -> None:
        """Apply an event that the journal already holds, and show it."""
        self.state.apply(event)
        self.observer.on_event(event, self.state)

    def began(self, node: int, begun: CallBegun, texts: Mapping[str, str]) -> None:
        self.record(LlmCallBegan(elapsed_s=self.clock.elapsed_s(), node=node, call=begun), texts)

    def ended(self, node: int, call: Call, texts: Mapping[str, str]) -> None:
        self.record(LlmCallEnded(elapsed_s=self.clock.elapsed_s(), node=node, call=call), texts)
