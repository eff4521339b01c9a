"""What a run does next: a pure function of its state."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.planner.base import Planner, Request
from agent.planner.replay import ReplayPlanner
from agent.record.events import Operator, RunSettings
from agent.record.state import Node, RunState
from agent.repository.idea import Blueprint, Idea, idea_told_by
from agent.search.budget import Budget
from agent.search.policy import Policy, Step, improvable, make_policy

# Repeats measure the variance between seeds; they may use this share of the budget, this many times.
REPEAT_SHARE = 0.06
MAX_REPEATS = 3
MAX_FAILURES = 8
FIRST = 1  # the node of the user's own code, in a run that is replayed as in this one
FALLBACKS = 10  # best nodes that are asked for an idea when the policy's choice has none


@dataclass(frozen=True)
class Propose:
    """A new node."""

    operator: Operator
    parents: tuple[int, ...]
    idea: Idea
    expected_s: float | None
    note: str = ""
    replays: int | None = None  # the node of another run whose idea it is


@dataclass(frozen=True)
class Repeat:
    """The node once more, with another seed."""

    node: int


class Decisions(Protocol):
    """Says what a run does next, from nothing but its state."""

    def next(self, state: RunState) -> Propose | Repeat | None:
        """The next action, or None when nothing (more) should be started now."""
        ...


class Scheduler:
    """Joins policy, planner and budget to one decision at a time."""

    def __init__(self, policy: Policy, planner: Planner) -> None:
        self._policy = policy
        self._planner = planner

    def next(self, state: RunState) -> Propose | Repeat | None:
        """The next action, or None when nothing (more) should be started."""
        if state.run.blueprint is not None:
            return None if state.nodes else only(state.run.blueprint)
        if state.run.given is not None and not state.nodes:
            replays = FIRST if state.run.replayed is not None else None
            return Propose("draft", (), state.run.given.idea, None, replays=replays)
        budget = Budget.of(state)
        if budget.exhausted or _hopeless(state):
            return None
        rng = np.random.default_rng([state.run.seed, state.decisions])
        if (node := _worth_repeating(state, budget)) is not None:
            return Repeat(node.id)
        for step in self._steps(state, budget, rng):
            parent = None if step.parent is None else state.nodes[step.parent]
            request = Request(state, parent, budget.next_limit_s, budget.finishing, rng)
            proposal = self._planner.propose(request)
            if Budget.of(state).exhausted:  # a model may have thought until the run's time was up
                return None
            if proposal is not None:
                operator: Operator = "draft" if parent is None else "improve"
                parents = () if parent is None else (parent.id,)
                told = (proposal.idea, proposal.expected_s, proposal.note, proposal.replays)
                return Propose(operator, parents, *told)
        return None

    def _steps(self, state: RunState, budget: Budget, rng: np.random.Generator) -> Iterator[Step]:
        """The policy's choice first; when its planner has nothing new there, the best nodes, then a draft."""
        if budget.finishing and state.best is not None:
            yield Step(state.best.id)
        yield self._policy.next(state, rng)
        sign = -1.0 if state.higher_is_better else 1.0
        ranked = ((sign * (node.metric or 0.0), len(node.children), node.id) for node in improvable(state))
        yield from (Step(number) for _, _, number in heapq.nsmallest(FALLBACKS, ranked))
        yield Step(None)


def scheduler_of(run: RunSettings, planner: Planner) -> Scheduler:
    """The scheduler of a run; a recorded tree says itself where it grows."""
    if isinstance(planner, ReplayPlanner):
        return Scheduler(_Recorded(planner), planner)
    return Scheduler(make_policy(run.policy), planner)


@dataclass(frozen=True)
class _Recorded:
    """The policy of a search that gives back what another run proposed."""

    planner: ReplayPlanner

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        return Step(self.planner.next_parent(state, Budget.of(state).next_limit_s))


def only(blueprint: Blueprint) -> Propose:
    """The draft that carries out a given blueprint."""
    return Propose("draft", (), idea_told_by("the blueprint", "The given blueprint", blueprint), None)


def _hopeless(state: RunState) -> bool:
    """Whether so many nodes failed in a row that the fault must lie elsewhere than in their ideas."""
    recent = list(state.nodes.values())[-MAX_FAILURES:]
    return len(recent) == MAX_FAILURES and all(node.status == "failed" for node in recent)


def _worth_repeating(state: RunState, budget: Budget) -> Node | None:
    """The best node, once there are two to compare, while repeats are within their share."""
    best = state.best
    repeated = [node for node in state.nodes.values() if node.repeats or node.repeating]
    if best is None or best in repeated or len(state.valid) < 2 or len(repeated) >= MAX_REPEATS:
        return None
    spent = state.repeat_seconds + best.seconds
    affordable = spent <= REPEAT_SHARE * budget.limit_s and best.seconds <= budget.next_limit_s
    return best if affordable and not any(node.repeating for node in repeated) else None
