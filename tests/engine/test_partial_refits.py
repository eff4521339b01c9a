"""Members of an ensemble that were not refitted lose their weight where classes were held out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from agent.core.contract import FROZEN_FILE, OUTPUT_FILES
from agent.engine.refit import place_refit
from agent.engine.trials.checkout import Checkout


@dataclass(frozen=True)
class Folders:
    """The workspaces of members, as a checkout names them."""

    root: Path

    def workspace(self, node: int) -> Path:
        return self.root / f"{node:03d}"

    def refit_workspace(self, node: int) -> Path:
        return self.root / f"{node:03d}-refit"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The workspace of an ensemble's refit beside those of its members, of which the first is refitted."""
    for name in ("001", "001-refit", "002", "ensemble"):
        folder = tmp_path / name
        (folder / FROZEN_FILE).parent.mkdir(parents=True)
        (folder / OUTPUT_FILES[1]).write_text(name)
        (folder / FROZEN_FILE).write_text("{}")
    weights = {"001": 0.25, "002": 0.75}
    (tmp_path / "ensemble" / FROZEN_FILE).write_text(json.dumps({"weights": weights, "bias": [0.0]}))
    return tmp_path / "ensemble"


@pytest.mark.parametrize(("only_refitted", "weights"), [(True, [1.0, 0.0]), (False, [0.25, 0.75])])
def test_other_members_keep_their_weight_only_if_they_know_all_classes(
    place: Path, only_refitted: bool, weights: list[float]
) -> None:
    checkout = cast(Checkout, Folders(place.parent))
    place_refit(checkout, [1, 2], [1], place, only_refitted=only_refitted)
    content = json.loads((place / FROZEN_FILE).read_text())
    assert content == {"weights": dict(zip(("001", "002"), weights, strict=True)), "bias": [0.0]}
    outputs = [place / "members" / name / "refit" / OUTPUT_FILES[1] for name in ("001", "002")]
    assert [file.read_text() for file in outputs] == ["001-refit", "002"]


@pytest.mark.parametrize("content", ["{", "[]", '{"weights": {"001": 0, "002": 1}}', '{"weights": 3}'])
def test_choices_that_name_no_weight_stay_as_they_are(place: Path, content: str) -> None:
    (place / FROZEN_FILE).write_text(content)
    place_refit(cast(Checkout, Folders(place.parent)), [1, 2], [1], place, only_refitted=True)
    assert (place / FROZEN_FILE).read_text() == content
