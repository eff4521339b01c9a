"""Reproduction from the record: repositories byte by byte, metrics by repeated execution."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import resume, start
from agent.record.events import Event, NodeProposed
from agent.record.opened_run import Run, open_run
from agent.record.run_lock import run_lock
from agent.record.state import RunState
from agent.repository.idea import Change
from agent.reproduce.defaults import TOLERANCE
from agent.reproduce.execution import recorded_limits, reexecute
from agent.reproduce.rendering import RenderedNode, RenderingCheck
from agent.search.budget import RESERVE_MIN_S
from agent.search.limits import FIRST_MOST_SHARE
from tests.support.finished_runs import blending_home, own_family, search
from tests.support.scripted_run import Killed, SilentObserver


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    return home, search(home)


@pytest.fixture
def template(searched: tuple[Home, Run]) -> Iterator[Path]:
    """A template of the toy, restored after the test."""
    file = own_family(searched[1].folder) / "library" / "config.py.j2"
    before, times = file.read_text(), (file.stat().st_atime, file.stat().st_mtime)
    yield file
    file.write_text(before)
    os.utime(file, times)


def _replay(searched: tuple[Home, Run]) -> list[RenderedNode]:
    return RenderingCheck(searched[1], searched[0]).nodes()


def test_every_repository_is_rendered_byte_identical(searched: tuple[Home, Run]) -> None:
    nodes = searched[1].state.nodes
    assert [node.operator for node in nodes.values()][-1] == "ensemble"
    assert [one.verdict for one in _replay(searched)] == ["identical"] * len(nodes)


def test_a_template_that_changed_is_named_with_the_files_it_changes(
    searched: tuple[Home, Run], template: Path
) -> None:
    with template.open("a") as stream:
        stream.write("# one more line\n")
    os.utime(template)
    *drafts, blend = _replay(searched)
    assert {one.verdict for one in drafts} == {"different"}
    for one in drafts:
        (difference,) = one.differences
        assert (difference.file, difference.what) == ("library/config.py", "changed")
        assert difference.reason == "Changed since the run began: config.py.j2."
    assert {difference.file for difference in blend.differences} == {
        f"members/{searched[1].state.nodes[member].name}/library/config.py"
        for member in searched[1].state.nodes[blend.node].parents
    }


def test_a_lost_slot_is_named_as_the_likely_reason(searched: tuple[Home, Run], template: Path) -> None:
    template.write_text(template.read_text().replace("slots.finish", "slots.polish"))
    family = template.parent.parent / "family.yaml"
    before = family.read_text()
    try:
        family.write_text(before.replace("  finish:\n", "  polish:\n").replace("[finish]", "[polish]"))
        first = _replay(searched)[0]
    finally:
        family.write_text(before)
    assert first.verdict == "different"
    assert "Family toy has since gained polish and lost finish" in first.reason


def test_a_missing_family_is_reported(searched: tuple[Home, Run], tmp_path: Path) -> None:
    home, run = searched
    own = own_family(run.folder)
    own.rename(tmp_path / "toy")
    try:
        *drafts, blend = RenderingCheck(run, home).nodes()
    finally:
        (tmp_path / "toy").rename(own)
    assert all("no family is called 'toy' here" in one.reason for one in drafts)
    assert "cannot be rendered" in blend.reason


def test_executed_again_every_metric_agrees(searched: tuple[Home, Run]) -> None:
    home, run = searched
    compared = list(reexecute(run, home, TOLERANCE))
    assert [one.node for one in compared] == list(run.state.nodes)
    assert all(one.agrees and one.difference == 0.0 for one in compared)
    assert not list(run.folder.glob(".again-*")), "nothing is left behind"


def test_a_changed_metric_is_reported_with_its_difference(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    main = home.families / "toy" / "main.py.j2"
    code = main.read_text()
    # A candidate whose score depends on its folder.
    moved = code.replace("< QUALITY", "< QUALITY - 0.1 * ('.again-' in os.getcwd())")
    assert moved != code
    main.write_text(moved)
    run = search(home, max_nodes=1)
    (one,) = reexecute(run, home, TOLERANCE)
    assert not one.agrees
    assert one.difference == pytest.approx(-0.1, abs=0.05)
    assert next(iter(reexecute(run, home, 0.5))).agrees


def test_time_limits_follow_from_the_record(searched: tuple[Home, Run]) -> None:
    events = searched[1].journal.events()
    limits = recorded_limits(events, higher_is_better=True)
    assert list(limits) == list(searched[1].state.nodes)
    first, *_, blend = limits.values()
    left_s = 60 - RESERVE_MIN_S - searched[1].state.nodes[1].proposed_at_s
    assert first == pytest.approx(FIRST_MOST_SHARE * left_s), "no node is valid yet, in a run of a minute"
    assert 50 < blend <= 60, "the ensemble may use what is left of the minute"


def test_an_active_run_is_not_executed_again(searched: tuple[Home, Run]) -> None:
    home, run = searched
    with run_lock(run.folder), pytest.raises(SetupError, match="active in another process"):
        list(reexecute(run, home, TOLERANCE))
    assert open_run(run.id, home).state.finished is not None


def _gain_polish(toy: Path, text: str = "") -> None:
    """Add a slot that the toy's templates use, and a move with the highest prior."""
    family = (toy / "family.yaml").read_text()
    slot = "slots:\n  polish: {values: [1, 2], default: 1, description: New., modules: [models]}\n"
    move = (
        "moves:\n  - {id: polished, title: polished, raise: [polish], when: {slots: {polish: [1]}}, "
        "stage: structural, gain: {mean: 9, sd: 0.1}, cost: 1.0, reason: New., source: new}\n"
    )
    (toy / "family.yaml").write_text(family.replace("slots:\n", slot, 1).replace("moves:\n", move, 1))
    with (toy / "library" / "config.py.j2").open("a") as stream:
        stream.write("{% if slots.polish > 1 %}\nPOLISH = {{ slots.polish }}\n{% endif %}\n" + text)


def test_a_run_from_before_a_new_slot_is_rendered_byte_identical(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    run = search(home)
    _gain_polish(own_family(run.folder))
    assert {one.verdict for one in RenderingCheck(open_run(run.id, home), home).nodes()} == {"identical"}


def test_a_new_slot_is_named_as_the_likely_reason(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    run = search(home, max_nodes=1)
    _gain_polish(own_family(run.folder), "BASE = {{ slots.polish }}\n")
    (one,) = RenderingCheck(open_run(run.id, home), home).nodes()
    assert [(item.file, item.what, item.reason) for item in one.differences] == [
        ("library/config.py", "changed", "Family toy has since gained polish.")
    ]


def test_a_removed_value_is_named_where_rendering_fails(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    run = search(home, max_nodes=1)
    _gain_polish(own_family(run.folder))
    family = own_family(run.folder) / "family.yaml"
    family.write_text(family.read_text().replace("plain", "simple"))
    (one,) = RenderingCheck(open_run(run.id, home), home).nodes()
    assert one.verdict == "different"
    assert "(Family toy has since gained polish and ruled out kind=plain)" in one.reason


class _KilledAtTheThird(SilentObserver):
    def on_event(self, event: Event, state: RunState) -> None:
        if isinstance(event, NodeProposed) and event.node == 3:
            raise Killed


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Home, str]:
    """A home with a run that was killed during its third node."""
    home = blending_home(tmp_path)
    asked = RunRequest(competition="toy", minutes=1.0, max_nodes=5, workers=1, refit=False)
    with pytest.raises(Killed):
        start(asked, home, lambda metric: _KilledAtTheThird())
    run = open_run("latest", home)
    assert (len(run.state.nodes), len(run.state.running)) == (3, 1)
    return home, run.id


def test_a_run_resumes_with_a_new_slot_of_its_family(killed: tuple[Home, str]) -> None:
    home, run_id = killed
    _gain_polish(own_family(home.workspaces / run_id))
    resume(run_id, None, home, lambda metric: SilentObserver())
    run = open_run(run_id, home)
    assert {one.verdict for one in RenderingCheck(run, home).nodes()} == {"identical"}
    ideas = [node.idea for node in run.state.nodes.values() if node.idea.blueprint]
    assert ["polish" in idea.blueprint.slots for idea in ideas if idea.blueprint] == [False] * 3 + [True] * 2
    moved = next(idea for idea in ideas if "polished" in idea.moves)
    assert Change(slot="polish", old=1, new=2) in moved.changes
    learned = [change.slot for lesson in run.state.learned.values() for change in lesson.changes]
    assert "polish" in learned, "what was compared with an older node teaches of the new slot"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("breadth", "span", "node 001: family toy has no slot 'breadth'; its slots are depth, "),
        ("plain", "simple", "node 001: slot 'kind' does not accept 'plain'"),
        ("id: toy", "id: play", "node 003: no family is called 'toy'\\."),
    ],
)
def test_a_run_whose_family_no_longer_fits_cannot_resume_but_can_be_shown(
    killed: tuple[Home, str], before: str, after: str, said: str
) -> None:
    home, run_id = killed
    family = own_family(home.workspaces / run_id) / "family.yaml"
    family.write_text(family.read_text().replace(before, after))
    with pytest.raises(SetupError, match=f"^Run {run_id} cannot continue, {said}.*Start a new run with"):
        resume(run_id, None, home, lambda metric: SilentObserver())
    assert len(open_run(run_id, home).state.nodes) == 3


def test_a_run_whose_copy_of_the_templates_is_gone_is_not_rendered_with_others(
    killed: tuple[Home, str],
) -> None:
    home, run_id = killed
    shutil.rmtree(own_family(home.workspaces / run_id).parents[1])
    with pytest.raises(SetupError, match="the run's copy of its templates is gone"):
        resume(run_id, None, home, lambda metric: SilentObserver())
    with pytest.raises(SetupError, match="the run's copy of its templates is gone"):
        RenderingCheck(open_run(run_id, home), home)


def test_a_change_of_the_user_s_templates_never_reaches_a_run(killed: tuple[Home, str]) -> None:
    home, run_id = killed
    _gain_polish(home.families / "toy", "BASE = {{ slots.polish }}\n")
    resume(run_id, None, home, lambda metric: SilentObserver())
    run = open_run(run_id, home)
    assert len(run.state.nodes) > 3
    assert {one.verdict for one in RenderingCheck(run, home).nodes()} == {"identical"}
    blueprints = [node.idea.blueprint for node in run.state.nodes.values() if node.idea.blueprint]
    assert not any("polish" in blueprint.slots for blueprint in blueprints)
