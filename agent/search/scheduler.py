"""Decides the next action of a run, as a pure function of its state."""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from agent.planner.base import Planner, Request
from agent.record.events import Operator, RunSettings
from agent.record.settings import EarlierNode
from agent.record.state import Node, RunState, variant_key
from agent.repository.idea import Blueprint, Idea, placeholder_idea
from agent.search.branches import parents_by_worth
from agent.search.budget import SMALLEST_NODE_S, Budget, node_limit_s
from agent.search.continuing import continued_idea, continued_seconds, node_to_continue
from agent.search.ending import reached_limit
from agent.search.policy import Policy, Step, improvable, make_policy

# Repeats measure the variance between seeds; limits on their share of the budget and on their number.
REPEAT_SHARE = 0.06
# A first look at one draft of each structure may use this share of the time, and of the nodes.
LOOK_SHARE = 1 / 3
LEAST_LOOKS = 2
# After that, a structure that takes no more than this share of the time left is still looked at.
LATE_LOOK_SHARE = 0.08
MAX_REPEATS = 3
# The first nodes that a run takes over from an earlier one; more of them within a share of time and nodes.
LEAST_STARTS = 3
START_SHARE = 0.3
Look = Literal["first", "late", "none"]
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
    continues: int | None = None  # the node, cut short by its time limit, that gets more time


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
        # The first look leaves time for all structures: it goes on with the run's first baseline only.
        look = look_at_structures(state, budget)
        if (cut := node_to_continue(state, budget.search_left_s, only_first=look == "first")) is not None:
            return _continuation(cut)
        if (node := _node_to_repeat(state, budget)) is not None:
            return Repeat(node.id)
        if (earlier := _next_warm_start(state, budget)) is not None:
            return earlier
        for step, its_look in self._steps(state, budget, rng, look):
            parent = None if step.parent is None else state.nodes[step.parent]
            request = _request(state, parent, budget, rng, its_look)
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

    def _steps(
        self, state: RunState, budget: Budget, rng: np.random.Generator, look: Look
    ) -> Iterator[tuple[Step, Look]]:
        """Yield the look at structures, the policy's choice, and as fallbacks other nodes and a draft.

        The policy may choose a draft where none is left. From rules 3 on, the branches then follow by their
        worth, before the best nodes.
        """
        if look != "none":
            yield Step(None), look
        if state.run.rules < 3 and budget.finishing and state.best_single is not None:
            yield Step(state.best_single.id), "none"
        yield self._policy.next(state, rng), "none"
        if state.run.rules >= 3 and state.run.planner == "library":
            yield from ((Step(number), "none") for number in parents_by_worth(state)[:FALLBACKS])
        ranked = ((state.rank_key(node), len(node.children), node.id) for node in improvable(state))
        yield from ((Step(number), "none") for _, _, number in heapq.nsmallest(FALLBACKS, ranked))
        yield Step(None), "none"


def look_at_structures(state: RunState, budget: Budget) -> Look:
    """Return how the run looks at one draft of each structure before it improves any.

    The first look has a share of the time. After that, only structures that cost little are looked at. A
    language model and a replay choose their own drafts.
    """
    if state.run.rules < 3 or state.run.planner != "library":
        return "none"
    if not state.valid or len(state.roots) < LEAST_LOOKS:
        return "first"
    if state.run.max_nodes is not None and len(state.nodes) >= LOOK_SHARE * state.run.max_nodes:
        return "none"
    if state.elapsed_s < _look_end_s(state, budget):
        return "first"
    return "none" if budget.finishing else "late"


def _look_end_s(state: RunState, budget: Budget) -> float:
    """Return when the first look ends: after its share of the time that the preparation left."""
    first = next(iter(state.nodes.values()), None)
    began_s = first.proposed_at_s if first is not None else state.elapsed_s
    return began_s + LOOK_SHARE * (budget.limit_s - began_s)


def _request(
    state: RunState, parent: Node | None, budget: Budget, rng: np.random.Generator, look: Look
) -> Request:
    limit_s, left_s = node_limit_s(state, parent), budget.search_left_s
    if look == "first" and len(state.roots) >= LEAST_LOOKS:  # a look may end little later than its share
        limit_s = min(limit_s, max(_look_end_s(state, budget) - state.elapsed_s, SMALLEST_NODE_S))
    most_expected_s = LATE_LOOK_SHARE * left_s if look == "late" else math.inf
    looking = look != "none"
    return Request(state, parent, limit_s, budget.finishing, rng, looking, most_expected_s, left_s)


def _next_warm_start(state: RunState, budget: Budget) -> Propose | None:
    """Return the next node that the run takes over from an earlier one; None after the last that fits."""
    warm = state.run.warm_start
    if warm is None:
        return None
    for number, start in enumerate(warm.starts):
        if number >= LEAST_STARTS and not _may_start(warm.starts[: number + 1], state.run):
            return None
        is_new = variant_key(start.blueprint, None) not in state.variants
        if is_new and start.seconds <= node_limit_s(state, None):
            idea = placeholder_idea(f"node {start.node:03d} of run {warm.run}", start.title, start.blueprint)
            note = f"The start of this run: node {start.node:03d} of run {warm.run}, on the same data."
            return Propose("draft", (), idea, start.seconds, note=note)
    return None


def _may_start(starts: Sequence[EarlierNode], run: RunSettings) -> bool:
    """Return whether so many nodes of an earlier run take no more than their share of the time and nodes."""
    if run.max_nodes is not None and len(starts) > START_SHARE * run.max_nodes:
        return False
    return sum(start.seconds for start in starts) <= START_SHARE * run.budget_s


def scheduler_of(run: RunSettings, planner: Planner, policy: Policy | None = None) -> Scheduler:
    """Return the scheduler of a run; the planner's own policy takes the place of the settings' policy."""
    return Scheduler(policy or make_policy(run.policy), planner)


def blueprint_draft(blueprint: Blueprint) -> Propose:
    """Return the draft of a given blueprint."""
    return Propose("draft", (), placeholder_idea("the blueprint", "The given blueprint", blueprint), None)


def _continuation(node: Node) -> Propose:
    """Return the execution of a cut node with more time, as a child of it."""
    assert node.result is not None
    assert node.result.cut is not None
    cut = node.result.cut
    note = (
        f"Node {node.name} used {cut.share:.0%} of its {cut.what} because of its time limit; "
        "it gets more time."
    )
    return Propose(
        "improve", (node.id,), continued_idea(node), continued_seconds(node), note=note, continues=node.id
    )


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
    best = state.best_single
    repeated = [node for node in state.nodes.values() if node.repeats or node.repeating]
    if best is None or best in repeated or len(state.valid) < 2 or len(repeated) >= MAX_REPEATS:
        return None
    if state.run.rules >= 3 and state.is_deterministic(best):
        return None
    spent = state.repeat_seconds + best.seconds
    affordable = spent <= REPEAT_SHARE * budget.limit_s and best.seconds <= node_limit_s(state, best)
    return best if affordable and not any(node.repeating for node in repeated) else None
