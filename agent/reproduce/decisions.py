"""Verifies that a run's decisions follow from its record: makes every decision again and compares.

Language models are not asked; their answers come from the record.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeGuard

from agent.agents.writer import WritingError
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.agents import Agents
from agent.engine.assembly import node_code
from agent.engine.leakage_gate import base_code
from agent.engine.planners.opening import reopen_agents
from agent.engine.request import make_planner
from agent.llm.calls import Call
from agent.llm.recorded_model import RecordedModel
from agent.planner.library.planner import LibraryPlanner
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
from agent.record.opened_run import Run
from agent.record.state import RunState
from agent.repository import written_modules
from agent.repository.family import Family, known_families
from agent.repository.idea import Idea, with_current_defaults
from agent.repository.rendering import Renderer, TaskView
from agent.search.budget import Budget
from agent.search.scheduler import Propose, Repeat, scheduler_of

LlmCall = LlmCallBegan | LlmCallEnded
Decision = NodeProposed | RepeatProposed | ModuleWritten | FixProposed | NodeFinished


@dataclass(frozen=True)
class DecisionCheck:
    """Comparison of a recorded decision with the decision made now from the same state."""

    what: str  # "node 003", "repeat of node 003" or "fix 1 of node 003"
    same: bool
    reason: str = ""  # how the decision differs, or which prompts have changed


def verify_decisions(run: Run, home: Home) -> Iterator[DecisionCheck]:
    """Yield one verdict per decision, in order; none for a lesson verification and none for ensembles."""
    if run.state.run.experiment:
        return
    families = known_families(home)
    library, blocker = _library(run, home)
    state = RunState(run.metric.higher_is_better, families)
    pending: list[LlmCall] = []  # calls since the last other event
    for event in run.journal.events():
        if isinstance(event, LlmCallBegan | LlmCallEnded):
            pending.append(event)
            continue
        if _is_decision(event, pending):
            if library is None or blocker:
                reason = f"The decision cannot be repeated: {blocker}"
                yield DecisionCheck(_decision_name(event, state), False, reason)
            else:
                yield _compared(event, run, state, library, pending)
        # Calls without a decision (session ended, nothing left to try) change the state too.
        for earlier in pending:
            state.apply(earlier)
        pending = []
        state.apply(event)
        blocker = blocker or _blocker(event, families)


def _library(run: Run, home: Home) -> tuple[LibraryPlanner | None, str]:
    """Return the planner over the present families, or why there is none."""
    try:
        return make_planner(run.state.run, run.prepared, home), ""
    except SetupError as error:
        return None, str(error)


def _blocker(event: Event, families: Mapping[str, Family]) -> str:
    """Return why no later decision can be repeated: a node uses slots that its family has lost."""
    blueprint = event.idea.blueprint if isinstance(event, NodeProposed) else None
    family = families.get(blueprint.family) if blueprint else None
    lost = sorted(blueprint.slots.keys() - family.slots.keys()) if blueprint and family else []
    return f"family {family.id} no longer has {', '.join(lost)}." if family and lost else ""


def _is_decision(event: Event, pending: Sequence[LlmCall]) -> TypeGuard[Decision]:
    """Whether the event is a decision: the next action, a module, a fix, or a call that led to none."""
    match event:
        case RepeatProposed() | ModuleWritten() | FixProposed():
            return True
        case NodeProposed():
            return event.operator != "ensemble"
        case NodeFinished():
            asked = {call.call.purpose for call in pending if call.node == event.node}
            return bool(asked & {"debug", "module", "review"})
    return False


def _decision_name(event: Decision, state: RunState) -> str:
    match event:
        case RepeatProposed():
            return f"repeat of node {event.node:03d}"
        case ModuleWritten():
            return f"{event.module.file} of node {event.node:03d}"
        case NodeFinished() if _was_valid(event.result):
            return f"review of node {event.node:03d}"
        case NodeFinished() if not event.result.failure:
            return f"{state.nodes[event.node].unwritten_modules[0].file} of node {event.node:03d}"
        case FixProposed() | NodeFinished():
            return f"fix {len(state.nodes[event.node].attempts) + 1} of node {event.node:03d}"
    return f"node {event.node:03d}"


def _compared(
    event: Decision, run: Run, state: RunState, library: LibraryPlanner, pending: list[LlmCall]
) -> DecisionCheck:
    """Make a decision again and compare.

    The decision's calls leave `pending` and are applied to the state. Earlier calls about other nodes do
    so too: they decided nothing here, but took time.
    """
    decided = len(state.nodes) + 1 if isinstance(event, RepeatProposed) else event.node
    while pending and pending[0].node != decided:
        state.apply(pending.pop(0))

    @contextmanager
    def in_progress(call: Call) -> Iterator[None]:
        """Apply a call's start before the decision reads the answer, and its end afterwards.

        Decisions depend on the elapsed time, so the state has to be the recorded one.
        """
        while not (isinstance(pending[0], LlmCallEnded) and pending[0].call is call):
            state.apply(pending.pop(0))
        try:
            yield
        finally:
            state.apply(pending.pop(0))

    ended = [earlier for earlier in pending if isinstance(earlier, LlmCallEnded)]
    calls = [earlier.call for earlier in ended if earlier.node == decided]
    language_model = RecordedModel(calls, run.journal.text, in_progress)
    name = _decision_name(event, state)
    with reopen_agents(library, run, state, language_model) as agents:
        difference = _difference(event, run, state, library, agents)
    words = f"Prompts have changed since the run ({', '.join(language_model.changed_prompts)})."
    return DecisionCheck(
        name, not difference, f"{difference} {words if language_model.changed_prompts else ''}".strip()
    )


def _difference(event: Decision, run: Run, state: RunState, library: LibraryPlanner, agents: Agents) -> str:
    """Return how the decision would be made now; empty if it equals the recorded one."""
    if isinstance(event, NodeFinished) and _was_valid(event.result):
        return _review_difference(event, run, state, library, agents)
    if isinstance(event, ModuleWritten) or (isinstance(event, NodeFinished) and not event.result.failure):
        return _module_difference(event, run, state, agents)
    if isinstance(event, FixProposed | NodeFinished):
        return _fix_difference(event, state, agents)
    now = scheduler_of(state.run, agents.planner, agents.policy).next(state)
    return "" if _is_same(event, now, library.families) else _next_action(now)


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


def _module_difference(event: ModuleWritten | NodeFinished, run: Run, state: RunState, agents: Agents) -> str:
    """Return which module would be written now; empty if it equals the recorded one."""
    node = state.nodes[event.node]
    code = node_code(
        state, node, run.lineage, lambda idea: written_modules.frame(idea, TaskView.of(run.prepared))
    )
    written = event.module if isinstance(event, ModuleWritten) else None
    try:
        now = agents.writer.write(state, node, code.files) if agents.writer else None
    except WritingError:
        now = None
    if now == written:
        return ""
    return f"Now {now.file} would have {len(now.code)} characters." if now else "Now no module would come."


def _fix_difference(event: FixProposed | NodeFinished, state: RunState, agents: Agents) -> str:
    """Return which fix would be made now; empty if it equals the recorded one."""
    failed, fix = (event.failed, event.fix) if isinstance(event, FixProposed) else (event.result, None)
    debugger = agents.debugger
    now = debugger.fix(state, state.nodes[event.node], failed) if debugger is not None else None
    if Budget.of(state).is_out_of_time:  # the answer came too late to execute the fix
        now = None
    if now == fix:
        return ""
    return f"Now the fix would be: {now.title}." if now is not None else "Now no fix would be made."


def _was_valid(result: NodeResult) -> bool:
    """Whether the result was valid before its review."""
    return result.status == "valid" or (result.status == "suspect" and result.review is not None)


def _review_difference(
    event: NodeFinished, run: Run, state: RunState, library: LibraryPlanner, agents: Agents
) -> str:
    """Return the review that would be made now; empty if it equals the recorded one."""
    node, task = state.nodes[event.node], TaskView.of(run.prepared)
    asked = event.result.model_copy(update={"status": "valid", "reason": "", "review": None})

    def render(idea: Idea) -> dict[str, str]:
        assert idea.blueprint is not None
        return Renderer(library.families[idea.blueprint.family], task).render(idea)

    before = base_code(state, node, run.lineage, render)
    now = agents.reviewer.review(state, node, asked, before) if agents.reviewer else None
    if now == event.result.review:
        return ""
    if now is None:
        return "Now no review would be made."
    return f"Now the review would be {'sound' if now.sound else 'not sound'}: {now.reason}"


def _completed(idea: Idea, families: Mapping[str, Family]) -> Idea:
    """Return the idea with the defaults of slots that its family gained later, which change nothing."""
    if idea.blueprint is None:
        return idea
    return idea.model_copy(update={"blueprint": with_current_defaults(idea.blueprint, families)})


def _next_action(now: Propose | Repeat | None) -> str:
    match now:
        case Propose(operator="draft", idea=idea):
            return f"Now the decision would be a draft: {idea.title}."
        case Propose(parents=(parent, *_), idea=idea):
            return f"Now the decision would be an improvement of node {parent:03d}: {idea.title}."
        case Repeat(node=node):
            return f"Now node {node:03d} would be repeated."
    return "Now no node would be started."
