"""Prepared competitions of several targets for the tabular family."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import Evaluation, evaluate
from agent.competition.prepared import Prepared
from agent.execution import run_script
from agent.repository.family import Value
from agent.repository.rendering import Renderer, TaskView, write_tree
from tests.competition.raw_folders import prepare_folder
from tests.competition.several_folders import TARGETS, several_folder
from tests.templates.tabular.tabular_competitions import FAMILY, Run, idea, run_all

READ = tuple(target for target in TARGETS if target["type"] != "label_set")  # what the family predicts
_NEEDS = FAMILY.slots["model"].needs
MODELS = tuple(
    str(model)
    for model in FAMILY.slots["model"].values
    if str(model) not in _NEEDS or "several" in (_NEEDS[str(model)].tasks or ("several",))
)
KINDS: dict[str, tuple[dict[str, object], ...]] = {
    "both": READ,
    "probability": ({**READ[0], "metric": "roc_auc"}, *READ[1:]),
    "classes": tuple(target for target in READ if target["name"] in ("churn", "breed", "grade")),
    "numbers": tuple(target for target in READ if target["name"] in ("price", "stars")),
}


@dataclass(frozen=True)
class Several:
    """A prepared competition, and what templates see of it."""

    prepared: Prepared

    @property
    def view(self) -> TaskView:
        return TaskView.of(self.prepared)

    def render(self, slots: dict[str, Value]) -> dict[str, str]:
        return Renderer(FAMILY, self.view).render(idea(slots))

    def lay_out(self, slots: dict[str, Value], workspace: Path) -> Path:
        """Render the repository beside its tables."""
        write_tree(self.render(slots), workspace)
        shutil.copytree(self.prepared.metadata, workspace / "metadata")
        return workspace

    def run(self, slots: dict[str, Value], workspace: Path, *arguments: str, **environment: str) -> Run:
        return run_all([self.lay_out(slots, workspace)], *arguments, environment=environment)[0]

    def evaluate(self, run: Run) -> Evaluation:
        """The harness's score of a finished run."""
        return evaluate(self.prepared, run.workspace, run.printed, run_script)


def several(folder: Path, kind: str = "both", labelled: int = 120, **fields: object) -> Several:
    """Prepare a competition of several targets below a folder."""
    spec = several_folder(folder / "raw", labelled, targets=list(KINDS[kind]), **fields)
    return Several(prepare_folder(spec, folder / "raw"))
