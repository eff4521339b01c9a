"""The planner that proposes the ideas of a recorded run again, on other data, seeds or machines."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Engine

from agent.core.errors import InfrastructureError, SetupError
from agent.planner.base import Proposal, Request
from agent.planner.search_space import SAFE_SHARE, SearchSpace
from agent.record.events import FixProposed, ModuleWritten, NodeProposed, ReplaySource, RunStarted
from agent.record.journal import Journal, list_runs
from agent.record.state import Attempt, Node, RunState
from agent.repository.idea import Blueprint, Idea, WrittenModule


@dataclass(frozen=True)
class RecordedIdea:
    """An idea that a run proposed, with its node and the node's parent in that run."""

    node: int
    parent: int | None
    idea: Idea
    attempts: tuple[Attempt, ...] = ()
    """The failed revisions of the node, each with the fix that followed it."""

    modules: tuple[WrittenModule, ...] = ()
    """The modules written for the node, if no family renders the idea."""


def find_source(engine: Engine, name: str | None, competition: str) -> ReplaySource:
    """Return the run whose ideas are replayed, in the form that the new run's settings store.

    Args:
        engine: Database engine of the record.
        name: Value of `--replay-of`; None: the newest run of the competition with ideas of its own.
        competition: The new run's competition.

    Raises:
        SetupError: The run does not exist, or it has proposed no ideas.
    """
    if name is not None:
        run = Journal.open(engine, name).run
        ideas = _proposed(engine, run)
        if not ideas:
            raise SetupError(f"--replay-of {name}: run {run} has no ideas; name another run.")
        return ReplaySource(run=run, ideas=len(ideas))
    for row in list_runs(engine):
        with suppress(InfrastructureError):  # a damaged record
            if row.competition == competition and _has_own_ideas(engine, row.id):
                ideas = _proposed(engine, row.id)
                if ideas:
                    return ReplaySource(run=row.id, ideas=len(ideas))
    raise SetupError(
        f"--planner replay: no recorded run of {competition} has ideas of its own; name a run with "
        "--replay-of."
    )


def recorded_ideas(engine: Engine, source: ReplaySource) -> list[RecordedIdea]:
    """Return the ideas to replay, in their order.

    Raises:
        SetupError: The source run is no longer on record.
    """
    try:
        return _proposed(engine, source.run)[: source.ideas]
    except SetupError as error:
        raise SetupError(
            f"The ideas of run {source.run}, which this run replays, cannot be read: {error}"
        ) from error


class ReplayPlanner:
    """Proposes recorded ideas below the nodes that replay their parents.

    The next idea follows from the state alone: the first that is not replayed yet and whose parent's replay
    has finished. Ideas that cannot be reproduced are skipped, with their descendants, and reported.
    """

    def __init__(
        self,
        source: ReplaySource,
        ideas: Sequence[RecordedIdea],
        search_space: SearchSpace,
        note: Callable[[str], None],
    ) -> None:
        """
        Args:
            source: The run of the ideas, named in messages.
            ideas: The ideas, in the order in which they were proposed.
            search_space: The search space of the new run.
            note: Receives one message for each idea that is skipped.
        """
        self._source = source
        self._ideas = ideas
        self._ground = search_space
        self._note = note
        self._reported: set[int] = set()

    def next_parent(self, state: RunState, limit_s: float) -> int | None:
        """Return the parent of the next idea; None: it is a draft, or no idea can start now."""
        found = self._next(state, limit_s)
        return found[1].id if found is not None and found[1] is not None else None

    def propose(self, request: Request) -> Proposal | None:
        """Return the next recorded idea if the request's parent is its parent, else None."""
        found = self._next(request.state, request.limit_s)
        if found is None or found[1] is not request.parent:
            return None
        recorded, parent = found
        is_renumbered = recorded.node != len(request.state.nodes) + 1
        return Proposal(
            self._with_current_defaults(recorded.idea),
            self._expected_s(request.state, recorded.idea, parent),
            f"The idea of node {recorded.node:03d} of run {self._source.run}." if is_renumbered else "",
            replays=recorded.node,
        )

    def _next(self, state: RunState, limit_s: float) -> tuple[RecordedIdea, Node | None] | None:
        replay_source = {node.replays: node for node in state.nodes.values() if node.replays is not None}
        skipped: dict[int, str] = {}
        for recorded in self._ideas:
            if recorded.node in replay_source:
                continue
            parent = None if recorded.parent is None else replay_source.get(recorded.parent)
            if (
                recorded.parent is not None
                and recorded.parent not in skipped
                and (parent is None or not parent.result)
            ):
                continue  # the parent is not replayed yet, or still running
            reason = self._blocker(recorded, parent, skipped) or self._too_slow(
                state, recorded.idea, parent, limit_s
            )
            if not reason:
                return recorded, parent
            skipped[recorded.node] = reason
            self._report(recorded, reason)
        return None

    def _report(self, recorded: RecordedIdea, reason: str) -> None:
        if recorded.node not in self._reported:
            self._reported.add(recorded.node)
            self._note(f"The idea of node {recorded.node:03d} of run {self._source.run} is skipped: {reason}")

    def _blocker(self, recorded: RecordedIdea, parent: Node | None, skipped: Mapping[int, str]) -> str:
        """Return why an idea cannot be made here, in a sentence; "" if it can."""
        if recorded.parent in skipped:
            return f"its parent, node {recorded.parent:03d}, is skipped."
        if parent is not None and not parent.is_valid:
            return (
                f"its parent, node {recorded.parent:03d}, is not valid in this run "
                f"(node {parent.name}: {parent.status})."
            )
        blueprint = recorded.idea.blueprint
        if blueprint is None:
            return "" if parent is not None or recorded.idea.plan else "no family renders its code."
        family = self._ground.families.get(blueprint.family)
        if family is None:
            return f"family '{blueprint.family}' does not serve this competition or is not installed."
        try:
            slots = family.fill(blueprint.slots, "its blueprint")
        except SetupError as error:
            return str(error)
        constraints = self._ground.constraints
        if not constraints.allows(slots) or constraints.forbidden_moves & set(recorded.idea.moves):
            return "the user pinned or forbade one of its values or moves."
        return ""

    def _too_slow(self, state: RunState, idea: Idea, parent: Node | None, limit_s: float) -> str:
        """Return why an idea no longer fits the remaining time; "" if it fits.

        With a full node limit every idea fits, because candidates adapt their training to the limit.
        """
        expected = self._expected_s(state, idea, parent)
        if limit_s >= state.run.node_limit_s or expected is None or expected <= SAFE_SHARE * limit_s:
            return ""
        return f"it needs about {expected:.0f} s, but only {limit_s:.0f} s are left."

    def _expected_s(self, state: RunState, idea: Idea, parent: Node | None) -> float | None:
        """Estimate the run time in seconds in this run; None before a similar node has run."""
        blueprint, before = idea.blueprint, parent.blueprint if parent is not None else None
        if blueprint is None or (parent is not None and before is None):
            return parent.seconds if parent is not None else None
        family = self._ground.families[blueprint.family]
        slots = {**family.defaults, **blueprint.slots}
        if parent is None or before is None or before.family != family.id:
            return self._ground.draft_seconds(state, family, slots)
        return parent.seconds * family.relative_cost(slots) / family.relative_cost(before.slots)

    def _with_current_defaults(self, idea: Idea) -> Idea:
        """Return the idea with the defaults of slots that the family gained after the recording."""
        if idea.blueprint is None:
            return idea
        family = self._ground.families[idea.blueprint.family]
        slots = family.fill(idea.blueprint.slots, "record")
        return idea.model_copy(update={"blueprint": Blueprint(family=family.id, slots=slots)})


def _proposed(engine: Engine, run: str) -> list[RecordedIdea]:
    """Return every idea of a run with its fixes and modules; ensembles are left out."""
    events = Journal.open(engine, run).events()
    attempts: dict[int, list[Attempt]] = defaultdict(list)
    modules: dict[int, list[WrittenModule]] = defaultdict(list)
    for event in events:
        if isinstance(event, ModuleWritten):
            modules[event.node].append(event.module)
        if isinstance(event, FixProposed):
            attempts[event.node].append(Attempt(event.failed, event.fix, len(modules[event.node])))
    return [
        RecordedIdea(
            event.node,
            event.parents[0] if event.parents else None,
            event.idea,
            tuple(attempts[event.node]),
            tuple(modules[event.node]),
        )
        for event in events
        if isinstance(event, NodeProposed) and event.operator != "ensemble"
    ]


def _has_own_ideas(engine: Engine, run: str) -> bool:
    """Return whether a run's ideas are its own: it is neither a replay nor the test of a lesson."""
    first = next(iter(Journal.open(engine, run).events()), None)
    return isinstance(first, RunStarted) and not (first.settings.experiment or first.settings.replay_source)
