"""Prepared competitions of texts with several typed targets."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.evaluation import Evaluation, evaluate
from agent.competition.prepared import Prepared
from agent.execution import run_script
from agent.repository.family import Value
from agent.repository.rendering import Renderer, TaskView, write_tree
from tests.competition.raw_folders import prepare_folder, write_spec
from tests.templates.tabular.tabular_competitions import Run
from tests.templates.text.text_competitions import FAMILY, FILL, idea

TARGETS: tuple[dict[str, object], ...] = (
    {"name": "rare", "type": "binary", "metric": "f1", "positive_class": "1"},
    {"name": "place", "type": "category", "metric": "accuracy"},
    {"name": "grade", "type": "ordinal", "metric": "qwk", "order": ["low", "mid", "high"]},
    {"name": "price", "type": "value", "metric": "r2"},
    {"name": "stars", "type": "bounded", "metric": "r2", "low": 0, "high": 10},
)
KINDS: dict[str, tuple[str, ...]] = {
    "both": ("rare", "place", "grade", "price", "stars"),
    "classes": ("rare", "place", "grade"),
    "numbers": ("price", "stars"),
}
INPUTS = [
    {"name": "first", "role": "text"},
    {"name": "second", "role": "text"},
    {"name": "x", "role": "number"},
]
PLACES = ["home", "school", "street"]


@dataclass(frozen=True)
class SeveralTexts:
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

    def evaluate(self, run: Run) -> Evaluation:
        """The harness's score of a finished run."""
        return evaluate(self.prepared, run.workspace, run.printed, run_script)


def rows_of(count: int, seed: int) -> pd.DataFrame:
    """Reports whose words tell all targets; of those with an argument, less than half have the rare event."""
    random = np.random.default_rng(seed)
    place, level = random.integers(0, 3, count), random.integers(0, 6, count)
    told = random.random(count) < 0.25
    noise = [" ".join(random.choice(FILL, 6)) for _ in range(count)]
    return pd.DataFrame(
        {
            "id": [f"r{seed}-{row}" for row in range(count)],
            "first": [f"{text} at {PLACES[one]}" for text, one in zip(noise, place, strict=True)],
            "second": [
                f"{'argument ' if one else ''}{'very ' * grade}bad"
                for one, grade in zip(told, level, strict=True)
            ],
            "x": random.normal(size=count).round(3),
            "rare": np.where(told & (random.random(count) < 0.45), "1", "0"),
            "place": np.array(PLACES)[place],
            "grade": np.array(["low", "mid", "high"])[level // 2],
            "price": level * 2.0 + random.normal(0, 0.1, count).round(3),
            "stars": np.minimum(level * 2.5, 10),
        }
    )


def several_texts(folder: Path, kind: str = "both", labelled: int = 240) -> SeveralTexts:
    """Prepare a competition of several targets below a folder."""
    raw = folder / "raw"
    (raw / "answers").mkdir(parents=True)
    names = KINDS[kind]
    others = [str(target["name"]) for target in TARGETS if target["name"] not in names]
    rows_of(labelled, 0).drop(columns=others).to_csv(raw / "train.csv", index=False)
    answers = rows_of(40, 1).drop(columns=others)
    answers.drop(columns=list(names)).to_csv(raw / "test.csv", index=False)
    answers[["id", *names]].to_csv(raw / "sample_submission.csv", index=False)
    answers[["id", *names]].to_csv(raw / "answers" / "test.csv", index=False)
    settings: dict[str, object] = {
        "task": "several",
        "metric": "mean_of",
        "targets": [target for target in TARGETS if target["name"] in names],
        "inputs": INPUTS,
    }
    return SeveralTexts(prepare_folder(write_spec(raw, **settings), raw))
