"""Changes of one slot hide no error: what a family renders before and after raises no alarm."""

import pytest

from agent.competition.prepared import Prepared
from agent.paths import templates_dir
from agent.repository.family import Family, load_family
from agent.repository.render import Renderer, TaskView
from agent.repository.silencing import silenced
from tests.states import idea


def test_changes_of_one_slot_of_the_toy_are_no_alarm(toy_family: Family, toy_prepared: Prepared) -> None:
    _no_alarm(toy_family, TaskView.of(toy_prepared), skip=("failing",))


@pytest.mark.parametrize("drafts", [1, pytest.param(99, marks=pytest.mark.slow)])
def test_changes_of_one_slot_of_tables_are_no_alarm(toy_prepared: Prepared, drafts: int) -> None:
    family = load_family(templates_dir() / "tabular")
    _no_alarm(family, TaskView.of(toy_prepared), drafts=drafts)


@pytest.mark.parametrize("values", [1, pytest.param(99, marks=pytest.mark.slow)])
def test_changes_of_one_slot_of_pictures_are_no_alarm(toy_prepared: Prepared, values: int) -> None:
    family = load_family(templates_dir() / "image_classification")
    _no_alarm(family, TaskView.of(toy_prepared), values=values, drafts=1)


def _no_alarm(
    family: Family, task: TaskView, skip: tuple[str, ...] = (), values: int = 99, drafts: int = 99
) -> None:
    """Compares the first starting points with so many other values of every slot, both ways."""
    renderer = Renderer(family, task)
    for draft in family.drafts[:drafts]:
        slots = {**family.defaults, **draft.set}
        base = renderer.render(idea("A start", slots))
        assert silenced(base, base) == []
        differ = 0
        for name, slot in family.slots.items():
            others = [value for value in slot.values if value != slots[name] and value not in skip]
            for value in others[:values]:
                other = renderer.render(idea("A start", {**slots, name: value}))
                assert silenced(base, other) == [], (draft.id, name, value)
                assert silenced(other, base) == [], (draft.id, name, value, "undone")
                differ += any(base.get(file) != text for file, text in other.items() if file.endswith(".py"))
        assert differ > 5
