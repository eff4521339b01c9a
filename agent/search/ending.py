"""Why a search ends: the typed reasons, when each holds, and their sentences."""

from agent.record.events import EndReason, RunSettings
from agent.record.state import RunState
from agent.search.budget import Budget

MAX_FAILURES = 8  # so many failed nodes in a row end the search: the cause is unlikely to be in their ideas


def reached_limit(state: RunState) -> EndReason | None:
    """Return the limit that allows no further node, whatever the planner proposes; None below all limits."""
    if state.run.blueprint is not None and state.nodes:
        return "blueprint_tried"
    if Budget.of(state).is_exhausted:
        return "budget_used"
    recent = list(state.nodes.values())[-MAX_FAILURES:]
    if len(recent) == MAX_FAILURES and all(node.status == "failed" for node in recent):
        return "too_many_failures"
    return None


def end_reason(state: RunState) -> EndReason:
    """Return why a search ends in which nothing starts and nothing runs."""
    if (limit := reached_limit(state)) is not None:
        return limit
    if state.run.replay_source is not None:
        return "replay_done"
    return "nothing_fits" if Budget.of(state).finishing else "nothing_new"


def end_sentence(reason: EndReason, run: RunSettings) -> str:
    """Return the sentence for people, without a full stop."""
    source = run.replay_source.run if run.replay_source is not None else ""
    return {
        "blueprint_tried": "the given blueprint was executed",
        "budget_used": "the budget is used up",
        "too_many_failures": f"the last {MAX_FAILURES} nodes all failed",
        "replay_done": f"all ideas of run {source} that can be reproduced were executed",
        "nothing_fits": "no new idea fits the time left",
        "nothing_new": "no new idea is left to try",
    }[reason]
