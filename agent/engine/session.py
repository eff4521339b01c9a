"""Wires the components for one session of a run: a new run or a resumed one."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Engine

from agent.competition.evaluation import check_metric
from agent.competition.metrics import metric_of
from agent.competition.positive_class import describe_positive_class
from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.core.database import open_database
from agent.core.errors import SetupError
from agent.core.paths import Home, require_writable
from agent.core.steps import end_steps
from agent.engine.agents import current_host
from agent.engine.decider import Decider
from agent.engine.executors import cache_layers, open_executor
from agent.engine.headline import resumed_headline, started_headline
from agent.engine.planners.opening import open_agents
from agent.engine.planners.registry import PLANNERS
from agent.engine.refit import submission_of
from agent.engine.request import check_recorded_parts, imported_code, make_planner, make_settings
from agent.engine.request_checks import check_parts, check_values
from agent.engine.run_request import RunRequest
from agent.engine.trials.runner import TrialRunner
from agent.engine.wiring import OpenSearch, open_search
from agent.execution import Executor, run_script
from agent.execution.gpus import GpuLeases, visible_gpus
from agent.memory.embedding_recall import recall_by_embeddings
from agent.memory.lesson import Lesson
from agent.memory.recall import debug_lessons, recall, solution_lessons
from agent.memory.store import LessonStore
from agent.planner.family_packages import require_packages
from agent.planner.library.planner import LibraryPlanner
from agent.planner.llm.briefing import Briefing
from agent.record.events import ImportedRepository, RunResumed, RunSettings, RunStarted
from agent.record.journal import LATEST, Journal
from agent.record.observer import Observer
from agent.record.opened_run import Run, open_run
from agent.record.recorder import RealClock
from agent.record.resumable import (
    active_runs_sentence,
    damaged_runs_sentence,
    latest_resumable,
    name_run_in_interrupt,
)
from agent.record.run_lock import Heartbeat, new_run_folder, run_lock
from agent.record.state import Node, RunState
from agent.record.trackers.base import TrackedRun
from agent.record.trackers.feed import with_trackers
from agent.repository.family import Family, known_families
from agent.repository.run_templates import copy_templates, templates_of
from agent.search.budget import counted_preparation_s, preparation_sentence
from agent.search.scheduler import Decisions
from agent.solution.card import make_card
from agent.solution.keep import Kept, keep
from agent.solution.requirements_lock import LOCK_FILE, installed_packages, requirements_lock
from agent.solution.warm_start import find_warm_start


@dataclass(frozen=True)
class Summary:
    """Result of a session."""

    run: Run
    chosen: Node | None
    kept: Kept | None


def start(request: RunRequest, home: Home, make_observer: Callable[[str], Observer]) -> Summary:
    """Run `mars run`: prepare the competition, register a new run and search.

    Args:
        request: the options of `mars run`.
        home: the folder that holds everything MARS writes.
        make_observer: makes the display, given the metric's name.
    """
    clock = RealClock()
    check_parts(request)
    require_writable(home)
    competition = find_competition(request.competition, home)
    families = known_families(home)
    require_packages(competition.spec, families.values())
    imported_lessons = check_values(request, competition.spec, families)
    raw = locate_data(competition, home, request.data, run_script, request.data_seed, request.offline)
    observer = make_observer(raw.with_grader_metric(competition.spec).metric)
    observer.note(raw.description)
    prepared = prepare(competition.spec, raw, home)
    end_steps()
    metric = metric_of(prepared.spec, run_script)
    check_metric(prepared, metric)
    settings = make_settings(request, prepared, competition.folder, home)
    planner = make_planner(settings, prepared, families, home, imported=request.imported is not None)
    if not planner.families and not PLANNERS.load(settings.planner).can_write(settings):
        observer.note(f"No family serves {prepared.spec.id}, so only the imported repository is tried.")
    imported = imported_code(request, settings, planner, home)
    engine = open_database(home.database)
    LessonStore(engine).import_all(imported_lessons)
    with new_run(prepared, home, engine) as (run, heartbeat), name_run_in_interrupt(run.journal):
        if imported is not None:
            commit = run.lineage.commit_imported(imported.files)
            recorded = ImportedRepository(commit=commit, idea=imported.idea, source=imported.source)
            settings = settings.model_copy(update={"imported": recorded})
        own_copy = templates_of(run.folder, home, copied=True).families
        planner = make_planner(settings, prepared, own_copy, home, imported=imported is not None)
        settings = _with_warm_start(settings, request, planner, run, home)
        lessons = LessonStore(engine)
        session = _Session(run, settings, planner, lessons, home, observer, heartbeat.beat, clock)
        return session.begin(started_headline(run.id, prepared.spec.title, settings))


def _with_warm_start(
    settings: RunSettings, request: RunRequest, planner: LibraryPlanner, run: Run, home: Home
) -> RunSettings:
    """Return the settings with what the run takes over from the kept solution's run, if anything."""
    has_own_start = settings.blueprint or settings.imported or settings.replay_source
    if not request.warm_start or has_own_start:
        return settings
    parts = (home.solutions, run.journal.engine, run.prepared, planner.search_space)
    found = find_warm_start(*parts, run.metric.higher_is_better)
    return settings.model_copy(update={"warm_start": found})


@contextmanager
def new_run(
    prepared: Prepared, home: Home, engine: Engine, mark: str = ""
) -> Iterator[tuple[Run, Heartbeat]]:
    """Register a run with `mark` in its id, and lock it until the block ends."""
    now = datetime.now(UTC)
    folder = new_run_folder(home.workspaces, f"{prepared.spec.id}-{mark}{now:%y%m%d-%H%M%S}")
    run_id = folder.name
    with run_lock(folder) as heartbeat:
        try:
            copy_templates(folder, home)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # nothing is recorded yet
            raise
        journal = Journal.create(engine, run_id, prepared.spec.id, now)
        metric = metric_of(prepared.spec, run_script)
        state = RunState(metric.higher_is_better, templates_of(folder, home, copied=True).families)
        yield Run(run_id, folder, prepared, metric, journal, state), heartbeat


def run_experiment(
    run: Run,
    settings: RunSettings,
    decisions: Decisions,
    home: Home,
    observer: Observer,
    heartbeat: Heartbeat,
    headline: str,
) -> None:
    """Execute and record the given decisions in a new run. The run is an experiment, so nothing is kept."""
    settings = settings.model_copy(update={"templates_copied": True})
    families = templates_of(run.folder, home, copied=True).families
    planner = make_planner(settings, run.prepared, families, home)
    lessons = LessonStore(run.journal.engine)
    _Session(run, settings, planner, lessons, home, observer, heartbeat.beat, RealClock(), decisions).begin(
        headline
    )


def resume(name: str, minutes: float | None, home: Home, make_observer: Callable[[str], Observer]) -> Summary:
    """Run `mars resume`: continue a run from its record.

    Args:
        name: id of the run or part of it. `latest` is the newest run that can continue: no other process
            works on it, and it has not ended unless `minutes` is given.
        minutes: replaces the run's budget.
        home: the folder that holds everything MARS writes.
        make_observer: makes the display, given the metric's name.
    """
    clock = RealClock()
    require_writable(home)
    engine = open_database(home.database)
    passed_over: list[str] = []
    damaged: list[str] = []
    if name == LATEST:
        name, passed_over, damaged = latest_resumable(engine, home.workspaces, ended_too=minutes is not None)
    journal = Journal.open(engine, name)
    with run_lock(home.workspaces / journal.run) as heartbeat, name_run_in_interrupt(journal):
        families = open_run(journal.run, home, engine).templates(home).families
        run = open_run(journal.run, home, engine, families)
        if run.state.run.experiment:
            raise SetupError(
                f"Run {run.id} verifies a lesson and cannot be resumed; start again with "
                "`mars lessons verify`."
            )
        require_packages(run.prepared.spec, families.values())
        _check_blueprints(run, families)
        check_recorded_parts(run.state.run, engine)
        observer = make_observer(run.metric.name)
        if passed_over:
            observer.note(f"{active_runs_sentence(passed_over)} The newest other run continues.")
        if damaged:
            observer.note(damaged_runs_sentence(damaged))
        planner = make_planner(run.state.run, run.prepared, families, home)
        lessons = LessonStore(engine)
        session = _Session(run, run.state.run, planner, lessons, home, observer, heartbeat.beat, clock)
        return session.continue_run(minutes, heartbeat.last_alive)


def _check_blueprints(run: Run, families: Mapping[str, Family]) -> None:
    """Raise SetupError if a needed family is gone or no longer accepts the run's blueprints."""
    state = run.state
    recorded = {f"node {node.name}": node.blueprint for node in state.nodes.values()}
    to_render = {"--blueprint", *(f"node {node.name}" for node in state.running)}
    for name, blueprint in {**recorded, "--blueprint": state.run.blueprint}.items():
        if blueprint is None:
            continue
        family, where = families.get(blueprint.family), f"Run {run.id} cannot continue, {name}"
        try:
            if family is not None:
                family.fill(blueprint.slots, where)
            elif name in to_render:
                raise SetupError(f"{where}: no family is called '{blueprint.family}'.")
        except SetupError as error:
            raise SetupError(f"{error} Start a new run with `mars run`.") from error


class _Session:
    """One session of a run, from its wiring to the kept solution."""

    def __init__(
        self,
        run: Run,
        settings: RunSettings,
        planner: LibraryPlanner,
        lessons: LessonStore,
        home: Home,
        observer: Observer,
        heartbeat: Callable[[], None],
        clock: RealClock,
        decisions: Decisions | None = None,
    ) -> None:
        self._decisions = decisions
        self._clock = clock  # it runs since the command
        self._run = run
        self._settings = settings
        self._lessons = lessons
        self._home = home
        self._observer = with_trackers(observer, settings.trackers, TrackedRun(run.id, run.folder))
        self._heartbeat = heartbeat
        self._cache = cache_layers(home, run.prepared, run.folder)
        self._planner = planner
        # Only families of the planner render new nodes, so a defect of another one does no harm.
        recorded = templates_of(run.folder, home, settings.templates_copied)
        self._templates = replace(recorded, families=planner.families)

    def begin(self, headline: str) -> Summary:
        lessons = self._recalled()
        with self._executor() as executor:
            preparation_s = self._clock.elapsed_s()
            counted_s = counted_preparation_s(preparation_s, self._settings)
            self._clock = RealClock(counted_s)
            started = RunStarted(
                elapsed_s=counted_s,
                preparation_s=preparation_s,
                settings=self._settings,
                missing_guarantees=tuple(executor.guarantees.missing()),
                lessons=lessons,
                packages=installed_packages(),
            )
            self._run.journal.append(started)
            self._run.state.apply(started)
            if sentence := preparation_sentence(preparation_s, self._settings):
                self._observer.note(sentence)
            return self._work(executor, headline)

    def _recalled(self) -> tuple[Lesson, ...]:
        """Return the lessons offered to the run: solution lessons, then as many debug lessons at most.

        The planner may add lessons that its ideas will cite.
        """
        about = Briefing.of(self._run.prepared, self._settings, self._planner.search_space).about(None)
        known, scopes = self._lessons.all(), self._planner.scopes
        recalled = recall_by_embeddings(solution_lessons(known), scopes, about, self._home.weights)
        if recalled.how:
            self._observer.note(recalled.how)
        offered = [*recalled.lessons, *recall(debug_lessons(known), scopes, about=about)]
        plugin = PLANNERS.load(self._settings.planner)
        to_cite = plugin.cited_lessons(self._settings, self._run.journal.engine)
        cited = to_cite - {lesson.id for lesson in offered}
        return (*offered, *(lesson for lesson in known if lesson.id in cited))

    def continue_run(self, minutes: float | None, last_alive: float) -> Summary:
        state, journal = self._run.state, self._run.journal
        # The time of unfinished executions is spent, and they are repeated.
        repeated = any(node.repeating or node.refitting for node in state.nodes.values())
        busy = bool(state.running) or repeated or bool(state.spend.asked)
        lost = max(last_alive - journal.last_recorded_at().timestamp(), 0.0) if busy else 0.0
        host, before = current_host(state.run), state.run.llm_host
        resumed = RunResumed(
            elapsed_s=state.elapsed_s + lost,
            minutes=minutes or state.run.minutes,
            llm_host=host,
            packages=installed_packages(),
        )
        journal.append(resumed)
        state.apply(resumed)
        self._clock = RealClock(state.elapsed_s, self._clock.started)
        if host != before:
            self._observer.note(f"Language models are now asked at {host}, before at {before}.")
        with self._executor() as executor:
            return self._work(executor, resumed_headline(self._run.id, self._run.prepared.spec.title))

    def _work(self, executor: Executor, headline: str) -> Summary:
        run, state = self._run, self._run.state
        self._observer.started(state, headline)
        notes = (
            describe_positive_class(run.prepared),
            *run.prepared.warnings,
            run.journal.damage(),
            self._lessons.damage(),
        )
        for sentence in notes:
            if sentence:
                self._observer.note(sentence)
        try:
            search = open_search(
                run,
                self._templates,
                executor,
                self._clock,
                self._observer,
                lessons=self._lessons,
                cache=self._cache,
                weights=self._home.weights,
                gpus=GpuLeases(
                    visible_gpus(), per_candidate=state.run.gpus_per_node, shared=state.run.share_gpus
                ),
                heartbeat=self._heartbeat,
            )
            chosen = self._search(search)
            kept = self._keep(search.runner, chosen) if chosen and not state.run.experiment else None
            if kept is not None:
                self._observer.note(kept.sentence)
        finally:
            self._observer.close()
        return Summary(run, chosen, kept)

    def _search(self, search: OpenSearch) -> Node | None:
        """Run the search with the session's own decisions, else with a scheduler."""
        run, loop = self._run, search.loop
        if self._decisions is not None:
            return loop.run(Decider(self._decisions))
        read_commit = search.runner.checkout.lineage.read
        with open_agents(
            self._planner, search.recorder, run.prepared, read_commit, loop.keep_alive
        ) as agents:
            return loop.run(Decider.of(run.state.run, agents))

    def _keep(self, runner: TrialRunner, node: Node) -> Kept:
        run = self._run
        assert node.result is not None
        files = runner.checkout.lineage.read(node.result.commit)
        return keep(
            self._home.solutions,
            run.prepared,
            make_card(run.prepared, run.state, run.id, node, run.metric.higher_is_better),
            files | {LOCK_FILE: requirements_lock(files, node.packages)},
            runner.checkout.workspace(node.id),
            run.folder / "best",
            submission=submission_of(runner, node),
        )

    def _executor(self) -> AbstractContextManager[Executor]:
        families = self._planner.families.values()
        run = self._run
        return open_executor(self._settings, run.prepared, families, self._home, run.nodes, self._cache)
