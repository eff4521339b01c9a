"""What does not fit the time is lowered instead of being dropped."""

import numpy as np
import pytest

from agent.core.paths import templates_dir
from agent.planner.base import Request, TaskContext
from agent.planner.constraints import Constraints
from agent.planner.fitting import DRAFT_SLACK, fit_draft, fit_improvement
from agent.planner.search_space import SAFE_SHARE, SearchSpace
from agent.repository.family import Family, Value, load_family
from agent.repository.idea import Blueprint
from tests.support.states import finish, idea, propose, started

PICTURES = TaskContext(
    task="classification", metric="accuracy", roles=frozenset({"image"}), n_train=5000, device="cpu"
)
FAMILY: Family = load_family(templates_dir() / "image_classification")


def space(constraints: Constraints | None = None) -> SearchSpace:
    return SearchSpace({FAMILY.id: FAMILY}, PICTURES, constraints)


def slots_of(**chosen: Value) -> dict[str, Value]:
    return FAMILY.fill(dict(chosen), "test")


def request(limit_s: float, finishing: bool = False, **known: Value) -> Request:
    """A request of a run with one node of these slots that took 10 seconds."""
    state = started(rules=3, final_node_minutes=2.0)
    what = idea().model_copy(update={"blueprint": Blueprint(family=FAMILY.id, slots=slots_of(**known))})
    finish(state, propose(state, what=what), 0.5, seconds=10.0)
    return Request(state, None, limit_s, finishing, np.random.default_rng(0))


def test_a_draft_that_fits_stays_as_it_is() -> None:
    slots = slots_of(backbone="resnet18d", image_size=96)
    found = fit_draft(space(), request(60.0), FAMILY, slots)
    assert found is not None
    assert (found.slots, found.note) == (slots, "")


def test_before_the_first_node_of_a_family_every_draft_fits() -> None:
    state = started(rules=3)
    asked = Request(state, None, 1.0, False, np.random.default_rng(0))
    found = fit_draft(space(), asked, FAMILY, slots_of(image_size=384, folds=5))
    assert found is not None
    assert found.expected_s is None
    assert found.slots["image_size"] == 384


def test_a_draft_that_does_not_fit_gets_fewer_folds_then_smaller_pictures_and_fewer_epochs() -> None:
    slots = slots_of(backbone="resnet50d", image_size=224, epochs=12, folds=3)
    found = fit_draft(space(), request(150.0), FAMILY, slots)
    assert found is not None
    assert found.expected_s is not None
    assert found.expected_s <= DRAFT_SLACK * 150.0
    assert found.slots == {**slots, "folds": 1, "image_size": 160, "epochs": 8}
    assert found.note == "Made to fit the time: image_size 224 → 160, epochs 12 → 8, folds 3 → 1."
    tight = fit_draft(space(), request(40.0, finishing=True), FAMILY, slots)
    assert tight is not None
    assert tight.expected_s is not None
    assert tight.expected_s <= SAFE_SHARE * 40.0
    assert tight.slots["backbone"] == "resnet50d"
    assert tight.slots["image_size"] >= 64  # type: ignore[operator]
    assert tight.slots["epochs"] >= 5  # type: ignore[operator]


def test_what_fits_in_no_form_is_dropped() -> None:
    slots = slots_of(backbone="eva02_large_patch14_448", image_size=384)
    assert fit_draft(space(), request(5.0, finishing=True), FAMILY, slots) is None


def test_what_the_user_pinned_or_forbade_is_not_lowered() -> None:
    slots = slots_of(backbone="resnet50d", image_size=224, epochs=12)
    pinned = fit_draft(space(Constraints(pinned={"image_size": 224})), request(250.0), FAMILY, slots)
    assert pinned is not None
    assert pinned.slots["image_size"] == 224
    assert pinned.slots["epochs"] == 5
    forbidden = Constraints(forbidden_values=frozenset({("image_size", 192)}))
    found = fit_draft(space(forbidden), request(250.0), FAMILY, slots)
    assert found is not None
    assert found.slots["image_size"] == 224


def test_an_improvement_keeps_the_slots_that_it_changes() -> None:
    slots = slots_of(backbone="tf_efficientnet_lite0", image_size=224, epochs=12)
    found = fit_improvement(space(), request(40.0), FAMILY, slots, expected_s=60.0, changed=("image_size",))
    assert found is not None
    assert found.slots["image_size"] == 224
    assert found.slots["epochs"] == 5
    assert found.expected_s is not None
    assert found.expected_s <= SAFE_SHARE * 40.0


@pytest.mark.parametrize("value", ["backbone", "no_such_slot"])
def test_only_slots_of_numbers_shrink(value: str) -> None:
    with pytest.raises(ValueError, match=f"shrink: '{value}' is no slot of numbers"):
        Family.model_validate(
            {**FAMILY.model_dump(by_alias=True), "folder": FAMILY.folder, "shrink": {value: 1}}
        )


def test_the_baselines_of_pictures_come_first_whatever_they_cost_the_fastest_before_the_strongest() -> None:
    found = [draft.id for _, draft in space().drafts()]
    assert found[:4] == ["frozen_light", "frozen_larger", "frozen_lite1", "frozen_lite2"]
