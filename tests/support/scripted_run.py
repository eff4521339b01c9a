"""A whole run with a scripted executor and clock; only the candidates' processes are fake."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from agent.agents.debugger import Debugger
from agent.agents.lesson_writer import LessonWriter
from agent.agents.reviewer import Reviewer
from agent.agents.writer import Writer
from agent.competition.metrics import get_metric
from agent.competition.prepared import Prepared
from agent.core.database import open_database
from agent.core.paths import templates_dir
from agent.engine.decider import Decider
from agent.engine.wiring import open_search
from agent.execution.base import Guarantees, Job, Outcome, StopCheck
from agent.execution.cache_layers import CacheLayers
from agent.llm.query import LanguageModel
from agent.memory.store import LessonStore
from agent.planner.base import Planner, Proposal, Request, TaskContext
from agent.planner.library.planner import LibraryPlanner
from agent.record.events import CurvePoint, Event, RunResumed, RunSettings, RunStarted
from agent.record.journal import Journal
from agent.record.opened_run import Run
from agent.record.state import Node, RunState
from agent.repository.edits import Edit
from agent.repository.family import Family
from agent.repository.idea import Idea
from agent.repository.lineage import Lineage
from agent.repository.rendering import TaskView
from agent.repository.run_templates import Templates
from agent.search.policy import make_policy
from agent.search.scheduler import Scheduler

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class ScriptedClock:
    """Clock that advances only by the time that candidates use."""

    now: float = 0.0

    def elapsed_s(self) -> float:
        return self.now


class Killed(BaseException):
    """Simulates SIGKILL; no code under test may handle it."""


@dataclass
class ScriptedExecutor:
    """Executor that writes the files of the toy's main.py without running it."""

    clock: ScriptedClock
    guarantees: Guarantees = field(default_factory=lambda: Guarantees(True, True, True, True, True, True))
    jobs: list[Job] = field(default_factory=list)
    refit_gain: float = 0.01  # gain in accuracy from all labelled rows

    def execute(self, job: Job, stop_check: StopCheck | None = None) -> Outcome:
        self.jobs.append(job)
        if job.arguments == ("--refit",):
            return self._refit(job)
        if not job.arguments:
            (job.workspace / "working").mkdir()
            (job.workspace / "submission").mkdir()
        log = job.workspace / ".mars" / job.log_name
        log.parent.mkdir(exist_ok=True)
        config = (job.workspace / "library" / "config.py").read_text()
        depth = int(re.search(r"DEPTH = (\d)", config).group(1))  # type: ignore[union-attr]
        seconds = 0.5 if job.arguments else 4.0 + depth
        self.clock.now += seconds
        if '"crashing"' in config:
            log.write_text("ValueError: the toy was told to crash\n")
            return Outcome("failed", 1, seconds, log, "ValueError in main.py, line 40.")
        score = self._write(job, _quality(config) + 0.001 * (job.seed % 7)) if not job.arguments else 0.0
        log.write_text(f"Final Validation Metric: {score!r}\n")
        return Outcome("ok", 0, seconds, log, "")

    def close(self) -> None:
        pass

    def _refit(self, job: Job) -> Outcome:
        """The validation rows add `refit_gain` to the accuracy."""
        quality = json.loads((job.workspace / "working" / "frozen.json").read_text())["quality"]
        seconds = 6.0
        self.clock.now += seconds
        log = job.workspace / ".mars" / job.log_name
        log.parent.mkdir()
        log.write_text("done\n")
        (job.workspace / "submission").mkdir()
        self._predict(job, quality + self.refit_gain)
        return Outcome("ok", 0, seconds, log, "")

    def _predict(self, job: Job, quality: float) -> None:
        test = rows(job.metadata / "test.csv")
        table(job.workspace / "submission" / "submission.csv", test, [guess(row, quality) for row in test])

    def _write(self, job: Job, quality: float) -> float:
        validation = rows(job.metadata / "val.csv")
        guessed = [guess(row, quality) for row in validation]
        table(job.workspace / "working" / "val_submission.csv", validation, guessed)
        self._predict(job, quality)
        (job.workspace / "working" / "frozen.json").write_text(json.dumps({"quality": quality}))
        return sum(row["label"] == guess for row, guess in zip(validation, guessed, strict=True)) / len(
            guessed
        )


def _quality(config: str) -> float:
    values = {name: int(value) for name, value in re.findall(r"(DEPTH|WIDTH|BREADTH|FINISH) = (\d)", config)}
    gain = 0.03 * values["DEPTH"] ** 0.5 + 0.03 * values["WIDTH"] ** 0.5
    crossed = 0.1 if '"crossed"' in config else 0.0
    return 0.6 + gain + 0.01 * values["BREADTH"] + 0.01 * values["FINISH"] + crossed


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def guess(row: Mapping[str, str], quality: float) -> str:
    right = int(float(row["x"]) > 0)
    return str(right if int(row["id"][1:], 16) % 10_000 < quality * 10_000 else 1 - right)


def table(file: Path, rows: Sequence[Mapping[str, str]], labels: Sequence[str]) -> None:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("id", "label"), *((row["id"], label) for row, label in zip(rows, labels, strict=True))]
        )


@dataclass
class SilentObserver:
    """Observer that keeps the events, and may kill the run at one of them."""

    kill_at: int | None = None
    events: list[Event] = field(default_factory=list)

    def started(self, state: RunState, headline: str) -> None: ...

    def on_event(self, event: Event, state: RunState) -> None:
        self.events.append(event)
        if self.kill_at is not None and len(self.events) == self.kill_at:
            raise Killed

    def on_progress(self, state: RunState, running: Mapping[int, Sequence[CurvePoint]]) -> None: ...

    def note(self, sentence: str) -> None: ...

    def close(self) -> None: ...


@dataclass
class EditingPlanner:
    """Planner that adds edits to the library planner's ideas, or replaces them, by node."""

    planner: Planner
    edits: Mapping[int, tuple[Edit, ...]]
    ideas: Mapping[int, Idea]

    def propose(self, request: Request) -> Proposal | None:
        proposal = self.planner.propose(request)
        if proposal is None:
            return None
        node = len(request.state.nodes) + 1
        edited = proposal.idea.model_copy(update={"edits": self.edits.get(node, ())})
        return replace(proposal, idea=self.ideas.get(node, edited))


@dataclass
class ScriptedRun:
    """One run over the toy; `go` starts or resumes the run."""

    folder: Path
    prepared: Prepared
    family: Family
    settings: dict[str, object] = field(default_factory=dict)
    edits: Mapping[int, tuple[Edit, ...]] = field(default_factory=dict)  # by node
    ideas: Mapping[int, Idea] = field(default_factory=dict)  # by node, instead of the library planner's
    debugger: Debugger | None = None
    writer: Writer | None = None
    reviewer: Reviewer | None = None
    language_model: LanguageModel | None = None  # words lessons about edits

    @property
    def families(self) -> dict[str, Family]:
        return {"toy": self.family}

    def engine(self) -> Engine:
        return open_database(self.folder / "mars.db")

    def go(
        self,
        kill_at: int | None = None,
        executor: Callable[[ScriptedClock], ScriptedExecutor] = ScriptedExecutor,
    ) -> RunState:
        engine = self.engine()
        state = RunState(higher_is_better=True, families=self.families)
        journal = self._journal(engine, state)
        clock = ScriptedClock(state.elapsed_s)
        search = open_search(
            Run("run", self.folder, self.prepared, get_metric("accuracy"), journal, state),
            Templates(templates_dir(), self.families),
            executor(clock),
            clock,
            SilentObserver(kill_at),
            lessons=LessonStore(engine),
            cache=CacheLayers(self.folder / "shared", self.folder / "cache"),
            weights=self.folder / "weights",
        )
        try:
            search.loop.run(self.decider(state.run))
        except Killed:
            pass
        finally:
            engine.dispose()
        return state

    def decider(self, run: RunSettings) -> Decider:
        """Return the decider of the run, with the scripted models."""
        task = TaskView.of(self.prepared)
        rows = self.prepared.rows.train
        at = TaskContext("classification", "accuracy", frozenset({"embedding"}), rows, "cpu")
        planner = EditingPlanner(LibraryPlanner(self.families, at), self.edits, self.ideas)
        reflector = LessonWriter(self.language_model, task, self._read) if self.language_model else None
        scheduler = Scheduler(make_policy(run.policy), planner)
        return Decider(scheduler, self.debugger, self.writer, self.reviewer, reflector)

    def opened(self) -> Run:
        """Return the recorded run, as `mars replay` opens it."""
        journal, metric = Journal.open(self.engine(), "run"), get_metric("accuracy")
        state = RunState.replay(journal.events(), metric.higher_is_better, self.families)
        return Run("run", self.folder, self.prepared, metric, journal, state)

    def lessons(self) -> LessonStore:
        return LessonStore(self.engine())

    def _read(self, node: Node) -> dict[str, str]:
        assert node.result is not None
        return Lineage(self.folder / "repository.git").read(node.result.commit)

    def events(self) -> list[Event]:
        return Journal.open(self.engine(), "run").events()

    def _journal(self, engine: Engine, state: RunState) -> Journal:
        if (self.folder / "nodes").exists():
            journal = Journal.open(engine, "run")
            for event in journal.events():
                state.apply(event)
            resumed = RunResumed(elapsed_s=state.elapsed_s, minutes=state.run.minutes)
            journal.append(resumed)
            state.apply(resumed)
            return journal
        (self.folder / "nodes").mkdir(parents=True)
        journal = Journal.create(engine, "run", "toy", CREATED)
        settings = RunSettings.model_validate(
            {
                "competition": "toy",
                "folder": "toy",
                "prepared": "toy",
                "data_kind": "full",
                "fingerprint": self.prepared.fingerprint,
                "minutes": 2.0,
                "node_minutes": 0.5,
                **self.settings,
            }
        )
        started = RunStarted(elapsed_s=0.0, settings=settings, missing_guarantees=(), lessons=())
        journal.append(started)
        state.apply(started)
        return journal
