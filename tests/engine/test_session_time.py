"""The time of a run begins with the command: the preparation counts, and a part is left for the search."""

from dataclasses import dataclass, field

import pytest

from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import resume, start
from agent.record.events import RunResumed, RunStarted
from agent.record.recorder import RealClock
from tests.support.scripted_run import SilentObserver


@dataclass
class Noting(SilentObserver):
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


def _start_after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let every command seem to have started `seconds` ago."""
    monkeypatch.setattr(
        "agent.engine.session.RealClock",
        lambda *given: RealClock(*given) if given else RealClock(before_s=seconds),
    )


@pytest.mark.slow
def test_a_long_preparation_uses_half_of_the_budget_and_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _start_after(monkeypatch, 134.0)
    display = Noting()
    summary = start(RunRequest(competition="toy", minutes=1.0, max_nodes=1), home, lambda _: display)
    started = summary.run.journal.events()[0]
    assert isinstance(started, RunStarted)
    assert started.preparation_s >= 134.0
    assert started.elapsed_s == 30.0
    assert summary.chosen is not None
    assert any("the search gets 30 s in any case" in note for note in display.notes)


@pytest.mark.slow
def test_a_short_preparation_counts_in_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _start_after(monkeypatch, 4.0)
    summary = start(RunRequest(competition="toy", minutes=5.0, max_nodes=1), home, lambda _: Noting())
    started = summary.run.journal.events()[0]
    assert isinstance(started, RunStarted)
    assert started.preparation_s >= 4.0
    assert started.elapsed_s == pytest.approx(started.preparation_s)
    ended_s = summary.run.state.elapsed_s
    monkeypatch.undo()
    monkeypatch.setenv("MARS_HOME", str(home.root))
    resume("latest", 6.0, home, lambda _: Noting())
    resumed = [event for event in summary.run.journal.events() if isinstance(event, RunResumed)]
    assert resumed[0].elapsed_s >= ended_s
