"""Proves that what a run did follows from its record: every decision is made again, and compared.

Nothing is sent anywhere: language models' answers are those on record.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeGuard

from agent.coder.writing import CannotWrite
from agent.errors import SetupError
from agent.llm.calls import Call
from agent.llm.recorded import RecordedThinker
from agent.paths import Home
from agent.planner.library import LibraryPlanner
from agent.probing import made_from
from agent.record.events import (
    Event,
    FixProposed,
    LlmCallBegan,
    LlmCallEnded,
    ModuleWritten,
    NodeFinished,
    NodeProposed,
    NodeResult,
    RepeatProposed,
)
from agent.record.state import RunState
from agent.repository import own_code
from agent.repository.family import Family, known_families
from agent.repository.idea import Idea, completed
from agent.repository.render import Renderer, TaskView
from agent.request import planner_of
from agent.search.budget import Budget
from agent.search.scheduler import Propose, Repeat, scheduler_of
from agent.session import Run
from agent.thinking import Agents, make_agents, replaying_agents
from agent.workbench import node_code

LlmCall = LlmCallBegan | LlmCallEnded
Decision = NodeProposed | RepeatProposed | ModuleWritten | FixProposed | NodeFinished


@dataclass(frozen=True)
class Redecided:
    """How a recorded decision compares with the one that is made now from the same state."""

    what: str  # "node 003", "repeat of node 003" or "fix 1 of node 003"
    same: bool
    reason: str = ""  # where it differs, or in which words a model would be asked now


def redecide(run: Run, home: Home) -> Iterator[Redecided]:
    """One verdict per decision, in order; none of a run that puts a lesson to the test, nor of ensembles."""
    if run.state.run.experiment:
        return
    families = known_families(home)
    library, hindrance = _library(run, home)
    state = RunState(run.metric.higher_is_better, families)
    thinking: list[LlmCall] = []  # since whatever else happened last
    for event in run.journal.events():
        if isinstance(event, LlmCallBegan | LlmCallEnded):
            thinking.append(event)
            continue
        if _is_decision(event, thinking):
            if library is None or hindrance:
                reason = f"It cannot be decided again: {hindrance}"
                yield Redecided(_named(event, state), False, reason)
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


def _is_decision(event: Event, thinking: Sequence[LlmCall]) -> TypeGuard[Decision]:
    """Whether it was decided: what to start next, a fix, or, after a question, that there will be none."""
    match event:
        case RepeatProposed() | ModuleWritten() | FixProposed():
            return True
        case NodeProposed():
            return event.operator != "ensemble"
        case NodeFinished():
            asked = {call.call.purpose for call in thinking if call.node == event.node}
            return bool(asked & {"debug", "module", "review"})
    return False


def _named(event: Decision, state: RunState) -> str:
    match event:
        case RepeatProposed():
            return f"repeat of node {event.node:03d}"
        case ModuleWritten():
            return f"{event.module.file} of node {event.node:03d}"
        case NodeFinished() if _was_valid(event.result):
            return f"review of node {event.node:03d}"
        case NodeFinished() if not event.result.failure:
            return f"{state.nodes[event.node].unwritten[0].file} of node {event.node:03d}"
        case FixProposed() | NodeFinished():
            return f"fix {len(state.nodes[event.node].attempts) + 1} of node {event.node:03d}"
    return f"node {event.node:03d}"


def _compared(
    event: Decision, run: Run, state: RunState, library: LibraryPlanner, thinking: list[LlmCall]
) -> Redecided:
    """The verdict on a decision; what of `thinking` it asks about happens to the state, and is taken out.

    So is what was asked before about other nodes: it decided nothing here, but took time.
    """
    decided = len(state.nodes) + 1 if isinstance(event, RepeatProposed) else event.node
    while thinking and thinking[0].node != decided:
        state.apply(thinking.pop(0))

    @contextmanager
    def under_way(call: Call) -> Iterator[None]:
        """Decisions see how late it is: as then, an exchange has begun and not ended when it is read."""
        while not (isinstance(thinking[0], LlmCallEnded) and thinking[0].call is call):
            state.apply(thinking.pop(0))
        try:
            yield
        finally:
            state.apply(thinking.pop(0))

    ended = [earlier for earlier in thinking if isinstance(earlier, LlmCallEnded)]
    calls = [earlier.call for earlier in ended if earlier.node == decided]
    thinker = RecordedThinker(calls, run.journal.text, under_way)
    agents = _agents(run, state, library, thinker)
    name = _named(event, state)
    if isinstance(event, NodeFinished) and _was_valid(event.result):
        difference = _other_review(event, run, state, library, agents)
    elif isinstance(event, ModuleWritten) or (isinstance(event, NodeFinished) and not event.result.failure):
        difference = _other_module(event, run, state, agents)
    elif isinstance(event, FixProposed | NodeFinished):
        difference = _other_fix(event, state, agents)
    else:
        now = scheduler_of(state.run, agents.planner).next(state)
        difference = "" if _is_same(event, now, library.families) else _told(now)
    words = f"A model would be asked in other words now ({', '.join(thinker.changed)})."
    return Redecided(name, not difference, f"{difference} {words if thinker.changed else ''}".strip())


def _is_same(
    event: NodeProposed | RepeatProposed, now: Propose | Repeat | None, families: Mapping[str, Family]
) -> bool:
    if isinstance(event, RepeatProposed):
        return isinstance(now, Repeat) and now.node == event.node
    return isinstance(now, Propose) and (event.operator, event.parents, _completed(event.idea, families)) == (
        now.operator,
        now.parents,
        _completed(now.idea, families),
    )


def _other_module(event: ModuleWritten | NodeFinished, run: Run, state: RunState, agents: Agents) -> str:
    """What would be written now; empty where it is the same, or as little."""
    node = state.nodes[event.node]
    code = node_code(state, node, run.lineage, lambda idea: own_code.frame(idea, TaskView.of(run.prepared)))
    written = event.module if isinstance(event, ModuleWritten) else None
    try:
        now = agents.writer.write(state, node, code.files) if agents.writer else None
    except CannotWrite:
        now = None
    if now == written:
        return ""
    return f"Now {now.file} would have {len(now.code)} characters." if now else "Now nothing would come."


def _other_fix(event: FixProposed | NodeFinished, state: RunState, agents: Agents) -> str:
    """What would be done about a failure now; empty where it is the same."""
    failed, fix = (event.failed, event.fix) if isinstance(event, FixProposed) else (event.result, None)
    debugger = agents.debugger
    now = debugger.fix(state, state.nodes[event.node], failed) if debugger is not None else None
    if Budget.of(state).is_late:  # the answer came when there was no time left to try it
        now = None
    if now == fix:
        return ""
    return f"Now the fix would be: {now.title}." if now is not None else "Now nothing would be fixed."


def _was_valid(result: NodeResult) -> bool:
    """Whether it was valid when it was to be reviewed."""
    return result.status == "valid" or (result.status == "suspect" and result.review is not None)


def _other_review(
    event: NodeFinished, run: Run, state: RunState, library: LibraryPlanner, agents: Agents
) -> str:
    """What would be thought of a score now; empty where it is the same."""
    node, task = state.nodes[event.node], TaskView.of(run.prepared)
    asked = event.result.model_copy(update={"status": "valid", "reason": "", "review": None})

    def render(idea: Idea) -> dict[str, str]:
        assert idea.blueprint is not None
        return Renderer(library.families[idea.blueprint.family], task).render(idea)

    before = made_from(state, node, run.lineage, render)
    now = agents.reviewer.review(state, node, asked, before) if agents.reviewer else None
    if now == event.result.review:
        return ""
    if now is None:
        return "Now nothing would be said of it."
    return f"Now it would be called {'sound' if now.sound else 'not sound'}: {now.reason}"


def _completed(idea: Idea, families: Mapping[str, Family]) -> Idea:
    """With the defaults of slots that its family has gained since: what they stand for is not new."""
    if idea.blueprint is None:
        return idea
    return idea.model_copy(update={"blueprint": completed(idea.blueprint, families)})


def _agents(run: Run, state: RunState, library: LibraryPlanner, thinker: RecordedThinker) -> Agents:
    if state.run.planner == "library":
        return Agents(library)
    if state.run.replayed is not None:
        engine, read = run.journal.engine, run.lineage.read
        return replaying_agents(library, engine, state.run.replayed, read, note=lambda _: None)
    return make_agents(library, run.prepared, state.run, run.lineage.read, thinker)


def _told(now: Propose | Repeat | None) -> str:
    match now:
        case Propose(operator="draft", idea=idea):
            return f"Now it would be a draft: {idea.title}."
        case Propose(parents=(parent, *_), idea=idea):
            return f"Now it would be an improvement of node {parent:03d}: {idea.title}."
        case Repeat(node=node):
            return f"Now node {node:03d} would be repeated."
    return "Now nothing would be started."
