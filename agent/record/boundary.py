"""The boundary of the record: what is written can be read again, and damage to one row stays there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agent.core.errors import InfrastructureError
from agent.core.plain_text import without_surrogates
from agent.record.events import (
    Event,
    LlmCallBegan,
    LlmCallEnded,
    NodeProposed,
    RunFinished,
    RunResumed,
    RunStarted,
    event_adapter,
)

MAX_TEXT = 4_000_000
"""Largest number of characters of one text in the record; longer texts are cut."""

_MAX_PAYLOAD = 64_000_000
# Faults of the format, as a newer version writes it. Rows of these must not be skipped.
_OF_THE_FORMAT = {"extra_forbidden", "union_tag_invalid", "union_tag_not_found", "literal_error"}


class UnrecordableError(InfrastructureError):
    """An event has values that no record can hold."""


def admitted(event: Event) -> tuple[Event, str]:
    """Return an event as later sessions will read it, and its text in the record.

    Numbers that are not finite become gaps, and texts lose signs that no text can hold.

    Raises:
        UnrecordableError: a value that must be there is not finite or has another type.
    """
    try:
        return _round_trip(event)
    except (ValueError, RecursionError):  # pydantic's errors are ValueErrors
        pass
    try:
        return _round_trip(event_adapter.validate_python(_recordable(event.model_dump())))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UnrecordableError(f"The event {event.kind} cannot be recorded: {place} is invalid.") from error
    except (ValueError, RecursionError) as error:
        raise UnrecordableError(f"The event {event.kind} cannot be recorded.") from error


def _round_trip(event: Event) -> tuple[Event, str]:
    payload = event.model_dump_json()
    if len(payload) > _MAX_PAYLOAD or "\\u0000" in payload:
        raise ValueError("a text is too long or holds NUL")
    return event_adapter.validate_json(payload), payload


def _recordable(value: Any) -> Any:
    """Return plain content whose texts can be recorded."""
    if isinstance(value, dict):
        return {_recordable(key): _recordable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_recordable(item) for item in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return without_surrogates(value)[:MAX_TEXT] if isinstance(value, str) else value


@dataclass(frozen=True)
class DamagedEvent:
    """A row of the record that is skipped; it stays in the database."""

    number: int
    kind: str
    reason: str


def readable_events(
    run: str, rows: Iterable[tuple[int, str, str]]
) -> tuple[list[tuple[int, Event]], list[DamagedEvent]]:
    """Return the events that can be used, each with its number, and the damaged rows.

    An event about a node that no readable row proposes is skipped too.

    Args:
        run: id of the run.
        rows: number, kind and text of each row, in order.

    Raises:
        InfrastructureError: the first event is damaged, or another version wrote the record.
    """
    events: list[tuple[int, Event]] = []
    damaged: list[DamagedEvent] = []
    nodes: set[int] = set()
    for number, kind, payload in rows:
        try:
            event = event_adapter.validate_json(payload)
        except ValidationError as error:
            faults = error.errors(include_url=False)
            if not events or any(fault["type"] in _OF_THE_FORMAT for fault in faults):
                raise damaged_record(run, _fault_of(number, faults[0]["loc"][1:])) from error
            place = ".".join(map(str, faults[0]["loc"][1:])) or "the text"
            damaged.append(DamagedEvent(number, kind, f"{place} is invalid"))
            continue
        missing = _needed_nodes(event) - nodes
        if missing:
            damaged.append(DamagedEvent(number, kind, f"node {min(missing)} is not on record"))
            continue
        if isinstance(event, NodeProposed):
            nodes.add(event.node)
        events.append((number, event))
    return events, damaged


def damaged_record(run: str, what: str) -> InfrastructureError:
    """Return the error of a record that cannot be used, with the fault `what`."""
    return InfrastructureError(
        f"Run {run} has a damaged record ({what}); use the version of MARS that recorded the run, or start a "
        "new run. Other runs are not affected: `mars runs` lists them."
    )


def _fault_of(number: int, place: Sequence[object]) -> str:
    name = ".".join(map(str, place))
    return f"the value of `{name}` in row {number} is not valid" if name else f"row {number} is no event"


def _needed_nodes(event: Event) -> set[int]:
    if isinstance(event, NodeProposed):
        return set(event.parents)
    # A language model is asked about a node before the node is proposed.
    without_node = RunStarted | RunResumed | RunFinished | LlmCallBegan | LlmCallEnded
    return set() if isinstance(event, without_node) else {event.node}


def damage_sentence(run: str, damaged: Iterable[DamagedEvent]) -> str:
    """Return a sentence that names the damaged rows; "" if there are none."""
    named = [f"{one.number} ({one.kind}: {one.reason})" for one in damaged]
    if not named:
        return ""
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    rows = "Row" if len(named) == 1 else "Rows"
    return f"{rows} {', '.join(named[:3])}{more} in the record of run {run} cannot be read and are left out."
