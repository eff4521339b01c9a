"""Proves that what a run did follows from its record: every decision is made again, and compared.

Nothing is sent anywhere: language models' answers are those on record.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from agent.errors import SetupError
from agent.llm.calls import Call
from agent.llm.recorded import RecordedThinker
from agent.paths import Home
from agent.planner.base import Planner
from agent.planner.briefing import Briefing
from agent.planner.library import LibraryPlanner
from agent.planner.llm import LlmPlanner
from agent.record.events import Event, LlmCallBegan, LlmCallEnded, NodeProposed, RepeatProposed
from agent.record.state import RunState
from agent.repository.family import Family, known_families
from agent.repository.idea import Idea, completed
from agent.request import planner_of
from agent.search.policy import make_policy
from agent.search.scheduler import Propose, Repeat, Scheduler
from agent.session import Run


@dataclass(frozen=True)
class Redecided:
    """How a recorded decision compares with the one that is made now from the same state."""

    what: str  # "node 003" or "repeat of node 003"
    same: bool
    reason: str = ""  # where it differs, or in which words a model would be asked now


def redecide(run: Run, home: Home) -> Iterator[Redecided]:
    """One verdict per decision, in order; none of a run that puts a lesson to the test, nor of ensembles."""
    if run.state.run.experiment:
        return
    families = known_families(home)
    library, hindrance = _library(run, home)
    state = RunState(run.metric.higher_is_better, families)
    thinking: list[LlmCallBegan | LlmCallEnded] = []  # since whatever else happened last
    for event in run.journal.events():
        if isinstance(event, LlmCallBegan | LlmCallEnded):
            thinking.append(event)
            continue
        if isinstance(event, RepeatProposed) or (
            isinstance(event, NodeProposed) and event.operator != "ensemble"
        ):
            if library is None or hindrance:
                yield Redecided(_named(event), False, f"It cannot be decided again: {hindrance}")
            else:
                yield _compared(event, run, state, library, thinking)
        # What led to no decision (the session ended, nothing was left to try) has happened all the same.
        for earlier in thinking:
            state.apply(earlier)
        thinking = []
        state.apply(event)
        hindrance = hindrance or _hindrance(event, families)


def _library(run: Run, home: Home) -> tuple[LibraryPlanner | None, str]:
    """The planner over the families of today, or why there is none."""
    try:
        return planner_of(run.state.run, run.prepared, home), ""
    except SetupError as error:
        return None, str(error)


def _hindrance(event: Event, families: Mapping[str, Family]) -> str:
    """Why nothing can be decided after an event: a node has slots that its family does not know any more."""
    blueprint = event.idea.blueprint if isinstance(event, NodeProposed) else None
    family = families.get(blueprint.family) if blueprint else None
    lost = sorted(blueprint.slots.keys() - family.slots.keys()) if blueprint and family else []
    return f"family {family.id} has lost {', '.join(lost)} since." if family and lost else ""


def _named(event: NodeProposed | RepeatProposed) -> str:
    return f"{'repeat of ' if isinstance(event, RepeatProposed) else ''}node {event.node:03d}"


def _compared(
    event: NodeProposed | RepeatProposed,
    run: Run,
    state: RunState,
    library: LibraryPlanner,
    thinking: list[LlmCallBegan | LlmCallEnded],
) -> Redecided:
    """The verdict on a decision; what of `thinking` it asks about happens to the state, and is taken out."""

    @contextmanager
    def under_way(call: Call) -> Iterator[None]:
        """Decisions see how late it is: as then, an exchange has begun and not ended when it is read."""
        while not (isinstance(thinking[0], LlmCallEnded) and thinking[0].call is call):
            state.apply(thinking.pop(0))
        try:
            yield
        finally:
            state.apply(thinking.pop(0))

    calls = [earlier.call for earlier in thinking if isinstance(earlier, LlmCallEnded)]
    thinker = RecordedThinker(calls, run.journal.text, under_way)
    scheduler = Scheduler(make_policy(state.run.policy), _planner(run, state, library, thinker))
    now = scheduler.next(state)
    words = f"A model would be asked in other words now ({', '.join(thinker.changed)})."
    reason = words if thinker.changed else ""
    if isinstance(event, RepeatProposed):
        same = isinstance(now, Repeat) and now.node == event.node
        return Redecided(_named(event), same, reason if same else _told(now))
    idea = _completed(event.idea, library.families)
    same = isinstance(now, Propose) and (event.operator, event.parents, idea) == (
        now.operator,
        now.parents,
        _completed(now.idea, library.families),
    )
    return Redecided(_named(event), same, reason if same else f"{_told(now)} {reason}".strip())


def _completed(idea: Idea, families: Mapping[str, Family]) -> Idea:
    """With the defaults of slots that its family has gained since: what they stand for is not new."""
    if idea.blueprint is None:
        return idea
    return idea.model_copy(update={"blueprint": completed(idea.blueprint, families)})


def _planner(run: Run, state: RunState, library: LibraryPlanner, thinker: RecordedThinker) -> Planner:
    if state.run.planner == "library":
        return library
    briefing = Briefing.of(run.prepared, state.run, library.ground)
    return LlmPlanner(library, briefing, thinker, run.read_code)


def _told(now: Propose | Repeat | None) -> str:
    match now:
        case Propose(operator="draft", idea=idea):
            return f"Now it would be a draft: {idea.title}."
        case Propose(parents=(parent, *_), idea=idea):
            return f"Now it would be an improvement of node {parent:03d}: {idea.title}."
        case Repeat(node=node):
            return f"Now node {node:03d} would be repeated."
    return "Now nothing would be started."
