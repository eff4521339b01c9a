"""Decides the next action of a run, as a pure function of its state."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.planner.base import Planner, Request
from agent.record.events import Operator, RunSettings
from agent.record.state import Node, RunState
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.search.budget import Budget
from agent.search.ending import reached_limit
from agent.search.policy import Policy, Step, improvable, make_policy

# Repeats measure the variance between seeds; limits on their share of the budget and on their number.
REPEAT_SHARE = 0.06
MAX_REPEATS = 3
IMPORTED_NODE = 1  # the node of the imported repository, in the source run and in its replay
FALLBACKS = 10  # best nodes to try if the planner has no idea for the policy's choice


@dataclass(frozen=True)
class Propose:
    """A new node."""

    operator: Operator
    parents: tuple[int, ...]
    idea: Idea
    expected_s: float | None
    note: str = ""
    replays: int | None = None  # the node of another run that the idea is taken from


@dataclass(frozen=True)
class Repeat:
    """A repeat of a node with another seed."""

    node: int


class Decisions(Protocol):
    """Decides the next action of a run from its state alone."""

    def next(self, state: RunState) -> Propose | Repeat | None:
        """Return the next action, or None if nothing should start now."""
        ...


class Scheduler:
    """Combines policy, planner and budget into one decision at a time."""

    def __init__(self, policy: Policy, planner: Planner) -> None:
        self._policy = policy
        self._planner = planner

    def next(self, state: RunState) -> Propose | Repeat | None:
        """Return the next action, or None if nothing should start now."""
        if not state.nodes and (first := _first_node(state.run)) is not None:
            return first
        if reached_limit(state) is not None:
            return None
        budget = Budget.of(state)
        rng = np.random.default_rng([state.run.seed, state.decisions])
        if (node := _node_to_repeat(state, budget)) is not None:
            return Repeat(node.id)
        for step in self._steps(state, budget, rng):
            parent = None if step.parent is None else state.nodes[step.parent]
            request = Request(state, parent, budget.next_limit_s, budget.finishing, rng)
            proposal = self._planner.propose(request)
            if reached_limit(state) is not None:  # the model's answer may have used up the run's time
                return None
            if proposal is not None:
                operator: Operator = "draft" if parent is None else "improve"
                parents = () if parent is None else (parent.id,)
                return Propose(
                    operator,
                    parents,
                    proposal.idea,
                    proposal.expected_s,
                    note=proposal.note,
                    replays=proposal.replays,
                )
        return None

    def _steps(self, state: RunState, budget: Budget, rng: np.random.Generator) -> Iterator[Step]:
        """Yield the policy's choice, then, as fallbacks, the best nodes and a draft."""
        if budget.finishing and state.best is not None:
            yield Step(state.best.id)
        yield self._policy.next(state, rng)
        ranked = ((state.rank_key(node), len(node.children), node.id) for node in improvable(state))
        yield from (Step(number) for _, _, number in heapq.nsmallest(FALLBACKS, ranked))
        yield Step(None)


def scheduler_of(run: RunSettings, planner: Planner, policy: Policy | None = None) -> Scheduler:
    """Return the scheduler of a run; the planner's own policy takes the place of the settings' policy."""
    return Scheduler(policy or make_policy(run.policy), planner)


def blueprint_draft(blueprint: Blueprint) -> Propose:
    """Return the draft of a given blueprint."""
    return Propose("draft", (), placeholder_idea("the blueprint", "The given blueprint", blueprint), None)


def _first_node(run: RunSettings) -> Propose | None:
    """Return the node that the user gave: a blueprint or an imported repository; None without one."""
    if run.blueprint is not None:
        return blueprint_draft(run.blueprint)
    if run.imported is not None:
        replays = IMPORTED_NODE if run.replay_source is not None else None
        return Propose("draft", (), run.imported.idea, None, replays=replays)
    return None


def _node_to_repeat(state: RunState, budget: Budget) -> Node | None:
    """Return the best node if a repeat is useful and within the repeats' share of the budget."""
    best = state.best
    repeated = [node for node in state.nodes.values() if node.repeats or node.repeating]
    if best is None or best in repeated or len(state.valid) < 2 or len(repeated) >= MAX_REPEATS:
        return None
    spent = state.repeat_seconds + best.seconds
    affordable = spent <= REPEAT_SHARE * budget.limit_s and best.seconds <= budget.next_limit_s
    return best if affordable and not any(node.repeating for node in repeated) else None
