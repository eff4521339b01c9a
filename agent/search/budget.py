"""What is left of a run's time and nodes."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.record.state import Node, RunState

# Held back for the ensemble and for writing the solution.
RESERVE_SHARE = 0.05
RESERVE_MIN_S = 3.0
# From here on the time goes to the best found so far, not to new ground (DESIGN.md, Search).
FINISH_SHARE = 0.3
# A refit is told of less time than it has, and its own clock and its members' keep some back; it starts cold.
REFIT_MARGIN = 1.4
REFIT_START_S = 3.0
# It may hold back at most so much of a run's budget; a search has to come first.
REFIT_MOST_SHARE = 0.5
# A candidate is not started with less than this: nothing can be learned from it.
SMALLEST_NODE_S = 5.0


def refit_s(state: RunState, node: Node) -> float:
    """Seconds that executing a node once more, on all labelled rows, will need; 0 if not asked for."""
    if state.run.refit_rows is None:
        return 0.0
    parts = [state.nodes[member] for member in node.parents] if node.operator == "ensemble" else [node]
    return _refit_of(state.run.refit_rows, parts)


def refit_limit_s(state: RunState, node: Node) -> float:
    """Limit of a refit that starts now: all that is left of the budget, and at least what it will need."""
    return max(state.run.budget_s - state.elapsed_s, refit_s(state, node))


def _refit_of(rows: float, nodes: Sequence[Node]) -> float:
    return sum(REFIT_MARGIN * rows * node.own_seconds + REFIT_START_S for node in nodes)


def _refit_reserve_s(state: RunState) -> float:
    """What a refit would need were the search over: that of an ensemble is one of all its members."""
    run = state.run
    if run.refit_rows is None:
        return 0.0
    if run.blueprint and not state.leaders:  # The one node is not to take what its refit will need.
        needed = REFIT_MARGIN * run.refit_rows
        return needed / (1 + needed) * run.budget_s
    nodes = state.leaders[:1] if run.blueprint else state.leaders
    return min(_refit_of(run.refit_rows, nodes), REFIT_MOST_SHARE * run.budget_s)


@dataclass(frozen=True)
class Budget:
    """The state of a run's budget at one moment."""

    limit_s: float
    elapsed_s: float
    node_limit_s: float
    final_node_limit_s: float
    nodes_left: int | None
    refit_reserve_s: float = 0.0
    one_blueprint: bool = False
    replayed: str = ""

    @classmethod
    def of(cls, state: RunState, elapsed_s: float | None = None) -> "Budget":
        """The budget now, or when so many seconds will have passed."""
        run = state.run
        left = None if run.max_nodes is None else max(run.max_nodes - state.searched, 0)
        limits = (run.node_limit_s, run.final_node_limit_s)
        only = run.blueprint is not None
        replayed = run.replayed.run if run.replayed is not None else ""
        at_s = max(state.elapsed_s, elapsed_s or 0.0)
        return cls(run.budget_s, at_s, *limits, left, _refit_reserve_s(state), only, replayed)

    @property
    def reserve_s(self) -> float:
        return max(RESERVE_SHARE * self.limit_s, RESERVE_MIN_S) + self.refit_reserve_s

    @property
    def search_left_s(self) -> float:
        """Seconds that candidates may still use."""
        return max(self.limit_s - self.reserve_s - self.elapsed_s, 0.0)

    @property
    def next_limit_s(self) -> float:
        """Longest that a candidate started now may take."""
        limit = self.final_node_limit_s if self.finishing else self.node_limit_s
        return min(limit, self.search_left_s)

    def granted_s(self, final: bool) -> float:
        """Limit of an execution that starts now; the final one, the ensemble, may use all but the refit's."""
        left_s = self.limit_s - self.elapsed_s - self.refit_reserve_s
        return max(left_s if final else self.next_limit_s, SMALLEST_NODE_S)

    @property
    def exhausted(self) -> bool:
        """Whether no further candidate may start."""
        return self.nodes_left == 0 or self.is_late

    @property
    def is_late(self) -> bool:
        """Whether there is no time to execute anything more."""
        return self.search_left_s < min(SMALLEST_NODE_S, 0.1 * self.limit_s)

    @property
    def why_it_ends(self) -> str:
        """Said of a search that starts nothing more."""
        if self.one_blueprint:
            return "the given blueprint was tried"
        if self.exhausted:
            return "the budget is used"
        if self.replayed:
            return f"what can be made of the ideas of run {self.replayed} was made"
        return (
            "nothing new fits into the time that is left" if self.finishing else "nothing new is left to try"
        )

    @property
    def finishing(self) -> bool:
        return self.search_left_s < FINISH_SHARE * self.limit_s
