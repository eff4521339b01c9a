"""Renders the repository of an ensemble: the members' own repositories and the code that blends them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.core.contract import IDEA_FILE, member_folder
from agent.core.paths import templates_dir
from agent.repository.idea import Idea
from agent.repository.rendering import (
    TaskView,
    idea_json,
    own_metric_file,
    template_environment,
    template_names,
)

FOLDER = "ensemble"  # below the templates; not a family


@dataclass(frozen=True)
class MemberSource:
    """One member of an ensemble; templates see `node` and `title`."""

    node: str
    """The member's three-digit name."""
    title: str
    files: Mapping[str, str]
    """The member's repository, texts by path."""


def ensemble_files(members: Sequence[MemberSource], competition: TaskView, idea: Idea) -> dict[str, str]:
    """Return the repository: unmodified `members/<node>/` and the blending code."""
    folder = templates_dir() / FOLDER
    environment = template_environment(folder)
    context = {"competition": competition, "members": members, "idea": idea}
    files = {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in template_names(folder)
    }
    for member in members:
        place = member_folder(member.node)
        files |= {f"{place}/{name}": text for name, text in member.files.items()}
    files[IDEA_FILE] = idea_json(idea)
    return files | own_metric_file(competition)
