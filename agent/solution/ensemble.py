"""Ensemble at the end of a run: its members, its idea and the recorded outputs that it blends."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.core.contract import MODEL_FOLDER, OUTPUT_FILES, member_folder
from agent.core.untrusted_files import copy_inside, copy_tree_inside, is_plain_file
from agent.record.state import Node, RunState
from agent.repository.idea import Idea
from agent.solution.choose import best_by_validation, is_fast

MOST_MEMBERS = 25  # of an ensemble; greedy selection gives most of them no weight
MOST_RANKED = 100  # nodes whose raw outputs are kept, if the disk's share allows


def ranked(state: RunState, count: int = MOST_RANKED) -> list[Node]:
    """Return the valid nodes by their worth for an ensemble, most valuable first, without ensembles.

    The best node of each structure comes first, since other kinds of models err on other rows. The other
    nodes follow by their scores. Members must cover the same rows, so only nodes with the most folds count.
    """
    best = best_by_validation(state, len(state.valid))
    nodes = [node for node in best if node.operator != "ensemble" and state.has_most_folds(node)]
    return structures_first(state, nodes)[:count]


def structures_first(state: RunState, nodes: Sequence[Node]) -> list[Node]:
    """Return nodes, best first, in another order: the best of each structure, then the others."""
    first: dict[tuple[str, str], Node] = {}
    for node in nodes:
        is_own_code = node.blueprint is None  # each is a kind of its own
        first.setdefault(("", node.name) if is_own_code else state.structure(node), node)
    leaders = {node.id for node in first.values()}
    return [*first.values(), *(node for node in nodes if node.id not in leaders)]


def members(state: RunState, workspaces: Mapping[int, Path], count: int = MOST_MEMBERS) -> list[Node]:
    """Return the valid nodes with raw outputs that are worth blending; an ensemble needs at least two.

    A node that predicts a row more slowly than the user asked for is no member.
    """
    found = [
        node
        for node in ranked(state)
        if is_fast(state, node) and all(is_plain_file(workspaces[node.id], name) for name in OUTPUT_FILES)
    ]
    return found[:count]


def ensemble_idea(nodes: list[Node]) -> Idea:
    """Return the ensemble's idea; its code is the members' own plus a blending `main.py`."""
    names = ", ".join(node.name for node in nodes)
    return Idea(
        title=f"Blend of nodes {names}",
        model=f"The trained solutions of nodes {names}, unchanged.",
        data="As each member reads it.",
        training="Only the members train. A blend with greedy weights, an average of the best few or a "
        "stacking layer combines their outputs, whichever wins out of fold.",
        evaluation="Weights and thresholds are cross-fitted: each validation row is scored out of fold.",
        blueprint=None,
    )


def place_outputs(nodes: list[Node], workspaces: Mapping[int, Path], workspace: Path) -> None:
    """Copy the members' recorded outputs and saved models to where the ensemble looks for them."""
    for node in nodes:
        for name in OUTPUT_FILES:
            target = workspace / member_folder(node.name) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_inside(workspaces[node.id], name, target)
        if (workspaces[node.id] / MODEL_FOLDER).is_dir():
            place = workspace / member_folder(node.name) / MODEL_FOLDER
            copy_tree_inside(workspaces[node.id], MODEL_FOLDER, place)
