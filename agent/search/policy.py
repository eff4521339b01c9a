"""Search policies: budget-aware MCTS, and two simple policies as baselines."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.core.errors import SetupError
from agent.core.registry import Registry
from agent.record.state import Node, RunState
from agent.search import branches
from agent.search.reward import TIME_WEIGHT, node_values


@dataclass(frozen=True)
class Step:
    """The next step: an improvement of the parent, or a draft without a parent."""

    parent: int | None


class Policy(Protocol):
    """Chooses the next step; a pure function of the state and the random generator."""

    def next(self, state: RunState, rng: np.random.Generator) -> Step: ...


def improvable(state: RunState) -> list[Node]:
    """Return the valid nodes that can be improved."""
    return [node for node in state.valid if node.operator != "ensemble"]


def _first_drafts(state: RunState, default: int) -> int:
    """Return how many drafts to try before the first improvement.

    One draft is enough if the user gave a repository with a blueprint, or, as in the paper, if a model writes
    every module of a draft.
    """
    imported = state.run.imported
    is_written = any(node.idea.plan and node.is_valid for node in state.roots)
    return 1 if is_written or (imported is not None and imported.idea.blueprint is not None) else default


@dataclass(frozen=True)
class MCTS:
    """Budget-aware Monte Carlo tree search (MARS, arXiv 2602.02660).

    UCT descends from the root to the first node that is not fully expanded. The root is fully expanded unless
    it has fewer than `first_drafts` children, or the best score has not improved over the last `patience`
    valid nodes. A valid node is fully expanded at `max_children`, any other node always. A fully expanded
    leaf leads back to the root.

    The paper starts from one draft and has a day. In a run of minutes, one draft would use the whole budget
    below the cheapest structure, so several drafts come first.

    From rules 3 on, the library planner chooses values by all nodes of a structure, and no longer by the
    parent alone. So the tree search has two levels: it chooses the branch with the largest expected
    improvement of the best score (`agent.search.branches`), and in it the best node.
    """

    first_drafts: int = 3
    exploration: float = 1.0
    max_children: int = 2
    patience: int = 4
    time_weight: float = TIME_WEIGHT

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        if state.run.rules >= 3 and state.run.planner == "library":
            return Step(branches.next_parent(state))
        roots = [node for node in state.roots if node.operator != "ensemble"]
        if len(roots) < _first_drafts(state, self.first_drafts) or self._stagnates(state):
            return Step(parent=None)
        value = node_values(state, self.time_weight)
        children, visits = roots, sum(value[node.id][1] for node in roots)
        while children:
            node = max(children, key=lambda child: self._uct(value[child.id], visits))
            if self._expandable(state, node):
                return Step(parent=node.id)
            children = [state.nodes[child] for child in node.children]
            children = [child for child in children if child.operator != "ensemble"]
            visits = value[node.id][1]
        return Step(parent=None)

    def _stagnates(self, state: RunState) -> bool:
        """Return whether the last valid nodes brought no gain and no draft is among the last nodes."""
        if state.valid_since_best < self.patience:
            return False
        recent = [node for node in state.nodes.values() if node.operator != "ensemble"][-self.patience :]
        return not any(node.operator == "draft" for node in recent)

    def _expandable(self, state: RunState, node: Node) -> bool:
        grown = [child for child in node.children if state.nodes[child].operator == "improve"]
        return node.is_valid and len(grown) < self.max_children

    def _uct(self, value: tuple[float, int], parent_visits: int) -> float:
        mean, visits = value
        return mean + self.exploration * math.sqrt(math.log(max(parent_visits, 1)) / max(visits, 1))


@dataclass(frozen=True)
class Greedy:
    """Improves the best node; drafts come first, and again after `patience` valid nodes without a gain."""

    drafts: int = 3
    patience: int = 8

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        drafted = sum(node.operator == "draft" for node in state.nodes.values())
        if state.best_single is None or drafted < _first_drafts(state, self.drafts):
            return Step(parent=None)
        if state.valid_since_best and state.valid_since_best % self.patience == 0:
            return Step(parent=None)
        return Step(parent=state.best_single.id)


@dataclass(frozen=True)
class Random:
    """Chooses a draft or an improvement of any valid node with equal probability."""

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        choices: list[int | None] = [None, *(node.id for node in improvable(state))]
        return Step(parent=choices[int(rng.integers(len(choices)))])


# Packages add policies by entry points of the group `mars.policies`.
POLICIES: Registry[Callable[[], Policy]] = Registry(
    "mars.policies",
    {
        "mcts": "agent.search.policy:MCTS",
        "greedy": "agent.search.policy:Greedy",
        "random": "agent.search.policy:Random",
    },
    lambda found: "" if callable(found) else "a class or function that makes a policy",
)


def make_policy(name: str) -> Policy:
    """Return a policy by name.

    Raises:
        SetupError: the name is unknown (the message lists the known names), or an installed package's
            policy cannot be made or chooses no step.
    """
    factory = POLICIES.load(name)
    if name in POLICIES.builtin:
        return factory()
    package = POLICIES.source(name).package
    try:
        policy = factory()
    except Exception as error:  # foreign code
        raise SetupError(
            f"The policy '{name}' of the package {package} cannot be made ({type(error).__name__}: {error}); "
            f"repair or uninstall {package}."
        ) from error
    if not callable(getattr(policy, "next", None)):
        raise SetupError(
            f"The policy '{name}' of the package {package} has no method `next`; correct the entry point."
        )
    return policy
