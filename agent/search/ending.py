"""Why a search ends: the typed reasons, when each holds, and their sentences."""

from agent.core.format import clock, counted, one_line
from agent.record.events import EndReason
from agent.record.state import Node, RunState
from agent.search.budget import Budget

MAX_FAILURES = 8  # so many nodes in a row with one error end the search: its cause is not in their ideas
MAX_VARIED_FAILURES = 24  # so many failed nodes in a row end the search whatever their errors
UNUSED_SHARE = 0.1  # a run that leaves a larger share of its time unused says so
_MESSAGE = 160  # characters of an error in a sentence


def reached_limit(state: RunState) -> EndReason | None:
    """Return the limit that allows no further node, whatever the planner proposes; None below all limits."""
    if state.run.blueprint is not None and state.nodes:
        return "blueprint_tried"
    if Budget.of(state).is_exhausted:
        return "budget_used"
    if _is_failing(state):
        return "too_many_failures"
    return None


def end_reason(state: RunState) -> EndReason:
    """Return why a search ends in which nothing starts and nothing runs."""
    if (limit := reached_limit(state)) is not None:
        return limit
    if state.run.replay_source is not None:
        return "replay_done"
    return "nothing_fits" if Budget.of(state).finishing else "nothing_new"


def end_sentence(reason: EndReason, state: RunState) -> str:
    """Return the sentence for people, without a full stop."""
    run = state.run
    source = run.replay_source.run if run.replay_source is not None else ""
    return {
        "blueprint_tried": "the given blueprint was executed",
        "budget_used": _used_budget(state),
        "too_many_failures": _failures_sentence(state),
        "replay_done": f"all ideas of run {source} that can be reproduced were executed",
        "nothing_fits": "no new idea fits the time left",
        "nothing_new": "no new idea is left to try",
    }[reason]


def unused_time(state: RunState, elapsed_s: float) -> str:
    """Return how much time of a run that ends now stays unused, e.g. `4:10 of 10:00 were not used`.

    Return "" if the run used its time, or leaves a small share.
    """
    left_s = state.run.budget_s - elapsed_s
    if left_s < UNUSED_SHARE * state.run.budget_s:
        return ""
    return f"{clock(left_s)} of {clock(state.run.budget_s)} were not used"


def _is_failing(state: RunState) -> bool:
    """Whether failures in a row show that the cause is not in the ideas.

    Rule 1 counts every failed node. Rule 2 leaves out nodes that a time limit ended: they say nothing about
    the machine, and their time counts. The nodes left must share one error, or be many.
    """
    if state.run.rules < 2:
        recent = list(state.nodes.values())[-MAX_FAILURES:]
        return len(recent) == MAX_FAILURES and all(node.status == "failed" for node in recent)
    failures = _failures_in_a_row(state)
    same = failures[:MAX_FAILURES]
    has_one_error = len(same) == MAX_FAILURES and len({_error(node) for node in same}) == 1
    return has_one_error or len(failures) >= MAX_VARIED_FAILURES


def _failures_in_a_row(state: RunState) -> list[Node]:
    """Return the failed nodes since the last node that ran, newest first.

    Nodes that are running, were pruned or ran out of time neither count nor end the row.
    """
    found: list[Node] = []
    for node in reversed(state.nodes.values()):
        if node.result is None or node.status == "pruned" or _is_out_of_time(node):
            continue
        if node.status != "failed" or len(found) == MAX_VARIED_FAILURES:
            break
        found.append(node)
    return found


def _is_out_of_time(node: Node) -> bool:
    failure = node.result.failure if node.result else None
    return failure is not None and failure.out_of_time


def _error(node: Node) -> tuple[str, ...]:
    """Return a key that is equal for the same error in the same place; a node without one is its own."""
    failure = node.result.failure if node.result else None
    return failure.place if failure is not None else (str(node.id),)


def _used_budget(state: RunState) -> str:
    if state.run.max_nodes is not None and Budget.of(state).nodes_left == 0:
        were = "was" if state.run.max_nodes == 1 else "were"
        return f"the {counted(state.run.max_nodes, 'node')} of --max-nodes {were} tried"
    return "the time budget is used up"


def _failures_sentence(state: RunState) -> str:
    if state.run.rules < 2:
        return f"the last {MAX_FAILURES} nodes all failed"
    failures = _failures_in_a_row(state)
    errors = {_error(node) for node in failures[:MAX_FAILURES]}
    if len(errors) > 1:
        return f"the last {counted(len(failures), 'node')} that had time to run all failed"
    reason = next((node.result.reason for node in failures if node.result), "")
    shown = one_line(reason)
    shown = shown if len(shown) <= _MESSAGE else f"{shown[:_MESSAGE]}..."
    return f"the last {MAX_FAILURES} nodes failed with the same error: {shown.rstrip('.')}"
