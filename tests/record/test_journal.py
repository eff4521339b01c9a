import contextlib
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from agent.core.database import open_database
from agent.core.errors import InfrastructureError, SetupError
from agent.core.paths import Home
from agent.record.events import (
    ImportedRepository,
    LessonLearned,
    NodeProposed,
    RunFinished,
    RunResumed,
    event_adapter,
)
from agent.record.journal import Journal, events_table, list_runs, runs_table
from agent.record.lesson_rates import rates
from agent.record.run_lock import new_run_folder, run_lock
from agent.record.state import RunState
from agent.repository.edits import Edit
from tests.cli.commands import mars
from tests.support.states import add, finish, idea, lesson, propose, started

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_events_come_back_in_order_and_equal(engine: Engine) -> None:
    journal = Journal.create(engine, "toy-1", "toy", NOW)
    events = [RunResumed(elapsed_s=1.5, minutes=3.0), RunFinished(elapsed_s=2.0, reason="done", chosen=None)]
    for event in events:
        journal.append(event)
    assert Journal.open(engine, "toy-1").events() == events
    assert [row.id for row in list_runs(engine)] == ["toy-1"]


def test_an_idea_from_before_there_were_edits_is_read() -> None:
    now = NodeProposed(elapsed_s=0.0, node=1, operator="draft", parents=(), idea=idea())
    old = now.model_dump(mode="json")
    del old["idea"]["edits"]
    assert event_adapter.validate_python(old) == now
    edited = now.model_copy(update={"idea": idea(edits=(Edit(file="main.py", find="a", replace="b"),))})
    assert event_adapter.validate_json(edited.model_dump_json()) == edited


def test_a_transaction_is_all_or_nothing(engine: Engine) -> None:
    journal = Journal.create(engine, "toy-1", "toy", NOW)
    with contextlib.suppress(RuntimeError), journal.transaction() as connection:
        journal.append(RunResumed(elapsed_s=1.0, minutes=1.0), connection)
        raise RuntimeError
    journal.append(RunResumed(elapsed_s=2.0, minutes=1.0))
    assert [event.elapsed_s for event in Journal.open(engine, "toy-1").events()] == [2.0]


def test_a_full_disk_error_says_how_to_resume(engine: Engine) -> None:
    journal = Journal.create(engine, "toy-1", "toy", NOW)
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with pytest.raises(InfrastructureError, match=r"full.*mars resume toy-1"):
        _write_much(journal, f"PRAGMA max_page_count={pages}")
    assert Journal.open(engine, "toy-1").events() == []


def _write_much(journal: Journal, limit: str) -> None:
    with journal.transaction() as connection:
        connection.exec_driver_sql(limit)
        for _ in range(200):
            journal.append(RunFinished(elapsed_s=1.0, reason="x" * 1000, chosen=None), connection)


def test_a_run_of_another_format_or_an_unknown_one_is_refused(engine: Engine) -> None:
    Journal.create(engine, "toy-1", "toy", NOW)
    with engine.begin() as connection:
        connection.execute(update(runs_table).values(format=99))
    with pytest.raises(SetupError, match="format 99, and this version reads format 1"):
        Journal.open(engine, "toy-1")
    with pytest.raises(SetupError, match="No run is called 'nope'"):
        Journal.open(engine, "nope")


def test_a_damaged_record_is_named_and_hides_no_other_run(home: Home) -> None:
    engine = open_database(home.database)
    for name in ("toy-1", "toy-2"):
        Journal.create(engine, name, "toy", NOW).append(RunResumed(elapsed_s=1.5, minutes=3.0))
    damage = update(events_table).where(events_table.c.run == "toy-1").values(payload="{}")
    with engine.begin() as connection:
        connection.execute(damage)
    with pytest.raises(InfrastructureError, match="Run toy-1 has a damaged record"):
        Journal.open(engine, "toy-1").events()
    listed = " ".join(mars("runs").stdout.split())
    assert "damaged record" in listed
    assert "toy-2" in listed


def test_part_of_a_name_is_enough_when_it_is_unambiguous(engine: Engine) -> None:
    for name, day in (("toy-a", 2), ("toy-b", 3)):
        Journal.create(engine, name, "toy", datetime(2026, 1, day, tzinfo=UTC))
    assert Journal.open(engine, "y-a").run == "toy-a"
    assert Journal.open(engine, "latest").run == "toy-b"
    with pytest.raises(SetupError, match="matches 2 runs"):
        Journal.open(engine, "toy")


def test_one_process_per_run(tmp_path: Path) -> None:
    busy = pytest.raises(SetupError, match="is active in another process")
    with run_lock(tmp_path / "run"), busy, run_lock(tmp_path / "run"):
        pass
    with run_lock(tmp_path / "run") as heartbeat:
        os.utime(tmp_path / "run" / "lock", (0, 0))
        heartbeat.beat()
        assert (tmp_path / "run" / "lock").stat().st_mtime > 0


def test_runs_begun_in_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2) as pool:
        made = list(pool.map(new_run_folder, [tmp_path / "workspaces"] * 8, ["toy-1"] * 8))
    assert {folder.name for folder in made} == {f"toy-1-{number:03d}" for number in range(8)}


def test_a_folder_without_rights_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="MARS_HOME"):
        open_database(tmp_path / "file" / "mars.db")
    with pytest.raises(SetupError, match="MARS_HOME"), run_lock(tmp_path / "file" / "run"):
        pass
    with pytest.raises(SetupError, match="MARS_HOME"):
        new_run_folder(tmp_path / "file", "run")


def test_events_are_distinguished_by_kind() -> None:
    event = RunResumed(elapsed_s=1.0, minutes=2.0)
    assert event_adapter.validate_json(event.model_dump_json()) == event


def test_the_best_is_valid_and_follows_the_direction() -> None:
    state = started()
    add(state, None, 0.5)
    finish(state, propose(state), 0.99, status="suspect")
    add(state, None, 0.7)
    assert state.best is state.nodes[3]
    assert [node for _, node in state.best_history] == [1, 3]


def test_utilisation_and_transfer_rates() -> None:
    state = started()
    root = add(state, None, 0.5)
    state.nodes[root].lessons.append("00001")
    state.learned["00001"] = lesson("depth", 1, 2)
    other = propose(state, what=idea("other branch", cites={"depth": ("00001",)}))
    finish(state, other, 0.6)
    finish(state, propose(state, root, what=idea("own branch", cites={"depth": ("00001",)})), 0.6)
    add(state, root, 0.4)
    found = rates(state)
    assert found.utilisation == pytest.approx(2 / 3)
    assert found.transfer == pytest.approx(1 / 2)
    assert rates(started()).utilisation is None


def _citing(state: RunState, parent: int | None, *lessons: str) -> int:
    node = propose(state, parent, what=idea(cites={"edits": lessons} if lessons else {}))
    finish(state, node, 0.6)
    return node


def test_a_later_confirmation_by_another_branch_is_not_a_transfer() -> None:
    state = started()
    root = add(state, None, 0.5)
    state.apply(LessonLearned(elapsed_s=10.0, node=root, lesson=lesson("depth", 1, 2)))
    _citing(state, root, "00001")
    other = _citing(state, None)
    state.apply(LessonLearned(elapsed_s=state.elapsed_s, node=other, lesson=lesson("depth", 1, 2)))
    assert rates(state).transfer == 0.0


def test_a_lesson_of_memory_comes_from_elsewhere_until_the_branch_itself_teaches_it() -> None:
    state = started((lesson("depth", 1, 2),))
    root = _citing(state, None, "00001")
    assert rates(state).transfer == 1.0
    state.apply(LessonLearned(elapsed_s=10.0, node=root, lesson=lesson("depth", 1, 2)))
    _citing(state, root, "00001")
    assert rates(state).transfer == 0.5


def test_only_plans_count_as_using_lessons() -> None:
    imported = ImportedRepository(commit="0" * 40, idea=idea("Mine"))
    state = started((lesson("depth", 1, 2),), imported=imported)
    mine = _citing(state, None)
    assert rates(state).utilisation is None
    planned = _citing(state, mine, "00001")
    finish(state, propose(state, planned, operator="ensemble"), 0.7)
    assert rates(state).utilisation == 1.0


def test_lessons_come_oldest_first_whatever_memory_offered_first() -> None:
    offered = [lesson("depth", 1, 2, lesson_id=number) for number in ("00007", "00003", "00005")]
    state = started(tuple(offered))
    root = add(state, None, 0.5)
    state.apply(LessonLearned(elapsed_s=10.0, node=root, lesson=lesson("width", 1, 2, lesson_id="00009")))
    state.apply(LessonLearned(elapsed_s=11.0, node=root, lesson=offered[1]))
    assert [one.id for one in state.lessons] == ["00003", "00005", "00007", "00009"]


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        ('{"kind": "run_resumed", "elapsed_s": 1.0, "minutes": null}', "the value of `minutes` in row 0"),
        ('{"kind": "run_resumed", ', "row 0"),
        ("\x00", "row 0"),
    ],
)
def test_a_damaged_event_is_named_with_its_run(engine: Engine, payload: str, what: str) -> None:
    journal = Journal.create(engine, "toy-1", "toy", NOW)
    journal.append(RunResumed(elapsed_s=1.5, minutes=3.0))
    changed = {"payload": payload, "recorded_at": "yesterday"}
    with engine.begin() as connection:
        connection.execute(update(events_table).values(**changed))
        connection.execute(update(runs_table).values(created_at="long ago"))
    opened = Journal.open(engine, "toy-1")
    assert opened.last_recorded_at() == opened.created_at
    for read in (opened.events, opened.timed_events):
        with pytest.raises(InfrastructureError, match=f"^Run toy-1 has a damaged record \\({what}"):
            read()


def test_bytes_that_are_no_text_are_a_damaged_record(engine: Engine) -> None:
    journal = Journal.create(engine, "toy-1", "toy", NOW)
    journal.append(RunResumed(elapsed_s=1.5, minutes=3.0))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = CAST(x'ff7bfe' AS TEXT)")
    with pytest.raises(InfrastructureError, match=r"^Run toy-1 has a damaged record"):
        Journal.open(engine, "toy-1").events()
