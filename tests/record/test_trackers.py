"""Trackers beside the display: what they receive, and that their errors never fail a run."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.core.registry import Registry
from agent.engine.run_request import RunRequest
from agent.engine.session import resume, start
from agent.record.events import RunFinished
from agent.record.opened_run import open_run
from agent.record.state import RunState
from agent.record.trackers.base import TrackedRun
from agent.record.trackers.feed import with_trackers
from tests.cli.commands import mars
from tests.support.packages import install_package
from tests.support.scripted_run import Killed, SilentObserver
from tests.support.states import started

FAILING = """
class Failing:
    def __init__(self, run): self.calls = 0
    def started(self, state): raise OSError("no route to the tracking server")
    def on_event(self, event, state): raise OSError("still no route")
    def close(self): raise RuntimeError("and none now")

def absent(run):
    import no_such_tracking_package

class Exiting(Failing):
    def started(self, state): print("View the run at http://tracker")
    def on_event(self, event, state): raise SystemExit(7)
"""
POINTS: Mapping[str, Mapping[str, str]] = {
    "mars.trackers": {
        "failing": "failing_tracker:Failing",
        "absent": "failing_tracker:absent",
        "exiting": "failing_tracker:Exiting",
    }
}


@dataclass
class Noting(SilentObserver):
    notes: list[str] = field(default_factory=list)
    closed: bool = False

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_package(tmp_path / "site", "failing-tracker", POINTS, {"failing_tracker.py": FAILING})
    monkeypatch.syspath_prepend(tmp_path / "site")


def _lines(home: Home, run: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home.workspaces / run / "tracker.jsonl").read_text().splitlines()]


def test_the_jsonl_tracker_writes_a_line_per_node_and_continues_after_a_kill(home: Home) -> None:
    request = RunRequest(competition="toy", minutes=1.0, max_nodes=3, workers=1, trackers=("jsonl",))
    with pytest.raises(Killed):
        start(request, home, lambda _: SilentObserver(kill_at=3))
    resume("latest", None, home, lambda _: SilentObserver())
    run = open_run("latest", home)
    lines = _lines(home, run.id)
    kinds = [line["event"] for line in lines]
    assert kinds[0] == "run_started"
    assert kinds.count("run_resumed") == 1
    assert kinds[-1] == "run_finished"
    finished = [line for line in lines if line["event"] == "node_finished"]
    nodes = run.state.nodes
    assert len(finished) == len(nodes) >= 3
    assert [line["score"] for line in finished] == [nodes[int(str(line["node"]))].metric for line in finished]
    best = run.state.best
    assert best is not None
    assert (lines[-1]["best_node"], lines[-1]["best_score"]) == (best.id, best.metric)
    assert lines[-1]["chosen"] == best.id


@pytest.mark.usefixtures("failing")
def test_a_failing_tracker_is_noted_once_and_the_run_goes_on(home: Home) -> None:
    display = Noting()
    request = RunRequest(competition="toy", minutes=1.0, max_nodes=2, trackers=("failing", "absent", "jsonl"))
    summary = start(request, home, lambda _: display)
    assert summary.chosen is not None
    failures = [note for note in display.notes if note.startswith("The tracker")]
    assert failures == [
        "The tracker absent failed, and the run goes on: ModuleNotFoundError: No module named "
        "'no_such_tracking_package'",
        "The tracker failing failed, and the run goes on: OSError: no route to the tracking server",
    ]
    assert display.closed
    assert _lines(home, summary.run.id)[-1]["event"] == "run_finished"


def test_an_unknown_tracker_is_refused_before_the_run(home: Home) -> None:
    request = RunRequest(competition="toy", minutes=1.0, trackers=("json",))
    with pytest.raises(SetupError, match=r"^Unknown tracker 'json'; choose one of: jsonl"):
        start(request, home, lambda _: SilentObserver())
    assert not list(home.workspaces.glob("toy-*"))


def test_a_tracker_that_is_gone_does_not_stop_a_resumed_run(tmp_path: Path) -> None:
    display = Noting()
    observer = with_trackers(display, ("gone",), TrackedRun("run", tmp_path))
    observer.started(RunState(higher_is_better=True), "again")
    (note,) = display.notes
    assert note.startswith("The tracker gone failed, and the run goes on: Unknown tracker 'gone'")


def test_an_interrupt_is_no_error_of_a_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "class Stopping:\n    def __init__(self, run): raise KeyboardInterrupt\n"
    points = {"mars.trackers": {"stopping": "stopping_tracker:Stopping"}}
    install_package(tmp_path / "site", "stopping-tracker", points, {"stopping_tracker.py": code})
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(KeyboardInterrupt):
        with_trackers(Noting(), ("stopping",), TrackedRun("run", tmp_path))


def test_stdout_stays_one_json_object_whatever_a_tracker_prints_and_no_exit_ends_the_run(
    home: Home, tmp_path: Path, failing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    )
    run = ("run", "--competition", "toy", "--max-nodes", "1", "--tracker", "exiting", "--json")
    for arguments in (run, ("resume", "latest", "--minutes", "20", "--json")):
        done = mars(*arguments)
        assert json.loads(done.stdout)["valid_nodes"] == 1
        assert "View the run at" in done.stderr
        assert "The tracker exiting failed, and the run goes on: SystemExit: 7" in " ".join(
            done.stderr.split()
        )


class _Blocks:
    """A tracker whose second event never returns."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.released = threading.Event()

    def started(self, state: RunState) -> None:
        self.calls.append(threading.current_thread().name)

    def on_event(self, event: object, state: RunState) -> None:
        self.calls.append("event")
        self.released.wait()

    def close(self) -> None:
        self.calls.append("close")


def test_a_tracker_that_blocks_is_given_up_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks, display = _Blocks(), Noting()
    monkeypatch.setattr("agent.record.trackers.feed.WAIT_S", 0.05)
    monkeypatch.setattr(Registry, "load", lambda registry, name: lambda run: blocks)
    observer = with_trackers(display, ("slow",), TrackedRun("toy-1", tmp_path))
    state = started()
    observer.started(state, "toy")
    for _ in range(3):
        observer.on_event(RunFinished(elapsed_s=1.0, reason="done", chosen=None), state)
    observer.close()
    blocks.released.set()
    assert blocks.calls == ["tracker slow", "event"]
    assert display.notes == [
        "The tracker slow is given up, and the run goes on: it has not answered for 0.05 s."
    ]
    assert len(display.events) == 3
    assert display.closed
