"""The choice among branches: the one whose next node is expected to improve the solution most."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from agent.record.state import Node, RunState
from agent.search.budget import Budget
from agent.search.racing import PAIRED_SHARE

# What tuning brings: a relative error reduction of about this size before the first improvement.
FIRST_GAIN = 0.06
FADING_NODES = 3.0  # it falls by the root of 2 after as many nodes
LEAST_GAIN = 0.001  # relative error reduction; a smaller one is no gain of a branch
STALE_NODES = 5.0  # it falls by half after as many nodes without a gain of the branch
COST_FROM = 0.05  # cost counts where a node takes more than this share of the time that is left
PATIENCE = 10  # valid nodes without a gain, after which a draft that was not looked at yet is tried


@dataclass(frozen=True)
class Branch:
    """A draft and all nodes below it."""

    best: Node
    nodes: int  # without the draft; running and failed nodes count
    stale: int  # nodes since the branch's last gain


def next_parent(state: RunState) -> int | None:
    """Return the node to improve; None: a draft."""
    parents = [] if _stagnates(state) else parents_by_worth(state)
    return parents[0] if parents else None


def parents_by_worth(state: RunState) -> list[int]:
    """Return the best node of each branch, that of the most promising branch first."""
    found = list(branches(state))
    if not found:
        return []
    left_s = max(Budget.of(state).search_left_s, 1.0)
    gaps, noise = _gaps(state, found)
    worth = [_worth(gap, branch, noise, left_s) for gap, branch in zip(gaps, found, strict=True)]
    ranked = sorted(zip(worth, found, strict=True), key=lambda pair: (-pair[0], pair[1].best.id))
    return [branch.best.id for _, branch in ranked]


def branches(state: RunState) -> Iterator[Branch]:
    """Yield the branches with a valid node, by draft."""
    root_of: dict[int, int] = {}
    members: dict[int, list[Node]] = {}
    for node in state.nodes.values():  # parents come before their children
        if node.operator == "ensemble":
            continue
        root_of[node.id] = node.id if node.parent is None else root_of[node.parent]
        members.setdefault(root_of[node.id], []).append(node)
    for nodes in members.values():
        valid = [node for node in nodes if node.is_valid and node.metric is not None]
        whole = [node for node in valid if node.result is not None and node.result.cut is None]
        if valid:  # a node that its limit cut short leads a branch only without another one
            best = min(whole or valid, key=lambda node: (state.rank_key(node), node.id))
            yield Branch(best, len(nodes) - 1, _stale_nodes(state, nodes))


def _stale_nodes(state: RunState, nodes: list[Node]) -> int:
    """Return how many nodes of a branch came after its last gain."""
    leader: float | None = None
    stale = 0
    for node in nodes:
        score = state.score(node) if node.is_valid else None
        if score is not None and (leader is None or _is_gain(state, score, leader)):
            leader, stale = score, 0
        elif leader is not None:
            stale += 1
    return stale


def _is_gain(state: RunState, score: float, leader: float) -> bool:
    error = abs(state.direction.gain(float(state.higher_is_better), leader))
    return state.direction.gain(score, leader) > LEAST_GAIN * error


def _stagnates(state: RunState) -> bool:
    """Return whether the last valid nodes brought no gain and no draft is among the last nodes."""
    recent = list(state.nodes.values())[-PATIENCE:]
    return state.valid_since_best >= PATIENCE and not any(node.operator == "draft" for node in recent)


def _gaps(state: RunState, found: list[Branch]) -> tuple[list[float], float]:
    """Return how far each branch is behind the best, as a log ratio of errors, and the noise of a gap."""
    ideal = float(state.higher_is_better)
    scores = [state.score(branch.best) or 0.0 for branch in found]
    errors = [state.direction.gain(ideal, score) for score in scores]
    least = min(errors)
    best = found[errors.index(least)].best.result
    noise = PAIRED_SHARE * ((best.metric_se if best is not None else None) or 0.0)
    if least > 0:
        return [math.log(error / least) for error in errors], noise / least
    spread = max(errors) - least  # the metric has another best score
    return [(error - least) / spread if spread > 0 else 0.0 for error in errors], 0.0


def _worth(gap: float, branch: Branch, noise: float, left_s: float) -> float:
    """Return the expected improvement of the solution by a branch's next node, by its cost.

    The solution is a blend in most runs. So a branch behind the best counts by its part in a blend, which
    falls with its gap, the slower the less a gap says. A branch's own improvements fade with its nodes, and
    faster with nodes that brought nothing.
    """
    share = math.exp(-gap / (FIRST_GAIN + noise))
    gain = share * FIRST_GAIN / math.sqrt(1 + branch.nodes / FADING_NODES) / (1 + branch.stale / STALE_NODES)
    return gain / max(branch.best.own_seconds / (COST_FROM * left_s), 1.0)
