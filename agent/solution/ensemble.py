"""Ensemble at the end of a run: a repository that blends the recorded outputs of the best nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.core.contract import IDEA_FILE, OUTPUT_FILES, member_folder
from agent.core.files import link_or_copy
from agent.core.paths import templates_dir
from agent.record.state import LEADERS, Node, RunState
from agent.repository.idea import Idea
from agent.repository.rendering import (
    TaskView,
    idea_json,
    own_metric_file,
    template_environment,
    template_names,
)
from agent.solution.choose import best_by_validation

CANDIDATES = 8  # number of best nodes whose raw outputs are kept


@dataclass(frozen=True)
class Member:
    """One member of the ensemble, for the template."""

    node: str
    title: str


def members(state: RunState, workspaces: Mapping[int, Path], count: int = LEADERS) -> list[Node]:
    """Return the best valid nodes with raw outputs; an ensemble needs at least two."""
    found = [
        node
        for node in best_by_validation(state, CANDIDATES)
        if node.operator != "ensemble"
        and all((workspaces[node.id] / name).is_file() for name in OUTPUT_FILES)
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


def ensemble_files(
    nodes: list[Node], member_files: Mapping[int, dict[str, str]], competition: TaskView, idea: Idea
) -> dict[str, str]:
    """Return the repository: unmodified `members/<node>/` and the blending code."""
    folder = templates_dir() / "ensemble"
    environment = template_environment(folder)
    listed = [Member(node.name, node.idea.title) for node in nodes]
    context = {"competition": competition, "members": listed, "idea": idea}
    files = {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in template_names(folder)
    }
    for node in nodes:
        files |= {f"{member_folder(node.name)}/{name}": text for name, text in member_files[node.id].items()}
    files[IDEA_FILE] = idea_json(idea)
    return files | own_metric_file(competition)


def place_outputs(nodes: list[Node], workspaces: Mapping[int, Path], workspace: Path) -> None:
    """Copy the members' recorded outputs to where the ensemble looks before it runs a member."""
    for node in nodes:
        for name in OUTPUT_FILES:
            target = workspace / member_folder(node.name) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(workspaces[node.id] / name, target)
