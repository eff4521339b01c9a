"""Whatever one node leaves behind, the run goes on, ends and can be resumed."""

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from agent.competition.prepared import Prepared
from agent.core.errors import InfrastructureError, MarsError
from agent.core.trees import remove_tree
from agent.engine.containment import contain
from agent.execution.base import Job, Outcome, StopCheck
from agent.record.events import Event, NodeProposed
from agent.record.state import RunState
from agent.repository.family import Family
from tests.support.scripted_run import ScriptedExecutor, ScriptedRun


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> Iterator[ScriptedRun]:
    yield ScriptedRun(tmp_path / "run", toy_prepared, toy_family, {"max_nodes": 3})
    remove_tree(tmp_path / "run")  # pytest cannot remove deep folders


def nothing(workspace: Path) -> None:
    """Leave nothing."""


@dataclass
class _Leaves(ScriptedExecutor):
    """Executor whose candidate of node 2 also leaves something odd in its workspace."""

    leave: Callable[[Path], None] = nothing

    def _write(self, job: Job, quality: float) -> float:
        score = super()._write(job, quality)
        if job.workspace.name.startswith("002"):
            self.leave(job.workspace)
        return score


def _text(name: str, text: str) -> Callable[[Path], None]:
    def leave(workspace: Path) -> None:
        (workspace / "working" / name).write_text(text)

    return leave


def _progress(field: str) -> Callable[[Path], None]:
    line = f'{{"stage": "train", "fraction": 0.5, "elapsed_s": 1.0, {field}}}\n'
    return _text("progress.jsonl", line)


def _nested(workspace: Path) -> None:
    descriptor = os.open(workspace / "working", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=descriptor)
        inner = os.open("deep", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def _arrays(workspace: Path) -> None:
    np.savez(workspace / "working" / "val_outputs.npz", values=np.array([object()], dtype=object))
    bomb = workspace / "working" / "test_outputs.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", b"\x93NUMPY" + bytes(10_000_000))


def _folders_for_files(workspace: Path) -> None:
    for name in ("val_outputs.npz", "test_outputs.npz", "analysis.json", "progress.jsonl"):
        (workspace / "working" / name / "inner").mkdir(parents=True)


def _pipes(workspace: Path) -> None:
    for name in ("val_outputs.npz", "analysis.json", "progress.jsonl"):
        os.mkfifo(workspace / "working" / name)


def _closed(workspace: Path) -> None:
    (workspace / "working" / "closed").mkdir()
    (workspace / "working" / "closed" / ("n" * 255)).write_text("x")
    os.mkdir(os.fsencode(workspace / "working") + b"/\xff")
    (workspace / "working" / "closed").chmod(0)


ODD = {
    "a huge time": _text("analysis.json", '{"cache_seconds": 1e999}'),
    "a huge integer": _text("analysis.json", '{"cache_seconds": 1' + "0" * 400 + "}"),
    "too many digits": _text("analysis.json", '{"cache_seconds": ' + "9" * 5000 + "}"),
    "not a number": _text("analysis.json", '{"cache_seconds": NaN, "weights": {"a": NaN}}'),
    "lone surrogates": _text("analysis.json", r'{"weights": {"\ud800": "file \udfff.safetensors"}}'),
    "NUL and escapes": _text("analysis.json", r'{"weights": {"a\u0000": "\u001b[31m"}}'),
    "deep JSON": _text("analysis.json", "[" * 100_000),
    "a huge text": _text("analysis.json", json.dumps({"weights": {"a": "x" * 900_000}})),
    "huge epochs": _progress('"epoch": 1' + "0" * 400),
    "surrogates in progress": _progress(r'"member": "\ud800"'),
    "an infinite loss": _progress('"train_loss": 1e999'),
    "control signs": _progress(r'"member": "\u0000\u001b[2J"'),
    "deep progress": _text("progress.jsonl", "[" * 60_000 + "\n"),
    "nested folders": _nested,
    "odd arrays": _arrays,
    "folders for files": _folders_for_files,
    "pipes": _pipes,
    "closed folders": _closed,
}


@pytest.mark.parametrize("odd", ODD)
def test_a_run_survives_what_a_node_leaves(scripted: ScriptedRun, odd: str) -> None:
    state = scripted.go(executor=lambda clock: _Leaves(clock, leave=ODD[odd]))
    assert state.finished is not None
    assert [node.status for node in list(state.nodes.values())[:3]] == ["valid"] * 3
    again = RunState.replay(scripted.events(), higher_is_better=True)
    assert [node.result for node in again.nodes.values()] == [node.result for node in state.nodes.values()]


@dataclass
class _Fails(ScriptedExecutor):
    """Executor that fails in the harness itself, for node 2."""

    error: Callable[[str], Exception] = RecursionError

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        if job.workspace.name.startswith("002"):
            raise self.error("row 17 says 42")
        return super().execute(job, stop_check)


def _surrogate_error(_: str) -> Exception:
    return UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")


@pytest.mark.parametrize(
    "error", [RecursionError, ValueError, OverflowError, _surrogate_error, MemoryError, OSError, MarsError]
)
def test_an_error_of_a_worker_fails_its_node_only(
    scripted: ScriptedRun, error: Callable[[str], Exception]
) -> None:
    state = scripted.go(executor=lambda clock: _Fails(clock, error=error))
    assert [node.status for node in list(state.nodes.values())[:3]] == ["valid", "failed", "valid"]
    result = state.nodes[2].result
    assert result is not None
    assert result.failure is not None
    assert result.reason.startswith("What the node left could not be processed (")
    assert "42" not in result.failure.redacted_message
    assert state.finished is not None


def test_an_error_of_the_machine_ends_the_session_and_the_run_resumes(scripted: ScriptedRun) -> None:
    with pytest.raises(InfrastructureError, match="row 17"):
        scripted.go(executor=lambda clock: _Fails(clock, error=InfrastructureError))
    state = scripted.go()
    assert [node.status for node in list(state.nodes.values())[:3]] == ["valid"] * 3


def test_a_full_disk_is_an_error_of_the_machine() -> None:
    def fill() -> str:
        raise OSError(28, "No space left on device", "file")

    with pytest.raises(InfrastructureError, match="file: No space left"):
        contain(fill, lambda reason: reason)()


def test_a_killed_run_resumes_though_its_last_node_left_something_odd(
    scripted: ScriptedRun, tmp_path: Path
) -> None:
    scripted.go()
    proposed = [number for number, event in enumerate(scripted.events()[1:], 1) if _is_second(event)]
    killed = ScriptedRun(tmp_path / "killed", scripted.prepared, scripted.family, scripted.settings)
    killed.go(kill_at=proposed[0])
    (killed.folder / "nodes" / "002" / "working").mkdir(parents=True)
    _nested(killed.folder / "nodes" / "002")
    _closed(killed.folder / "nodes" / "002")
    state = killed.go()
    assert [node.status for node in list(state.nodes.values())[:3]] == ["valid"] * 3


def _is_second(event: Event) -> bool:
    return isinstance(event, NodeProposed) and event.node == 2
