from pathlib import Path

import pytest
import yaml

from agent.core.errors import SetupError
from agent.repository.family import Family, Slot, load_family
from agent.repository.idea import load_blueprint
from agent.repository.rendering import TaskView
from tests.conftest import TOY

LADDER = Slot(values=(0.1, 0.3, 1.0), default=0.3, description="d", modules=(), range=(0.01, 3.0))


def test_a_ladder_has_neighbours_and_ends() -> None:
    assert (LADDER.neighbour(0.3, 1), LADDER.neighbour(0.3, -1)) == (1.0, 0.1)
    assert LADDER.neighbour(1.0, 1) is None
    assert (LADDER.neighbour(0.2, 1), LADDER.neighbour(0.2, -1)) == (0.3, 0.1)


def test_a_slot_takes_its_values_and_what_is_in_range() -> None:
    assert LADDER.accepts(0.5)
    assert not LADDER.accepts(5.0)
    assert not LADDER.accepts("0.3")
    flag = Slot(values=(False, True), default=False, description="d", modules=())
    assert not flag.accepts(1), "True is not 1 here"


def _broken(tmp_path: Path, **change: object) -> Path:
    content = yaml.safe_load((TOY / "families" / "toy" / "family.yaml").read_text())
    (tmp_path / "family.yaml").write_text(yaml.safe_dump({**content, **change}))
    return tmp_path


def test_a_family_that_names_an_unknown_slot_or_key_is_refused(tmp_path: Path) -> None:
    draft = {
        "id": "d",
        "title": "t",
        "set": {"deepness": 1},
        **dict.fromkeys(("model", "data", "training", "evaluation"), "x"),
    }
    with pytest.raises(SetupError, match=r"family\.yaml.*unknown slot 'deepness'"):
        load_family(_broken(tmp_path, drafts=[draft]))
    with pytest.raises(SetupError, match=r"'colour'"):
        load_family(_broken(tmp_path, colour="red"))


def test_values_together_may_cost_more_or_less_than_each_alone(tmp_path: Path) -> None:
    plain = load_family(_broken(tmp_path))
    depth, kind = plain.slots["depth"].values[-1], plain.slots["kind"].values[-1]
    joint = {"slots": {"depth": [depth], "kind": [kind]}, "cost": 0.5}
    family = load_family(_broken(tmp_path, joint_costs=[joint]))
    both = {**plain.defaults, "depth": depth, "kind": kind}
    other = {**both, "kind": plain.slots["kind"].values[0]}
    assert family.relative_cost(both) == pytest.approx(0.5 * plain.relative_cost(both))
    assert family.relative_cost(other) == plain.relative_cost(other)
    assert family.relative_cost({"depth": depth}) == pytest.approx(
        0.5 * plain.relative_cost({"depth": depth})
    )
    with pytest.raises(SetupError, match="joint_costs: unknown slot 'colour'"):
        load_family(_broken(tmp_path, joint_costs=[{"slots": {"colour": ["red"]}, "cost": 2}]))


def test_a_blueprint_file_is_filled_with_defaults_and_checked(tmp_path: Path, toy_family: Family) -> None:
    file = tmp_path / "seed.yaml"
    file.write_text("family: toy\nslots: {depth: 3}\n")
    assert load_blueprint(file, {"toy": toy_family}).slots["depth"] == 3
    file.write_text("family: toy\nslots: {depth: 9}\n")
    with pytest.raises(SetupError, match="slot 'depth' does not accept 9; its values are 1, 2, 3"):
        load_blueprint(file, {"toy": toy_family})
    file.write_text("family: toi\nslots: {}\n")
    with pytest.raises(SetupError, match="unknown family 'toi'; the installed families are toy"):
        load_blueprint(file, {"toy": toy_family})


def test_the_task_view_is_typed() -> None:
    assert "n_classes" in TaskView.model_fields
