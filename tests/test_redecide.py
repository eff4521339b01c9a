"""Decisions follow from the record: made again they come out the same, and what differs is named."""

import pytest

from agent.paths import Home
from agent.record.events import NodeProposed, RepeatProposed
from agent.redecide import redecide
from agent.session import Run
from tests.searched import blending_home, search


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    return home, search(home)


def test_every_decision_of_a_search_comes_out_as_recorded(searched: tuple[Home, Run]) -> None:
    home, run = searched
    events = run.journal.events()
    decided = [event for event in events if isinstance(event, NodeProposed | RepeatProposed)]
    found = list(redecide(run, home))
    assert len(found) == len(decided) - 1  # a blend is not the scheduler's
    assert all(one.same and not one.reason for one in found)


def test_a_record_that_was_tampered_with_is_found_out(searched: tuple[Home, Run]) -> None:
    home, run = searched
    second = next(
        event for event in run.journal.events() if isinstance(event, NodeProposed) and event.node == 2
    )
    forged = second.model_copy(update={"idea": second.idea.model_copy(update={"title": "Forged"})})
    journal = Forged(run, second, forged)
    found = {one.what: one for one in redecide(_with(run, journal), home)}
    assert not found["node 002"].same
    assert found["node 002"].reason == f"Now it would be a draft: {second.idea.title}."
    assert found["node 001"].same


def test_a_family_that_knows_better_now_decides_otherwise(searched: tuple[Home, Run]) -> None:
    home, run = searched
    family = home.families / "toy" / "family.yaml"
    before = family.read_text()
    try:
        family.write_text(before.replace("title: Plain", "title: Plainer"))
        found = list(redecide(run, home))
    finally:
        family.write_text(before)
    assert not found[0].same
    assert found[0].reason == "Now it would be a draft: Plainer."


class Forged:
    """A journal of which one event says something else."""

    def __init__(self, run: Run, event: NodeProposed, instead: NodeProposed) -> None:
        self._events = [instead if one == event else one for one in run.journal.events()]
        self.text = run.journal.text

    def events(self) -> list[object]:
        return list(self._events)


def _with(run: Run, journal: Forged) -> Run:
    return Run(run.id, run.folder, run.prepared, run.metric, journal, run.state)  # type: ignore[arg-type]
