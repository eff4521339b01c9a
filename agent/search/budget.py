"""The remaining time and nodes of a run."""

from dataclasses import dataclass

from agent.core.format import duration
from agent.record.events import RunSettings
from agent.record.state import Node, RunState
from agent.search import limits

# Reserve for the ensemble and for writing the solution.
RESERVE_SHARE = 0.02
RESERVE_SHARE_BEFORE = 0.05  # until rules 2
RESERVE_MIN_S = 3.0
# From rules 3 on, an ensemble of up to 25 members has at least so many seconds, up to a share of the budget.
RESERVE_BLEND_S = 5.0
RESERVE_BLEND_SHARE = 0.05
# Reserve for the timing of the ensemble with --predict-ms, in seconds and as the largest share of the budget.
TIMING_RESERVE_S = 15.0
TIMING_MOST_SHARE = 0.1
# With less than this share of the time left, the search improves the best nodes only.
FINISH_SHARE = 0.3
# The refit's stated limit is lower than its real limit, its clocks keep reserves, and it starts cold.
REFIT_MARGIN = 1.4
REFIT_START_S = 3.0
# Largest share of the budget reserved for the refit; the search needs the rest.
REFIT_MOST_SHARE = 0.5
# Largest share of the budget reserved for the refit of the leader. For a longer one nothing is reserved.
REFIT_LEADER_SHARE = 0.3
# Share of the budget that may be reserved for the refits of several members of an ensemble.
REFIT_SHARE = 0.2
# Rules of decisions since which the members of an ensemble are refitted as far as the time allows.
RULES_OF_PARTIAL_REFITS = 3
# Seconds that an ensemble needs to blend its refitted members.
BLEND_S = 5.0
# Candidates do not start with less time, because nothing can be learned from them.
SMALLEST_NODE_S = 5.0
# In a short run, less is enough (rules 3): with so little left of the budget, a run has used its time.
SMALLEST_NODE_SHARE = 0.015
# Largest share of the budget that the preparation uses up; the search gets the rest in any case.
PREPARATION_MOST_SHARE = 0.5
# A preparation below this share of the budget is not worth a sentence.
_PREPARATION_TOLD_SHARE = 0.1


def counted_preparation_s(seconds: float, run: RunSettings) -> float:
    """Return the part of the preparation's seconds that counts as used time of the run."""
    return min(seconds, PREPARATION_MOST_SHARE * run.budget_s)


def preparation_sentence(seconds: float, run: RunSettings) -> str:
    """Return what the preparation took from the run's time; "" for a small part of it."""
    if seconds < _PREPARATION_TOLD_SHARE * run.budget_s:
        return ""
    took = f"The preparation took {duration(seconds)} of the run's {duration(run.budget_s)}"
    if seconds <= counted_preparation_s(seconds, run):
        return f"{took}, which leaves {duration(run.budget_s - seconds)} for the search."
    share_s = run.budget_s - counted_preparation_s(seconds, run)
    return (
        f"{took}, so the run takes longer than --minutes: the search gets {duration(share_s)} in any case. "
        "Prepared data are used again, so the next run starts faster."
    )


def refit_s(state: RunState, node: Node) -> float:
    """Return the expected seconds of a node's refit on all labelled rows; 0 if the run has no refit."""
    if state.run.refit_rows is None:
        return 0.0
    return sum(refit_parts_s(state, node).values())


def refit_parts_s(state: RunState, node: Node) -> dict[int, float]:
    """Return the expected seconds of a node's refit; of an ensemble, by member."""
    return {part.id: _refit_of(state.run, part) for part in _refitted(state, node)}


def least_refit_s(state: RunState, node: Node) -> float:
    """Return the seconds that a refit needs at least; a part of an ensemble's members is enough."""
    if node.operator != "ensemble" or state.run.rules < RULES_OF_PARTIAL_REFITS:
        return refit_s(state, node)
    return min(refit_parts_s(state, node).values()) + BLEND_S


def refit_limit_s(state: RunState, node: Node) -> float:
    """Return the limit of a refit that starts now: the rest of the budget, at least what a refit needs."""
    return max(state.run.budget_s - state.elapsed_s, least_refit_s(state, node))


def execution_limit_s(state: RunState, node: Node) -> float:
    """Return the limit of a node's execution that starts now, in seconds."""
    budget = Budget.of(state)
    if state.run.rules < 3 or node.operator == "ensemble":
        return budget.execution_limit_s(final=node.operator == "ensemble")
    parent = None if node.parent is None else state.nodes[node.parent]
    return max(node_limit_s(state, parent, continued=node.continues is not None), SMALLEST_NODE_S)


def node_limit_s(state: RunState, parent: Node | None, *, continued: bool = False) -> float:
    """Return the limit of a node that starts now, in seconds.

    Args:
        state: The state of the run.
        parent: The node to improve; None: a draft.
        continued: Whether the node goes on with a node that its limit cut short.
    """
    budget = Budget.of(state)
    if state.run.rules < 3:
        return budget.next_limit_s
    return limits.node_limit_s(
        state, parent, left_s=budget.search_left_s, finishing=budget.finishing, continued=continued
    )


def repeat_limit_s(state: RunState, node: Node) -> float:
    """Return the limit of a repeat of a node that starts now, in seconds."""
    if state.run.rules < 3:
        return Budget.of(state).execution_limit_s(final=False)
    return max(node_limit_s(state, node), SMALLEST_NODE_S)


def _refitted(state: RunState, node: Node) -> list[Node]:
    """Return the nodes that the refit of a node trains: the members of an ensemble, or the node itself."""
    if node.operator != "ensemble":
        return [node]
    weights = node.result.member_weights if node.result is not None else {}
    return [state.nodes[member] for member in node.parents if not weights or member in weights]


def _refit_of(run: RunSettings, node: Node) -> float:
    """Return the expected seconds of the refit of a node that is no ensemble."""
    return REFIT_MARGIN * (run.refit_rows or 1.0) * node.refit_seconds + _start_s(run, node)


def _start_s(run: RunSettings, node: Node) -> float:
    """Return the seconds that a refit needs besides its training; the smoke run of the node had them too."""
    smoke_s = 0.0 if node.result is None or run.rules < 3 else node.result.smoke_seconds
    return min(smoke_s, REFIT_START_S) if smoke_s > 0 else REFIT_START_S


def _refit_reserve_s(state: RunState) -> float:
    """Return the seconds to reserve for a refit of the leaders; an ensemble's refit refits all members."""
    run = state.run
    if run.refit_rows is None:
        return 0.0
    if run.blueprint and not state.leaders:  # the only node must leave time for its refit
        needed = REFIT_MARGIN * run.refit_rows
        return needed / (1 + needed) * run.budget_s
    if run.rules >= RULES_OF_PARTIAL_REFITS:
        leaders_s = [_refit_of(run, node) for node in _leaders_to_refit(state)]
        # For a longer refit, a part of the time would be reserved for nothing.
        best_s = sum(seconds for seconds in leaders_s[:1] if seconds <= REFIT_LEADER_SHARE * run.budget_s)
        most_s = REFIT_SHARE * run.budget_s
        several_s = 0.0 if run.blueprint else sum(seconds for seconds in leaders_s if seconds <= most_s)
        return max(best_s, min(several_s, most_s))
    nodes = state.leaders[:1] if run.blueprint else state.leaders
    return min(sum(_refit_of(run, node) for node in nodes), REFIT_MOST_SHARE * run.budget_s)


def _leaders_to_refit(state: RunState) -> list[Node]:
    """Return the nodes that a refit at the end of the run may train, as far as that is known.

    These are the leaders. Once there is an ensemble, these are its members, and leaders that came after it.
    """
    blend = state.blend
    if blend is None or not blend.is_valid:
        return state.leaders
    members = _refitted(state, blend)
    return [*members, *(node for node in state.leaders if node.id > blend.id)]


@dataclass(frozen=True)
class Budget:
    """The state of a run's budget at one moment."""

    limit_s: float
    elapsed_s: float
    node_limit_s: float
    final_node_limit_s: float
    nodes_left: int | None
    refit_reserve_s: float = 0.0
    rules: int = 1
    timing_reserve_s: float = 0.0

    @classmethod
    def of(cls, state: RunState, elapsed_s: float | None = None) -> "Budget":
        """Return the budget now, or after `elapsed_s` seconds if that is later."""
        run = state.run
        left = None if run.max_nodes is None else max(run.max_nodes - state.searched_nodes, 0)
        node_limits = (run.node_limit_s, run.final_node_limit_s)
        at_s = max(state.elapsed_s, elapsed_s or 0.0)
        timing_s = 0.0 if run.predict_ms is None else min(TIMING_RESERVE_S, TIMING_MOST_SHARE * run.budget_s)
        return cls(run.budget_s, at_s, *node_limits, left, _refit_reserve_s(state), run.rules, timing_s)

    @property
    def reserve_s(self) -> float:
        if self.rules < 3:
            blend_s = max(RESERVE_SHARE_BEFORE * self.limit_s, RESERVE_MIN_S)
        else:
            least_s = max(RESERVE_MIN_S, min(RESERVE_BLEND_S, RESERVE_BLEND_SHARE * self.limit_s))
            blend_s = max(RESERVE_SHARE * self.limit_s, least_s)
        return blend_s + self.refit_reserve_s + self.timing_reserve_s

    @property
    def search_left_s(self) -> float:
        """Seconds that candidates may still use."""
        return max(self.limit_s - self.reserve_s - self.elapsed_s, 0.0)

    @property
    def next_limit_s(self) -> float:
        """Time limit of a candidate that starts now, in seconds (until rules 2; see `node_limit_s`)."""
        limit = self.final_node_limit_s if self.finishing else self.node_limit_s
        return min(limit, self.search_left_s)

    def execution_limit_s(self, final: bool) -> float:
        """Return the limit of an execution that starts now, in seconds.

        The final execution, the ensemble, may use all the time that is not reserved for the refit.
        """
        left_s = self.limit_s - self.elapsed_s - self.refit_reserve_s
        return max(left_s if final else self.next_limit_s, SMALLEST_NODE_S)

    @property
    def is_exhausted(self) -> bool:
        """Whether no further candidate may start."""
        return self.nodes_left == 0 or self.is_out_of_time

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time left is too short for any execution."""
        share = 0.1 if self.rules < 3 else SMALLEST_NODE_SHARE
        return self.search_left_s < min(SMALLEST_NODE_S, share * self.limit_s)

    @property
    def finishing(self) -> bool:
        """Whether the rest of the time goes to the best nodes."""
        return self.search_left_s < FINISH_SHARE * self.limit_s
