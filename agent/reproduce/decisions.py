"""Verifies that a run's decisions follow from its record: makes every decision again and compares.

The decider of the search decides again. Language models are not asked; their answers come from the record.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.decider import Decider
from agent.engine.planners.opening import reopen_agents
from agent.engine.request import make_planner
from agent.planner.library.planner import LibraryPlanner
from agent.record.events import Event, LlmCallBegan, LlmCallEnded, NodeProposed
from agent.record.opened_run import Run
from agent.record.state import RunState
from agent.repository.family import Family
from agent.repository.run_templates import Templates
from agent.reproduce.decision_checks import DecisionCheck, RecordedDecisions
from agent.reproduce.recorded_answers import LlmCall, RecordedAnswers


def verify_decisions(run: Run, home: Home) -> Iterator[DecisionCheck]:
    """Yield one verdict per decision, in order; none for a lesson verification."""
    if run.state.run.experiment:
        return
    templates = run.templates(home)
    library: LibraryPlanner | None = None
    blocker = ""
    try:
        library = make_planner(run.state.run, run.prepared, templates.families, home)
    except SetupError as error:
        blocker = str(error)

    @contextmanager
    def open_decider(state: RunState, answers: RecordedAnswers) -> Iterator[Decider]:
        assert library is not None, "a blocker keeps decisions from being made again"
        with reopen_agents(library, run, state, answers.model) as agents:
            yield Decider.of(state.run, agents)

    yield from verify_by(open_decider, run, templates, blocker)


def verify_by(
    open_decider: Callable[[RunState, RecordedAnswers], AbstractContextManager[Decider]],
    run: Run,
    templates: Templates,
    blocker: str = "",
) -> Iterator[DecisionCheck]:
    """Yield one verdict per decision, in order.

    Args:
        open_decider: opens the decider for a state, with the recorded answers of its models.
        run: the run.
        templates: the templates of the run.
        blocker: why no decision can be made again, in a sentence; "" if they can.
    """
    state = RunState(run.metric.higher_is_better, templates.families)
    decisions = RecordedDecisions(run, state, templates)
    pending: list[LlmCall] = []  # calls since the last other event
    for event in run.journal.events():
        if isinstance(event, LlmCallBegan | LlmCallEnded):
            pending.append(event)
            continue
        answers = RecordedAnswers(run, state, pending, decisions.node_of(event), event.elapsed_s)
        found = decisions.of(event, answers)
        if blocker:
            reason = f"The decision cannot be repeated: {blocker}"
            yield from (DecisionCheck(one.what, False, reason) for one in found if one.is_recorded)
        elif found:
            with open_decider(state, answers) as decider:
                verdicts = [one.check(decider, answers) for one in found]
            yield from (verdict for verdict in verdicts if verdict is not None)
        # Calls without a decision (session ended, nothing left to try) change the state too.
        for earlier in pending:
            state.apply(earlier)
        pending.clear()
        state.apply(event)
        blocker = blocker or _lost_slots(event, templates.families)


def _lost_slots(event: Event, families: Mapping[str, Family]) -> str:
    """Return why no later decision can be repeated: a node uses slots that its family has lost."""
    blueprint = event.idea.blueprint if isinstance(event, NodeProposed) else None
    family = families.get(blueprint.family) if blueprint else None
    lost = sorted(blueprint.slots.keys() - family.slots.keys()) if blueprint and family else []
    return f"family {family.id} no longer has {', '.join(lost)}." if family and lost else ""
