"""Interrupted executions: their checkpoints reach a repeat of the same code, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.errors import InfrastructureError
from agent.engine.trials.runner import TrialRunner
from agent.engine.trials.trial import Trial
from agent.execution.base import Job, StopCheck, StopReason
from agent.execution.cache_layers import CacheLayers
from agent.repository.idea import WrittenModule
from agent.repository.lineage import Lineage
from tests.engine.trials.parts import CODE, FakeExecutor
from tests.support.states import SETTINGS

CHECKPOINT = "working/checkpoint/network.safetensors"
OTHER_CODE = CODE | {"main.py": "print(2)\n"}


def interrupted(_: float) -> StopReason:
    return StopReason("interrupted", "interrupted")


def pruned(_: float) -> StopReason:
    return StopReason("pruned", "Behind all others.")


class Killed(BaseException):
    """The process of the run is gone."""


class Session:
    """The runs of one node, each in a process of its own, by an executor that does what a test says."""

    def __init__(self, folder: Path, prepared: Prepared) -> None:
        self.folder, self.prepared = folder, prepared
        self.found: list[tuple[tuple[str, ...], str | None]] = []

    def run(
        self,
        write: Callable[[Job], None] | None = None,
        stop: StopCheck | None = None,
        code: dict[str, str] = CODE,
        smoke: bool = False,
    ) -> Trial:
        """Set the node up in a new process and run it."""
        executor = FakeExecutor()

        def act(job: Job) -> None:
            file = job.workspace / CHECKPOINT
            self.found.append((job.arguments, file.read_text() if file.is_file() else None))
            if write is not None:
                write(job)

        executor.act = act
        lineage = Lineage(self.folder / "repository.git")
        cache = CacheLayers(self.folder / "shared", self.folder / "own")
        self.runner = TrialRunner(
            self.prepared, lineage, executor, self.folder / "nodes", SETTINGS, cache, self.folder / "weights"
        )
        trial = self.runner.checkout.set_up(1, code, [], "m")
        self.runner.run(trial, 100.0, stop, smoke=smoke)
        return trial

    def interrupt(self) -> None:
        self.run(put("three epochs"), interrupted)
        self.found.clear()


def put(text: str, kill: bool = False, smoke: bool | None = None) -> Callable[[Job], None]:
    """An action that writes a checkpoint in full runs, or in smoke runs, or in both (None)."""

    def write(job: Job) -> None:
        if smoke is None or ("--smoke" in job.arguments) == smoke:
            (job.workspace / CHECKPOINT).parent.mkdir(parents=True, exist_ok=True)
            (job.workspace / CHECKPOINT).write_text(text)
            if kill:
                raise Killed

    return write


@pytest.fixture
def session(tmp_path: Path, toy_prepared: Prepared) -> Session:
    return Session(tmp_path, toy_prepared)


def attempts(session: Session) -> list[Path]:
    return list((session.folder / "nodes").glob("*-attempt"))


def test_a_repeat_of_an_interrupted_run_finds_its_checkpoint(session: Session) -> None:
    session.interrupt()
    trial = session.run()
    assert session.found == [((), "three epochs")]
    assert not (trial.workspace / CHECKPOINT).exists()
    assert attempts(session) == []


def test_a_killed_process_leaves_the_checkpoint_to_the_next(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "agent.engine.trials.runner.end_attempt", lambda _: None
    )  # a killed process ends nothing
    with pytest.raises(Killed):
        session.run(put("one epoch", kill=True))
    with pytest.raises(Killed):
        session.run(put("two epochs", kill=True))
    session.run()
    assert session.found == [((), None), ((), "one epoch"), ((), "two epochs")]


def test_a_smoke_run_neither_finds_nor_replaces_it(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.interrupt()
    with pytest.raises(Killed):
        session.run(put("of a smoke run", kill=True, smoke=True), smoke=True)
    session.run(put("of a smoke run", smoke=True), smoke=True)
    assert session.found == [(("--smoke",), None), (("--smoke",), None), ((), "three epochs")]


def test_other_code_never_gets_it(session: Session) -> None:
    session.interrupt()
    session.run(code=OTHER_CODE)
    session.run()
    assert session.found == [((), None), ((), None)]


@pytest.mark.parametrize("stop", [None, pruned])
def test_a_run_that_ended_leaves_none(session: Session, stop: StopCheck | None) -> None:
    trial = session.run(put("all epochs"), stop)
    assert not (trial.workspace / "working" / "checkpoint").exists()
    session.run()
    assert session.found == [((), None), ((), None)]


def test_a_module_test_leaves_none(session: Session) -> None:
    session.run()
    trial = session.runner.checkout.set_up(1, CODE, [], "m")
    module = WrittenModule(file="library/loss.py", code="", test="assert True\n")
    (trial.workspace / CHECKPOINT).parent.mkdir(parents=True)
    session.runner.run_module_test(trial, module, 100.0, None)
    (trial.workspace / CHECKPOINT).parent.mkdir(parents=True, exist_ok=True)
    (trial.workspace / CHECKPOINT).write_text("of a test")
    session.found.clear()
    session.run()
    assert session.found == [((), None)]


def test_a_repeat_with_another_seed_gets_none(session: Session) -> None:
    session.interrupt()
    trial = session.runner.checkout.set_up(1, CODE, [], "m")
    session.runner.repeat(trial, 1, 100.0)
    assert session.found == [((), None)]


@pytest.mark.parametrize("place", ["working", "working/checkpoint"])
def test_a_link_in_place_of_the_folder_is_not_followed(session: Session, place: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "checkpoint").mkdir(parents=True)
    (outside / "checkpoint" / "network.safetensors").write_text("a user's file")

    def link(job: Job) -> None:
        target = outside if place == "working" else outside / "checkpoint"
        if place == "working":
            (job.workspace / place).rmdir()
        (job.workspace / place).symlink_to(target)

    session.run(link, interrupted)
    session.run()
    assert session.found == [((), None), ((), None)]
    assert (outside / "checkpoint" / "network.safetensors").read_text() == "a user's file"
    assert os.listdir(outside / "checkpoint") == ["network.safetensors"]


def test_an_attempt_that_cannot_be_noted_is_the_machines_fault(session: Session, tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "001-attempt").write_text("a file in place of the folder")
    (tmp_path / "nodes" / "001-attempt").chmod(0o400)
    trial = Trial(1, "", tmp_path / "nodes" / "001", "hash")
    from agent.engine.trials.attempts import begin_attempt

    with pytest.raises(InfrastructureError, match="001-attempt: cannot be written"):
        begin_attempt(trial)
