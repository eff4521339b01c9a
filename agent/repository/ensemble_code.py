"""Renders the repository of an ensemble: the members' own repositories and the code that blends them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.core.contract import IDEA_FILE, member_folder
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
    """One member of an ensemble; templates see `node`, `title` and `predict_ms`."""

    node: str
    """The member's three-digit name."""
    title: str
    files: Mapping[str, str]
    """The member's repository, texts by path."""
    predict_ms: float | None = None
    """Measured milliseconds per row; None: not measured."""


def ensemble_files(
    members: Sequence[MemberSource],
    competition: TaskView,
    idea: Idea,
    bundled: Path,
    predict_ms: float | None = None,
) -> dict[str, str]:
    """Return the repository: unmodified `members/<node>/` and the combining code of the bundled templates.

    Args:
        members: The members.
        competition: What templates see of the competition.
        idea: The ensemble's idea.
        bundled: The bundled templates.
        predict_ms: Most milliseconds per row of the members together; None: no limit.
    """
    folder = bundled / FOLDER
    environment = template_environment(folder, bundled)
    context = {"competition": competition, "members": members, "idea": idea, "predict_ms": predict_ms}
    files = {
        name.removesuffix(".j2"): environment.get_template(name).render(context)
        for name in template_names(folder)
    }
    for member in members:
        place = member_folder(member.node)
        files |= {f"{place}/{name}": text for name, text in member.files.items()}
    files[IDEA_FILE] = idea_json(idea)
    return files | own_metric_file(competition)
