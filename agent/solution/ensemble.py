"""The ensemble at the end of a run: a repository that blends the best nodes' recorded outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.competition.files import link_or_copy
from agent.paths import templates_dir
from agent.record.state import LEADERS, Node, RunState
from agent.repository.idea import Idea
from agent.repository.render import TaskView, idea_json, own_metric_file, template_environment, template_names
from agent.solution.choose import best_by_validation

CANDIDATES = 8  # of so many of the best, the raw outputs are kept
_OUTPUTS = ("val_outputs.npz", "test_outputs.npz")


@dataclass(frozen=True)
class Member:
    """One blended node, as the template sees it."""

    node: str
    title: str


def members(state: RunState, workspaces: Mapping[int, Path], count: int = LEADERS) -> list[Node]:
    """The best valid nodes that left their raw outputs; fewer than two make no ensemble."""
    found = [
        node
        for node in best_by_validation(state, CANDIDATES)
        if node.operator != "ensemble"
        and all((workspaces[node.id] / "working" / name).is_file() for name in _OUTPUTS)
    ]
    return found[:count]


def ensemble_idea(nodes: list[Node]) -> Idea:
    """The plan in words; the code is the members' own plus a blending `main.py`."""
    names = ", ".join(node.name for node in nodes)
    return Idea(
        title=f"Blend of nodes {names}",
        model=f"The trained solutions of nodes {names}, unchanged.",
        data="As each member reads it.",
        training="No training beside the members': weights by greedy selection with replacement.",
        evaluation="Weights and thresholds never saw the validation rows that they are scored on.",
        blueprint=None,
    )


def ensemble_files(
    nodes: list[Node], member_files: Mapping[int, dict[str, str]], competition: TaskView, idea: Idea
) -> dict[str, str]:
    """The repository: `members/<node>/` unmodified and what blends them."""
    folder = templates_dir() / "ensemble"
    environment = template_environment(folder)
    listed = [Member(node.name, node.idea.title) for node in nodes]
    context = {"competition": competition, "members": listed, "idea": idea}
    files = {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in template_names(folder)
    }
    for node in nodes:
        files |= {f"members/{node.name}/{name}": text for name, text in member_files[node.id].items()}
    files["idea.json"] = idea_json(idea)
    return files | own_metric_file(competition)


def place_outputs(nodes: list[Node], workspaces: Mapping[int, Path], workspace: Path) -> None:
    """Puts the members' recorded outputs where the ensemble looks before it runs a member."""
    for node in nodes:
        target = workspace / "members" / node.name / "working"
        target.mkdir(parents=True, exist_ok=True)
        for name in _OUTPUTS:
            link_or_copy(workspaces[node.id] / "working" / name, target / name)
