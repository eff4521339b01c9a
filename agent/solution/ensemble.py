"""Ensemble at the end of a run: its members, its idea and the recorded outputs that it blends."""

from collections.abc import Mapping
from pathlib import Path

from agent.core.contract import OUTPUT_FILES, member_folder
from agent.core.untrusted_files import copy_inside, is_plain_file
from agent.record.state import LEADERS, Node, RunState
from agent.repository.idea import Idea
from agent.solution.choose import best_by_validation

CANDIDATES = 8  # number of best nodes whose raw outputs are kept


def candidates(state: RunState) -> list[Node]:
    """Return the best valid nodes that an ensemble may blend, whose raw outputs are kept; best first.

    Members must cover the same rows, so only nodes with the most folds count.
    """
    ranked = best_by_validation(state, len(state.valid))
    return [node for node in ranked if node.operator != "ensemble" and state.has_most_folds(node)][
        :CANDIDATES
    ]


def members(state: RunState, workspaces: Mapping[int, Path], count: int = LEADERS) -> list[Node]:
    """Return the best valid nodes with raw outputs; an ensemble needs at least two."""
    found = [
        node
        for node in candidates(state)
        if all(is_plain_file(workspaces[node.id], name) for name in OUTPUT_FILES)
    ]
    return found[:count]


def ensemble_idea(nodes: list[Node]) -> Idea:
    """Return the ensemble's idea; its code is the members' own plus a blending `main.py`."""
    names = ", ".join(node.name for node in nodes)
    return Idea(
        title=f"Blend of nodes {names}",
        model=f"The trained solutions of nodes {names}, unchanged.",
        data="As each member reads it.",
        training="Only the members train; blending weights come from greedy selection with replacement.",
        evaluation="Weights and thresholds are cross-fitted: each validation row is scored out of fold.",
        blueprint=None,
    )


def place_outputs(nodes: list[Node], workspaces: Mapping[int, Path], workspace: Path) -> None:
    """Copy the members' recorded outputs to where the ensemble looks before it runs a member."""
    for node in nodes:
        for name in OUTPUT_FILES:
            target = workspace / member_folder(node.name) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_inside(workspaces[node.id], name, target)
