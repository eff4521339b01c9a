"""Verifies a lesson: runs the same solution with and without its change, on new seeds."""

import math
from dataclasses import dataclass
from statistics import fmean

from agent.competition.hold_out import groups_of_part, load_common_rows
from agent.competition.metrics import paired_effect
from agent.core.contract import VALIDATION_FILE
from agent.core.database import open_database
from agent.core.errors import MarsError, SetupError
from agent.core.format import counted
from agent.core.paths import Home
from agent.core.seeds import SEED_LIMIT, VERIFICATION_SEED_STEP
from agent.engine.comparison import guessed_seed_variance
from agent.engine.session import new_run, run_experiment
from agent.memory.distill import describe_changes, distill
from agent.memory.lesson import Evidence, Lesson
from agent.memory.store import LessonStore
from agent.record.events import ImportedRepository, LessonLearned, RunSettings
from agent.record.observer import Observer
from agent.record.opened_run import Run, open_run
from agent.record.state import Node, RunState
from agent.repository.family import known_families
from agent.repository.idea import Blueprint, Idea, changes_between
from agent.reproduce.execution import recorded_limits
from agent.search.scheduler import Propose, Repeat, blueprint_draft

_WITHOUT, _WITH = 1, 2  # nodes of a verification
_MIN_MINUTES = 0.5


@dataclass(frozen=True)
class Verification:
    """Result of a verification: the lesson before, the new comparison, and the lesson afterwards."""

    run: str
    before: Lesson
    evidence: Evidence
    after: Lesson

    @property
    def finding(self) -> str:
        """Whether the new seeds agree with the lesson: "confirmed", "contradicted", ..."""
        before, now = self.before.verdict, self.before.verdict_of(self.evidence)
        if now == before:
            return "confirmed"
        if "inconclusive" in (now, before):
            return "not confirmed" if now == "inconclusive" else "decided"
        return "contradicted"


@dataclass(frozen=True)
class _Comparison:
    """The recorded comparison that is repeated."""

    run: Run
    parent: Node
    child: Node
    without: Blueprint
    changed: Blueprint
    edited: dict[str, str] | None  # the parent's files, if they differ from its rendered blueprint


@dataclass(frozen=True)
class _Pair:
    """Decisions of a verification: both solutions once, then one repeat of each per further seed."""

    without: Propose
    changed: Propose
    seeds: int

    def next(self, state: RunState) -> Propose | Repeat | None:
        if state.running or any(node.repeating for node in state.nodes.values()):
            return None
        if not state.nodes:
            return self.without
        if not all(node.is_valid for node in state.nodes.values()):
            return None
        if len(state.nodes) < _WITH:
            return self.changed
        if state.decisions >= 2 * self.seeds:
            return None
        return Repeat(_WITHOUT if state.decisions % 2 == 0 else _WITH)


def verify_lesson(lesson_id: str, seeds: int, home: Home, observer: Observer) -> Verification:
    """Run the pair of a lesson on `seeds` new seeds and add the result to the lesson's evidence.

    The pair is a separate recorded run on the prepared data of the lesson's run. Both solutions include the
    edits that the original pair had.

    Raises:
        SetupError: the lesson is unknown, or none of its comparisons can be repeated here.
        MarsError: one of the two solutions failed.
    """
    engine = open_database(home.database)
    store = LessonStore(engine)
    lesson = store.get(lesson_id)
    origin = _origin(lesson, home)
    prepared = origin.run.prepared
    pair = _Pair(_without(origin), _changed(lesson, origin), seeds)
    settings = _settings(origin, seeds, len(lesson.evidence))
    with new_run(prepared, home, engine, f"verify-{lesson.id}-") as (run, heartbeat):
        if origin.edited is not None:  # the first node has the edited code, the second merges into it
            imported = ImportedRepository(
                commit=run.lineage.commit_imported(origin.edited), idea=pair.without.idea
            )
            settings = settings.model_copy(update={"imported": imported})
        headline = f"Run {run.id}: {describe_changes(lesson.changes)}, on {counted(seeds, 'new seed')}"
        run_experiment(run, settings, pair, home, observer, heartbeat, headline)
        for node in run.state.nodes.values():
            if not node.is_valid:
                reason = node.result.reason if node.result else "The solution did not run."
                which = "with" if node.id == _WITH else "without"
                raise MarsError(
                    f"Lesson {lesson.id} could not be verified: the solution {which} its change failed. "
                    f"{reason}"
                )
        evidence = _evidence(run)
        means = f"{_mean(run, _WITH):.5f} against {_mean(run, _WITHOUT):.5f}"
        scores = f"{run.metric.name} {means}, means of {seeds} seed(s)"
        learned = distill(lesson.scope, lesson.title, lesson.changes, evidence, scores)
        with run.journal.transaction() as connection:
            after = store.add(learned, connection)
            event = LessonLearned(elapsed_s=run.state.elapsed_s, node=_WITH, lesson=after)
            run.journal.append(event, connection)
    return Verification(run.id, lesson, evidence, after)


def _origin(lesson: Lesson, home: Home) -> _Comparison:
    """Return the lesson's latest comparison that can be repeated."""
    if not lesson.changes:
        about = "is about edits of code" if lesson.edit_hash else "is not about a change of slots"
        raise SetupError(f"Lesson {lesson.id} {about}; only changes of slots can be verified.")
    reasons = []
    for item in reversed(lesson.evidence):
        try:
            return _recorded(lesson, item, home)
        except MarsError as error:
            reasons.append(str(error))
    raise SetupError(f"Lesson {lesson.id}: none of its comparisons can be repeated here. {reasons[0]}")


def _recorded(lesson: Lesson, item: Evidence, home: Home) -> _Comparison:
    run = open_run(item.run, home)
    parent, child = run.state.nodes.get(item.parent), run.state.nodes.get(item.child)
    blueprint = parent.idea.blueprint if parent else None
    if parent is None or parent.result is None or child is None or blueprint is None:
        raise SetupError(f"Run {run.id} has no blueprints of nodes {item.parent} and {item.child}.")
    family = known_families(home).get(blueprint.family)
    if family is None:
        raise SetupError(f"There is no family '{blueprint.family}' here.")
    where = f"run {run.id}, node {item.parent}"
    slots = family.fill(blueprint.slots, where)
    changed = family.fill({**slots, **{change.slot: change.new for change in lesson.changes}}, where)
    if changes_between(slots, changed) != lesson.changes:
        raise SetupError(f"Node {item.parent} of run {run.id} does not have the lesson's old values.")
    return _Comparison(
        run,
        parent,
        child,
        Blueprint(family=family.id, slots=slots),
        Blueprint(family=family.id, slots=changed),
        None if run.state.is_rendered(parent) else run.lineage.read(parent.result.commit),
    )


def _without(origin: _Comparison) -> Propose:
    if origin.edited is None:
        return blueprint_draft(origin.without)
    # The recorded idea with its cited lessons. Rendered, it is the code that the edits were merged into.
    changed = {"blueprint": origin.without, "moves": (), "changes": (), "edits": ()}
    return Propose("draft", (), origin.parent.idea.model_copy(update=changed), None)


def _changed(lesson: Lesson, origin: _Comparison) -> Propose:
    words = origin.child.idea
    idea = Idea(
        title=f"Only {describe_changes(lesson.changes)}",
        model=words.model,
        data=words.data,
        training=words.training,
        evaluation=words.evaluation,
        blueprint=origin.changed,
        changes=lesson.changes,
    )
    return Propose("improve", (_WITHOUT,), idea, None)


def _settings(origin: _Comparison, seeds: int, comparisons: int) -> RunSettings:
    """Return the origin's settings, with the child's time limit for every execution."""
    run = origin.run
    limits = recorded_limits(run.journal.events(), run.metric.higher_is_better)
    node_minutes = max(limits[origin.child.id] / 60, _MIN_MINUTES)
    return run.state.run.model_copy(
        update={
            "seed": (run.state.run.seed + VERIFICATION_SEED_STEP * comparisons) % SEED_LIMIT,
            "minutes": node_minutes * (2 * seeds + 1) * 1.1,
            "node_minutes": node_minutes,
            "final_node_minutes": None,
            "max_nodes": None,
            "workers": 1,
            "imported": None,
            "experiment": True,
            "refit_rows": None,
            "pinned": (),
            "forbidden": (),
            "planner": "library",  # needs no language model
            "models": {},
            "llm_host": "",
            "planner_options": {},
            "max_usd": None,
            "trackers": (),
            "blueprint": origin.without,
        }
    )


def _evidence(run: Run) -> Evidence:
    """Return the pair's effect: paired over rows on the first seed, scores averaged over all seeds."""
    without, changed = run.state.nodes[_WITHOUT], run.state.nodes[_WITH]
    assert without.result is not None
    assert changed.result is not None
    files = (run.nodes / node.name / VALIDATION_FILE for node in (without, changed))
    truth, before, after = load_common_rows(run.prepared, "val", *files)
    groups = groups_of_part(run.prepared, "val", int(truth.shape[0]))
    paired = paired_effect(run.metric, truth, before, after, groups)
    direction = run.state.direction
    gain = direction.gain(_mean(run, _WITH), _mean(run, _WITHOUT))
    first = direction.gain(changed.metric or 0.0, without.metric or 0.0)
    runs = [1 + len(node.repeats) for node in (without, changed)]
    seeds = _between_seeds(run.state) * sum(1 / count for count in runs) / paired.scale**2
    resolution = 1.0 / (int(truth.shape[0]) * paired.scale)
    return Evidence(
        run=run.id,
        competition=run.prepared.spec.id,
        data_kind=run.prepared.kind,
        parent=_WITHOUT,
        child=_WITH,
        effect=paired.effect + (gain - first) / paired.scale,
        standard_error=max(math.sqrt(paired.standard_error**2 + seeds), resolution),
        time_factor=max(changed.own_seconds, 1e-3) / max(without.own_seconds, 1e-3),
    )


def _scores(node: Node) -> list[float]:
    assert node.metric is not None
    return [node.metric, *node.repeats]


def _mean(run: Run, number: int) -> float:
    return fmean(_scores(run.state.nodes[number]))


def _between_seeds(state: RunState) -> float:
    """Return the variance between seeds, pooled over both solutions; a guess counts as one more repeat."""
    groups = [_scores(node) for node in state.nodes.values()]
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum((score - fmean(group)) ** 2 for group in groups for score in group)
    guesses = [
        guessed_seed_variance(node.result.metric_se or 0.0, node.result.folds)
        for node in state.valid
        if node.result
    ]
    return (max(guesses) + squares) / (1 + freedom)
