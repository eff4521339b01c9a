"""What happens in a run: on record first, then in the state, then on the screen."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agent.llm.calls import Call, CallBegun
from agent.record.events import Event, LlmCallBegan, LlmCallEnded
from agent.record.state import RunState
from agent.record.store import Journal
from agent.report.observer import Observer


class Clock(Protocol):
    """Seconds that the run has been at work, earlier sessions and lost attempts included."""

    def elapsed_s(self) -> float: ...


@dataclass(frozen=True)
class RealClock:
    """Counts on from what the record says."""

    before_s: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def elapsed_s(self) -> float:
        return self.before_s + time.monotonic() - self.started


@dataclass(frozen=True)
class Chronicle:
    """The one way in which events come about; also records what is said to language models (`Recorder`)."""

    journal: Journal
    state: RunState
    observer: Observer
    clock: Clock

    def record(self, event: Event, texts: Mapping[str, str] | None = None) -> None:
        """Records an event, with texts that it names by their ids, and lets it happen."""
        with self.journal.transaction() as connection:
            if texts:
                self.journal.keep_texts(texts, connection)
            self.journal.append(event, connection)
        self.happen(event)

    def happen(self, event: Event) -> None:
        """Lets an event happen that is on record already."""
        self.state.apply(event)
        self.observer.happened(event, self.state)

    def began(self, node: int, begun: CallBegun, texts: Mapping[str, str]) -> None:
        self.record(LlmCallBegan(elapsed_s=self.clock.elapsed_s(), node=node, call=begun), texts)

    def ended(self, node: int, call: Call, texts: Mapping[str, str]) -> None:
        self.record(LlmCallEnded(elapsed_s=self.clock.elapsed_s(), node=node, call=call), texts)
