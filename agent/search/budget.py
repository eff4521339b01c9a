"""What is left of a run's time and nodes."""

from dataclasses import dataclass

from agent.record.state import RunState

# Held back for the ensemble and for writing the solution.
RESERVE_SHARE = 0.05
RESERVE_MIN_S = 3.0
# From here on the time goes to the best found so far, not to new ground (DESIGN.md, Search).
FINISH_SHARE = 0.3
# A candidate is not started with less than this: nothing can be learned from it.
SMALLEST_NODE_S = 5.0


@dataclass(frozen=True)
class Budget:
    """The state of a run's budget at one moment."""

    limit_s: float
    elapsed_s: float
    node_limit_s: float
    final_node_limit_s: float
    nodes_left: int | None

    @classmethod
    def of(cls, state: RunState) -> "Budget":
        run = state.run
        left = None if run.max_nodes is None else max(run.max_nodes - state.searched, 0)
        return cls(run.budget_s, state.elapsed_s, run.node_limit_s, run.final_node_limit_s, left)

    @property
    def reserve_s(self) -> float:
        return max(RESERVE_SHARE * self.limit_s, RESERVE_MIN_S)

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
        """Limit of an execution that starts now; the final one, the ensemble, may use all that is left."""
        return max(self.limit_s - self.elapsed_s if final else self.next_limit_s, SMALLEST_NODE_S)

    @property
    def exhausted(self) -> bool:
        """Whether no further candidate may start."""
        return self.nodes_left == 0 or self.search_left_s < min(SMALLEST_NODE_S, 0.1 * self.limit_s)

    @property
    def finishing(self) -> bool:
        return self.search_left_s < FINISH_SHARE * self.limit_s
