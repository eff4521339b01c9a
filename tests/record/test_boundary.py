"""What enters the record can be read again; a damaged row hides neither its run nor the home."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from agent.core.database import writing
from agent.core.errors import InfrastructureError, SetupError
from agent.memory.lesson import Lesson
from agent.memory.store import LessonStore, damaged_table, lessons_table, read_lessons, write_lessons
from agent.record.boundary import UnrecordableError, encode_event
from agent.record.events import (
    Event,
    FixProposed,
    LessonLearned,
    NodeFinished,
    NodeProposed,
    NodeResult,
    RunResumed,
    RunStarted,
    event_adapter,
)
from agent.record.journal import Journal, events_table
from agent.record.state import RunState
from agent.repository.idea import Fix
from tests.support.states import SETTINGS, evidence, idea, lesson

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def result(**values: Any) -> NodeResult:
    return NodeResult(status="valid", commit="c", seconds=1.0, metric=0.5).model_copy(update=values)


def finished(**values: Any) -> NodeFinished:
    return NodeFinished(elapsed_s=1.0, node=1, result=result(**values))


def test_numbers_that_are_not_finite_become_gaps_for_the_live_state_too(engine: Engine) -> None:
    journal = Journal.create(engine, "toy-1", "toy", NOW)
    recorded = journal.append(RunStarted(elapsed_s=0.0, settings=SETTINGS, missing_guarantees=(), lessons=()))
    recorded = journal.append(NodeProposed(elapsed_s=0.0, node=1, operator="draft", parents=(), idea=idea()))
    recorded = journal.append(finished(metric_se=math.nan, audit_metric=math.inf))
    assert recorded == finished(metric_se=None, audit_metric=None)
    assert Journal.open(engine, "toy-1").events()[-1] == recorded


def test_texts_lose_what_no_text_can_hold(engine: Engine) -> None:
    event, payload = encode_event(finished(reason="a\ud800b\0c", facts={"\udfff": "\ud800"}))
    assert event == finished(reason="a?b?c", facts={"?": "?"})
    assert event_adapter.validate_json(payload) == event


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec=None)), st.floats(), st.floats())
def test_every_text_and_number_is_recorded_and_read_again(text: str, first: float, second: float) -> None:
    event, payload = encode_event(finished(reason=text, metric_se=first, audit_se=second))
    assert event_adapter.validate_json(payload) == event
    assert isinstance(event, NodeFinished)
    assert event.result.metric_se == (first if math.isfinite(first) else None)


def test_a_value_that_must_be_a_number_is_refused() -> None:
    with pytest.raises(UnrecordableError, match=r"node_finished cannot be recorded: .*seconds is invalid"):
        encode_event(finished(seconds=math.nan))


def write_events(engine: Engine, *more: Event) -> Journal:
    journal = Journal.create(engine, "toy-1", "toy", NOW)
    journal.append(RunStarted(elapsed_s=0.0, settings=SETTINGS, missing_guarantees=(), lessons=()))
    for number in (1, 2):
        parents = () if number == 1 else (1,)
        operator = "draft" if number == 1 else "improve"
        journal.append(
            NodeProposed(elapsed_s=1.0, node=number, operator=operator, parents=parents, idea=idea())  # type: ignore[arg-type]
        )
    for event in more:
        journal.append(event)
    return journal


def damage(engine: Engine, row: int, payload: str) -> None:
    change = update(events_table).where(events_table.c.run == "toy-1", events_table.c.seq == row)
    with writing(engine).begin() as connection:
        connection.execute(change.values(payload=payload))


@pytest.mark.parametrize("payload", ["", "{", "[" * 100_000, '{"kind": "node_finished"}', "\x00"])
def test_a_damaged_result_is_skipped_and_named_and_stays(engine: Engine, payload: str) -> None:
    fix = FixProposed(
        elapsed_s=2.0, node=2, failed=result(), fix=Fix(title="t", cause="c", signs="s", edits=())
    )
    write_events(engine, finished(), fix)
    damage(engine, 3, payload)
    journal = Journal.open(engine, "toy-1")
    state = RunState.replay(journal.events(), higher_is_better=True)
    assert [node.status for node in state.nodes.values()] == ["running", "running"]
    assert journal.damage().startswith("Row 3 (node_finished: ")
    assert len(journal.timed_events()) == 4
    journal.append(RunResumed(elapsed_s=3.0, minutes=1.0))
    with engine.connect() as connection:
        kept = connection.execute(select(events_table.c.payload).where(events_table.c.seq == 3)).scalar_one()
    assert kept == payload
    assert len(Journal.open(engine, "toy-1").events()) == 5


def test_what_follows_a_damaged_proposal_is_left_out_too(engine: Engine) -> None:
    write_events(engine, finished())
    damage(engine, 1, "{")
    journal = Journal.open(engine, "toy-1")
    assert [event.kind for event in journal.events()] == ["run_started"]
    assert "node 1 is not on record" in journal.damage()


def test_a_row_of_a_newer_version_is_not_skipped(engine: Engine) -> None:
    write_events(engine, finished())
    damage(engine, 3, json.dumps({**finished().model_dump(mode="json"), "new": 1}))
    with pytest.raises(InfrastructureError, match="use the version of MARS"):
        Journal.open(engine, "toy-1").events()


def poisoned(known: Lesson) -> str:
    """Return the row that a lesson with a NaN effect left in the database of former versions."""
    content = known.model_dump(mode="json")
    content["evidence"][0]["effect"] = None
    return json.dumps(content)


def test_a_run_that_was_offered_a_damaged_lesson_is_read_without_it() -> None:
    whole, bad = lesson("a", 1, 2), lesson("b", 1, 2, lesson_id="00002")
    event = RunStarted(elapsed_s=0.0, settings=SETTINGS, missing_guarantees=(), lessons=(whole, bad))
    content = event.model_dump(mode="json")
    content["lessons"][1]["evidence"][0]["effect"] = None
    assert event_adapter.validate_python(content) == event.model_copy(update={"lessons": (whole,)})


def test_a_home_with_a_damaged_lesson_works(engine: Engine) -> None:
    store = LessonStore(engine)
    store.import_all([lesson("a", 1, 2), lesson("b", 1, 2)])
    bad = poisoned(store.get("1"))
    with writing(engine).begin() as connection:
        connection.execute(update(lessons_table).where(lessons_table.c.number == 1).values(payload=bad))
    assert [known.id for known in store.all()] == ["00002"]
    assert "00001 ('evidence.0.effect'" in store.damage()
    with pytest.raises(SetupError, match="Lesson 00001 is damaged"):
        store.get("1")
    store.import_all([lesson("a", 1, 2)])
    assert [known.id for known in store.all()] == ["00001", "00002"]
    assert store.damage() == ""
    with engine.connect() as connection:
        assert connection.execute(select(damaged_table.c.number, damaged_table.c.payload)).all() == [(1, bad)]


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "-Infinity", "1e999", "1e300", "1" + "0" * 5000, "null", '"\\ud800"', "[" * 3000],
)
@pytest.mark.parametrize("name", ["effect", "standard_error", "time_factor"])
def test_a_file_of_lessons_with_absurd_numbers_is_refused(tmp_path: Path, value: str, name: str) -> None:
    file = tmp_path / "lessons.json"
    write_lessons([lesson("a", 1, 2, evidence(0.1, 0.02, time_factor=0.5))], file)
    fields = {"effect": "0.1", "standard_error": "0.02", "time_factor": "0.5"}
    text = file.read_text()
    assert text.count(f'"{name}": {fields[name]}') == 1
    file.write_text(text.replace(f'"{name}": {fields[name]}', f'"{name}": {value}'))
    with pytest.raises(SetupError, match=r"lessons\.json: not a list of lessons") as caught:
        read_lessons(file)
    assert "\n" not in str(caught.value)


def test_a_lesson_learned_with_nan_never_enters_the_record() -> None:
    known = lesson("a", 1, 2)
    bad = known.model_copy(update={"evidence": (known.evidence[0].model_copy(update={"effect": math.nan}),)})
    with pytest.raises(UnrecordableError):
        encode_event(LessonLearned(elapsed_s=1.0, node=1, lesson=bad))
