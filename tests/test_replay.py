"""What the record of a run gives back: repositories byte by byte, metrics by executing them again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import SetupError
from agent.execute_again import TOLERANCE, execute_again, recorded_limits
from agent.paths import Home
from agent.record.lock import run_lock
from agent.replay import Replay, Replayed
from agent.session import Run, open_run
from tests.searched import blending_home, search


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    return home, search(home)


@pytest.fixture
def template(searched: tuple[Home, Run]) -> Iterator[Path]:
    """A template of the toy, put back after the test."""
    file = searched[0].families / "toy" / "library" / "config.py.j2"
    before, times = file.read_text(), (file.stat().st_atime, file.stat().st_mtime)
    yield file
    file.write_text(before)
    os.utime(file, times)


def _replay(searched: tuple[Home, Run]) -> list[Replayed]:
    return Replay(searched[1], searched[0]).nodes()


def test_every_repository_comes_back_byte_by_byte(searched: tuple[Home, Run]) -> None:
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


def test_a_slot_that_a_family_lost_is_the_likely_reason(searched: tuple[Home, Run], template: Path) -> None:
    template.write_text(template.read_text().replace("slots.finish", "slots.polish"))
    family = template.parent.parent / "family.yaml"
    before = family.read_text()
    try:
        family.write_text(before.replace("  finish:\n", "  polish:\n").replace("[finish]", "[polish]"))
        first = _replay(searched)[0]
    finally:
        family.write_text(before)
    assert first.verdict == "different"
    assert "Family toy has gained polish and lost finish since" in first.reason


def test_a_family_that_is_gone_is_said_to_be(searched: tuple[Home, Run], tmp_path: Path) -> None:
    *drafts, blend = Replay(searched[1], Home(tmp_path)).nodes()
    assert all("there is no family 'toy' here" in one.reason for one in drafts)
    assert "cannot be rendered" in blend.reason


def test_executed_again_every_metric_agrees(searched: tuple[Home, Run]) -> None:
    home, run = searched
    compared = list(execute_again(run, home, TOLERANCE))
    assert [one.node for one in compared] == list(run.state.nodes)
    assert all(one.agrees and one.difference == 0.0 for one in compared)
    assert not list(run.folder.glob(".again-*")), "nothing is left behind"


def test_a_metric_that_moved_is_told_with_its_difference(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    main = home.families / "toy" / "main.py.j2"
    code = main.read_text()
    # A candidate whose score depends on where it runs.
    moved = code.replace("< QUALITY", "< QUALITY - 0.1 * ('.again-' in os.getcwd())")
    assert moved != code
    main.write_text(moved)
    run = search(home, max_nodes=1)
    (one,) = execute_again(run, home, TOLERANCE)
    assert not one.agrees
    assert one.difference == pytest.approx(-0.1, abs=0.05)
    assert next(iter(execute_again(run, home, 0.5))).agrees


def test_the_limits_of_then_are_those_of_the_record(searched: tuple[Home, Run]) -> None:
    events = searched[1].journal.events()
    limits = recorded_limits(events, higher_is_better=True)
    assert list(limits) == list(searched[1].state.nodes)
    first, *_, blend = limits.values()
    assert first == searched[1].state.run.node_limit_s
    assert 50 < blend <= 60, "the ensemble may use what is left of the minute"


def test_a_run_at_work_is_not_executed_again(searched: tuple[Home, Run]) -> None:
    home, run = searched
    with run_lock(run.folder), pytest.raises(SetupError, match="at work in another process"):
        list(execute_again(run, home, TOLERANCE))
    assert open_run(run.id, home).state.finished is not None
