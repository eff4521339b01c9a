"""The planner that gives back what a recorded run proposed: on other data, with another seed, elsewhere."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from agent.errors import SetupError
from agent.planner.base import Proposal, Request
from agent.planner.ground import SURE_SHARE, Ground
from agent.record.events import FixProposed, ModuleWritten, NodeProposed, Replayed, RunStarted
from agent.record.state import Attempt, Node, RunState
from agent.record.store import Journal, list_runs
from agent.repository.idea import Blueprint, Idea, WrittenModule


@dataclass(frozen=True)
class RecordedIdea:
    """What a run proposed, and below which of its own nodes."""

    node: int
    parent: int | None
    idea: Idea
    mended: tuple[Attempt, ...] = ()
    """The revisions that failed there, each with the fix that went on with it."""

    modules: tuple[WrittenModule, ...] = ()
    """Those that were written there, where no family renders the idea."""


def find_source(engine: Engine, name: str | None, competition: str) -> Replayed:
    """The run whose ideas are given back, as the settings of the new run hold it.

    Args:
        engine: of the record.
        name: as `--replay-of` says; None: the newest run of the competition that has ideas of its own.
        competition: the new run's.

    Raises:
        SetupError: there is no such run, or it has proposed nothing.
    """
    if name is not None:
        run = Journal.open(engine, name).run
        ideas = _proposed(engine, run)
        if not ideas:
            raise SetupError(f"--replay-of {name}: run {run} has proposed nothing; name another run.")
        return Replayed(run=run, ideas=len(ideas))
    for row in list_runs(engine):
        if row.competition == competition and _thinks_for_itself(engine, row.id):
            ideas = _proposed(engine, row.id)
            if ideas:
                return Replayed(run=row.id, ideas=len(ideas))
    raise SetupError(
        f"--planner replay: no recorded run of {competition} has proposed anything; name one by --replay-of."
    )


def recorded_ideas(engine: Engine, source: Replayed) -> list[RecordedIdea]:
    """The ideas that are given back, in their order; SetupError where their run is not on record any more."""
    try:
        return _proposed(engine, source.run)[: source.ideas]
    except SetupError as error:
        raise SetupError(
            f"What run {source.run} proposed is to be given back, and cannot be read: {error}"
        ) from error


class ReplayPlanner:
    """Proposes recorded ideas below the nodes that stand for their parents; leaves out what cannot be made.

    Which idea is next follows from the state alone: the first that was not given back yet and whose parent
    is there, valid.
    """

    def __init__(
        self, source: Replayed, ideas: Sequence[RecordedIdea], ground: Ground, note: Callable[[str], None]
    ) -> None:
        """
        Args:
            source: where the ideas are from, for words.
            ideas: in the order in which they were proposed.
            ground: the families that serve the new run's data, and what the user wants.
            note: is told, once for each, which idea is left out and why.
        """
        self._source = source
        self._ideas = ideas
        self._ground = ground
        self._note = note
        self._noted: set[int] = set()

    def next_parent(self, state: RunState, limit_s: float) -> int | None:
        """The node below which the next idea goes; None: it is a draft, or there is none (now)."""
        found = self._next(state, limit_s)
        return found[1].id if found is not None and found[1] is not None else None

    def propose(self, request: Request) -> Proposal | None:
        """The next recorded idea, if it belongs below the parent that is asked about."""
        found = self._next(request.state, request.limit_s)
        if found is None or found[1] is not request.parent:
            return None
        recorded, parent = found
        other = recorded.node != len(request.state.nodes) + 1
        return Proposal(
            self._today(recorded.idea),
            self._expected_s(request.state, recorded.idea, parent),
            f"The idea of node {recorded.node:03d} of run {self._source.run}." if other else "",
            replays=recorded.node,
        )

    def _next(self, state: RunState, limit_s: float) -> tuple[RecordedIdea, Node | None] | None:
        made = {node.replays: node for node in state.nodes.values() if node.replays is not None}
        left_out: dict[int, str] = {}
        for one in self._ideas:
            if one.node in made:
                continue
            parent = None if one.parent is None else made.get(one.parent)
            if (
                one.parent is not None
                and one.parent not in left_out
                and (parent is None or not parent.result)
            ):
                continue  # its parent is yet to come, or under way
            reason = self._hindrance(one, parent, left_out) or self._haste(state, one.idea, parent, limit_s)
            if not reason:
                return one, parent
            left_out[one.node] = reason
            self._tell(one, reason)
        return None

    def _tell(self, one: RecordedIdea, reason: str) -> None:
        if one.node not in self._noted:
            self._noted.add(one.node)
            self._note(f"The idea of node {one.node:03d} of run {self._source.run} is left out: {reason}")

    def _hindrance(self, one: RecordedIdea, parent: Node | None, left_out: Mapping[int, str]) -> str:
        """Why an idea cannot be made here, in a sentence; "" where it can."""
        if one.parent in left_out:
            return f"node {one.parent:03d}, below which it was, is left out."
        if parent is not None and not parent.is_valid:
            return (
                f"node {one.parent:03d}, below which it was, is {parent.status} here as node {parent.name}."
            )
        blueprint = one.idea.blueprint
        if blueprint is None:
            return "" if parent is not None or one.idea.plan else "its code is of no family."
        family = self._ground.families.get(blueprint.family)
        if family is None:
            return f"family '{blueprint.family}' does not serve this competition, or is not here (any more)."
        try:
            slots = family.fill(blueprint.slots, "its blueprint")
        except SetupError as error:
            return str(error)
        wishes = self._ground.wishes
        if not wishes.allow(slots) or wishes.moves & set(one.idea.moves):
            return "the user pinned or forbade one of its values or moves."
        return ""

    def _haste(self, state: RunState, idea: Idea, parent: Node | None, limit_s: float) -> str:
        """Why an idea is not begun near the end of the time; earlier, candidates fit themselves to theirs."""
        expected = self._expected_s(state, idea, parent)
        if limit_s >= state.run.node_limit_s or expected is None or expected <= SURE_SHARE * limit_s:
            return ""
        return f"it would take about {expected:.0f} s, and {limit_s:.0f} s are left."

    def _expected_s(self, state: RunState, idea: Idea, parent: Node | None) -> float | None:
        """Seconds on these data and this machine; None before any node of its kind has run here."""
        blueprint, before = idea.blueprint, parent.blueprint if parent is not None else None
        if blueprint is None or (parent is not None and before is None):
            return parent.seconds if parent is not None else None
        family = self._ground.families[blueprint.family]
        slots = {**family.defaults, **blueprint.slots}
        if parent is None or before is None or before.family != family.id:
            return self._ground.draft_seconds(state, family, slots)
        return parent.seconds * family.relative_cost(slots) / family.relative_cost(before.slots)

    def _today(self, idea: Idea) -> Idea:
        """The idea with the defaults of slots that its family has gained since it was recorded."""
        if idea.blueprint is None:
            return idea
        family = self._ground.families[idea.blueprint.family]
        slots = family.fill(idea.blueprint.slots, "record")
        return idea.model_copy(update={"blueprint": Blueprint(family=family.id, slots=slots)})


def _proposed(engine: Engine, run: str) -> list[RecordedIdea]:
    """Every idea of a run, as it was mended; an ensemble is none, since its members make it."""
    events = Journal.open(engine, run).events()
    mended: dict[int, list[Attempt]] = defaultdict(list)
    modules: dict[int, list[WrittenModule]] = defaultdict(list)
    for event in events:
        if isinstance(event, ModuleWritten):
            modules[event.node].append(event.module)
        if isinstance(event, FixProposed):
            mended[event.node].append(Attempt(event.failed, event.fix, len(modules[event.node])))
    return [
        RecordedIdea(
            event.node,
            event.parents[0] if event.parents else None,
            event.idea,
            tuple(mended[event.node]),
            tuple(modules[event.node]),
        )
        for event in events
        if isinstance(event, NodeProposed) and event.operator != "ensemble"
    ]


def _thinks_for_itself(engine: Engine, run: str) -> bool:
    """Whether a run's ideas are its own: no replay, and no lesson put to the test."""
    first = next(iter(Journal.open(engine, run).events()), None)
    return isinstance(first, RunStarted) and not (first.settings.experiment or first.settings.replayed)
