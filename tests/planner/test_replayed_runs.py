"""The planner replay in whole runs: other seeds, interruption, verified decisions."""

from pathlib import Path

import pytest
from sqlalchemy import delete

from agent.core.database import open_database, writing
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.run_request import RunRequest
from agent.engine.session import resume, start
from agent.memory.lesson import Scope
from agent.memory.store import LessonStore
from agent.record.events import NodeProposed
from agent.record.journal import events_table, runs_table
from agent.record.opened_run import Run, open_run
from agent.record.state import Node
from agent.repository.edits import Edit
from agent.repository.rendering import write_tree
from agent.reproduce.decisions import verify_decisions
from agent.reproduce.rendering import RenderingCheck
from agent.search.scheduler import Propose
from tests.support.finished_runs import blending_home, carried_out, search
from tests.support.scripted_run import Killed, SilentObserver
from tests.support.states import idea, lesson

REPLAY = RunRequest(competition="toy", minutes=1.0, planner="replay")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    return home, search(home, max_nodes=6)


def _ideas(run: Run) -> list[tuple[object, object]]:
    return [(node.parents, node.idea) for node in run.state.nodes.values() if node.operator != "ensemble"]


def test_a_run_on_another_seed_has_the_same_ideas_and_its_own_blend(searched: tuple[Home, Run]) -> None:
    home, source = searched
    again = search(home, planner="replay", seed=5, max_nodes=None)
    assert _ideas(again) == _ideas(source)
    assert [node.operator for node in again.state.nodes.values()].count("ensemble") == 1
    assert again.state.finished is not None
    assert again.state.finished.reason.startswith(
        f"all ideas of run {source.id} that can be reproduced were executed; "
    )
    assert any(node.repeats for node in again.state.nodes.values()), "repeats are the scheduler's, as ever"
    decided = list(verify_decisions(again, home))
    names = [one.what for one in decided if "repeat" not in one.what]
    assert names == [*(f"node 00{n}" for n in range(1, 8)), "end of the run"]  # node 007 is the ensemble
    assert all(one.same for one in decided)


def test_a_replay_of_a_replay_needs_its_id(searched: tuple[Home, Run]) -> None:
    home, source = searched
    short = search(home, planner="replay", max_nodes=2)
    by_default = search(home, planner="replay", max_nodes=1)
    assert by_default.state.run.replay_source is not None
    assert by_default.state.run.replay_source.run == source.id
    named = search(home, planner="replay", replay_of=short.id, max_nodes=None)
    assert _ideas(named) == _ideas(source)[:2]


def test_a_killed_replay_resumes_with_the_remaining_ideas(searched: tuple[Home, Run]) -> None:
    home, source = searched
    with pytest.raises(Killed):
        start(REPLAY, home, lambda _: SilentObserver(kill_at=7))
    killed = open_run("latest", home)
    assert 1 < len(killed.state.nodes) < len(source.state.nodes)
    resume(killed.id, None, home, lambda _: SilentObserver())
    done = open_run(killed.id, home)
    assert _ideas(done) == _ideas(source)
    assert all(one.same for one in verify_decisions(done, home))


def test_missing_ideas_are_reported(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    source = search(home, max_nodes=3)
    with pytest.raises(Killed):
        start(REPLAY, home, lambda _: SilentObserver(kill_at=2))
    killed = open_run("latest", home)
    with writing(open_database(home.database)).begin() as connection:
        for table, column in ((events_table, events_table.c.run), (runs_table, runs_table.c.id)):
            connection.execute(delete(table).where(column == source.id))
    with pytest.raises(SetupError, match=f"The ideas of run {source.id}, which this run replays, cannot"):
        resume(killed.id, None, home, lambda _: SilentObserver())
    assert len(open_run(killed.id, home).journal.events()) == len(killed.journal.events())


def test_replayed_edits_are_byte_identical(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    slots = {"depth": 1, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}
    edit = Edit(file="main.py", find='= read("val")', replace='= list(read("val"))')
    first, deeper = idea("Plain", dict(slots)), idea("Deeper", {**slots, "depth": 2})
    edited = idea("Edited", dict(slots), edits=(edit,))
    source = carried_out(
        home,
        Propose("draft", (), first, None),
        Propose("improve", (1,), edited, None),
        Propose("improve", (2,), deeper, None),
    )
    again = search(home, planner="replay", replay_of=source.id, max_nodes=None)
    assert _ideas(again) == _ideas(source)
    for number in (1, 2, 3):
        assert _code(again, again.state.nodes[number]) == _code(source, source.state.nodes[number])
    assert {one.verdict for one in RenderingCheck(again, home).nodes()} == {"identical"}


def test_a_replay_starts_from_the_recorded_imported_repository(tmp_path: Path) -> None:
    home = blending_home(tmp_path / "home")
    made = search(home, max_nodes=1)
    write_tree(_code(made, made.state.nodes[1]), tmp_path / "own")
    source = search(home, imported=tmp_path / "own", max_nodes=3)
    again = search(home, planner="replay", seed=3, max_nodes=None)
    assert _ideas(again) == _ideas(source)
    assert _code(again, again.state.nodes[1]) == _code(source, source.state.nodes[1])
    assert all(one.same for one in verify_decisions(again, home))


def test_lessons_cited_by_the_ideas_are_offered(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    elsewhere = Scope(task="regression", family="toy", magnitude=3)
    learned = lesson("depth", 1, 2).model_copy(update={"scope": elsewhere})
    LessonStore(open_database(home.database)).import_all([learned])
    slots = {"depth": 2, "width": 1, "breadth": 1, "finish": 1, "kind": "plain"}
    cites = {"depth": (learned.id,)}
    source = carried_out(home, Propose("draft", (), idea("Deep", dict(slots), cites=cites), None))
    assert learned.id not in search(home, max_nodes=1).state.offered, "recall has no use for it"
    again = search(home, planner="replay", replay_of=source.id, max_nodes=1)
    assert learned.id in again.state.offered
    assert again.state.nodes[1].idea.cites == cites


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"planner": "replay"}, "no recorded run of toy has ideas of its own"),
        ({"planner": "replay", "replay_of": "nothing"}, "No run is called 'nothing'"),
        ({"replay_of": "latest"}, "--replay-of: needs --planner replay"),
        ({"planner": "replay", "model": "m"}, "--model: needs --planner llm"),
        ({"planner": "replay", "imported": Path("own")}, "--from: a replay starts as the recorded run did"),
        ({"planner": "llm", "replay_of": "latest"}, "--replay-of: needs --planner replay"),
    ],
)
def test_contradicting_options_are_refused(home: Home, asked: dict[str, object], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        search(home, **asked)


def test_the_record_names_the_source_of_each_idea(searched: tuple[Home, Run]) -> None:
    home, _ = searched
    again = search(home, planner="replay", max_nodes=2)
    proposed = [event for event in again.journal.events() if isinstance(event, NodeProposed)]
    assert [event.replays for event in proposed if event.operator != "ensemble"] == [1, 2]


def _code(run: Run, node: Node) -> dict[str, str]:
    return run.lineage.read(node.commit)
