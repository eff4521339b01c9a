"""The hand-written solution of the signals as values: what a model would answer on the module route."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from agent.core.yaml_files import read_yaml
from agent.repository.edits import Edit
from agent.repository.idea import Idea
from agent.repository.rendering import idea_json

FOLDER = Path(__file__).parent / "signals"


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Design(_Given):
    """The idea in words."""

    title: str
    model: str
    data: str
    training: str
    evaluation: str

    def idea(self, edits: tuple[Edit, ...] = ()) -> Idea:
        """With edits and without a blueprint, since no family has one for it."""
        return Idea(**self.model_dump(), blueprint=None, edits=edits)


class Module(_Given):
    """One module of the decomposition."""

    name: str  # library/<name>.py
    purpose: str
    defines: tuple[str, ...]
    uses: tuple[str, ...]

    @property
    def code(self) -> str:
        return (FOLDER / "repository" / self.name).read_text()

    @property
    def check(self) -> str:
        """Its small test script."""
        return (FOLDER / "checks" / Path(self.name).name).read_text()


class Fault(_Given):
    """A module with an honest bug, and what mends it."""

    module: str
    found_by: Literal["test", "smoke"]
    error: str  # the exception's type
    reason: str
    edits: tuple[Edit, ...]

    @property
    def code(self) -> str:
        """The module as it was answered first."""
        return (FOLDER / "broken" / Path(self.module).name).read_text()


class Improvement(_Given):
    """Another kind of model, as edits of two modules."""

    title: str
    reason: str
    design: Design
    edits: tuple[Edit, ...]


class Script(_Given):
    """The whole of it; modules in the order in which they are written, each needing earlier ones only."""

    design: Design
    modules: tuple[Module, ...]
    faults: tuple[Fault, ...]
    improved: Improvement

    @property
    def main(self) -> str:
        return (FOLDER / "repository" / "main.py").read_text()

    @property
    def files(self) -> dict[str, str]:
        """The finished repository, with what needs no model."""
        root = FOLDER / "repository"
        names = ["README.md", "requirements.txt", "library/__init__.py"]
        texts = {name: (root / name).read_text() for name in names}
        texts |= {module.name: module.code for module in self.modules}
        return texts | {"main.py": self.main, "idea.json": idea_json(self.design.idea())}


@cache
def signals_script() -> Script:
    return read_yaml(FOLDER / "script.yaml", Script)
