"""A search is opened from a run, an executor and a clock; a defect of a family shows before it starts."""

import shutil
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.record.events import NodeFinished
from agent.repository.family import Family, load_family
from agent.repository.rendering import RenderError
from tests.support.scripted_run import ScriptedClock, ScriptedExecutor, ScriptedRun


@pytest.fixture
def scripted(tmp_path: Path, toy_prepared: Prepared, toy_family: Family) -> ScriptedRun:
    return ScriptedRun(tmp_path / "run", toy_prepared, toy_family, {"max_nodes": 2})


def test_the_passed_clock_times_the_events(scripted: ScriptedRun) -> None:
    def executor(clock: ScriptedClock) -> ScriptedExecutor:
        clock.now = 30.0
        return ScriptedExecutor(clock)

    scripted.go(executor=executor)
    finished = [event for event in scripted.events() if isinstance(event, NodeFinished)]
    assert len(finished) == 2
    assert all(30.0 < event.elapsed_s < 60.0 for event in finished)


def test_templates_with_a_defect_stop_a_search_before_its_first_node(
    scripted: ScriptedRun, toy_family: Family, tmp_path: Path
) -> None:
    main = shutil.copytree(toy_family.folder, tmp_path / "broken") / "main.py.j2"
    main.write_text(main.read_text() + "# {{ unheard_of }}\n")
    scripted.family = load_family(main.parent)
    with pytest.raises(RenderError, match=r"main\.py\.j2: unheard_of"):
        scripted.go()
    assert [event.kind for event in scripted.events()] == ["run_started"]
