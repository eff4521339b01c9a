"""The remaining time and nodes of a run."""

from dataclasses import dataclass

from agent.core.format import duration
from agent.record.events import RunSettings
from agent.record.state import Node, RunState
from agent.search import limits
from agent.search.refits import refit_reserve_s

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
        return cls(run.budget_s, at_s, *node_limits, left, refit_reserve_s(state), run.rules, timing_s)

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
