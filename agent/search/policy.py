"""Where the tree grows next: budget-aware MCTS, and two simple policies to compare it with."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.errors import SetupError
from agent.record.state import Node, RunState
from agent.search.reward import TIME_WEIGHT, values


@dataclass(frozen=True)
class Step:
    """What to do next: a draft when there is no parent, else an improvement of it."""

    parent: int | None


class Policy(Protocol):
    """Chooses the next step; a pure function of the state and the generator."""

    def next(self, state: RunState, rng: np.random.Generator) -> Step: ...


def improvable(state: RunState) -> list[Node]:
    """Valid nodes that can be grown from."""
    return [node for node in state.valid if node.operator != "ensemble"]


def _first_drafts(state: RunState, usual: int) -> int:
    """How many structures are looked at before one is improved.

    One where the user gave one, and one, as in the paper, where every module of a draft has to be written.
    """
    given = state.run.given
    is_written = any(node.idea.plan and node.is_valid for node in state.roots)
    return 1 if is_written or (given is not None and given.idea.blueprint is not None) else usual


@dataclass(frozen=True)
class MCTS:
    """Budget-aware Monte Carlo tree search (MARS, arXiv 2602.02660).

    UCT from the root to the first node that is not fully expanded. The root is fully expanded unless it has
    fewer than `first_drafts` children or the best has not improved over the last `patience` valid nodes; a
    valid node at `max_children`; any other node always. A fully expanded leaf leads back to the root.

    The paper starts from one draft and has a day; within minutes that would spend the whole budget below
    the lightest draft, so several structures are looked at first.
    """

    first_drafts: int = 3
    exploration: float = 1.0
    max_children: int = 2
    patience: int = 4
    time_weight: float = TIME_WEIGHT

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        roots = [node for node in state.roots if node.operator != "ensemble"]
        if len(roots) < _first_drafts(state, self.first_drafts) or self._stagnates(state):
            return Step(parent=None)
        value = values(state, self.time_weight)
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
        """Whether the last valid nodes brought nothing and no draft has been tried since."""
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
    """Always improves the best; drafts first, and again when `patience` valid nodes brought nothing."""

    drafts: int = 3
    patience: int = 8

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        drafted = sum(node.operator == "draft" for node in state.nodes.values())
        if state.best is None or drafted < _first_drafts(state, self.drafts):
            return Step(parent=None)
        if state.valid_since_best and state.valid_since_best % self.patience == 0:
            return Step(parent=None)
        return Step(parent=state.best.id)


@dataclass(frozen=True)
class Random:
    """A draft or an improvement of any valid node, with equal chance each."""

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        choices: list[int | None] = [None, *(node.id for node in improvable(state))]
        return Step(parent=choices[int(rng.integers(len(choices)))])


POLICIES: dict[str, type[MCTS] | type[Greedy] | type[Random]] = {
    "mcts": MCTS,
    "greedy": Greedy,
    "random": Random,
}


def make_policy(name: str) -> Policy:
    """A policy by name; SetupError lists the names."""
    if name not in POLICIES:
        raise SetupError(f"No policy is called '{name}'; there are {', '.join(POLICIES)}.")
    return POLICIES[name]()
