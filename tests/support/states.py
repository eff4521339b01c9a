"""States of searches, built from events."""

from collections.abc import Sequence

from agent.memory.lesson import Evidence, Lesson, Scope
from agent.record.events import (
    NodeFinished,
    NodeProposed,
    NodeResult,
    Operator,
    RunSettings,
    RunStarted,
    Status,
)
from agent.record.state import RunState
from agent.repository.family import Family, Value
from agent.repository.idea import Blueprint, Change, Idea

SETTINGS = RunSettings(
    competition="toy",
    folder="toy",
    prepared="toy",
    data_kind="full",
    fingerprint="0" * 64,
    minutes=10.0,
    node_minutes=1.0,
)


def started(
    lessons: tuple[Lesson, ...] = (), *, families: Sequence[Family] = (), **settings: object
) -> RunState:
    state = RunState(higher_is_better=True, families={family.id: family for family in families})
    changed = SETTINGS.model_copy(update=settings)
    state.apply(RunStarted(elapsed_s=0.0, settings=changed, missing_guarantees=(), lessons=lessons))
    return state


def idea(title: str = "An idea", slots: dict[str, Value] | None = None, **more: object) -> Idea:
    blueprint = Blueprint(family="toy", slots=slots or {})
    return Idea(
        title=title,
        model="m",
        data="d",
        training="t",
        evaluation="e",
        blueprint=blueprint,
        **more,  # type: ignore[arg-type]
    )


def propose(
    state: RunState,
    parent: int | None = None,
    operator: Operator | None = None,
    what: Idea | None = None,
    members: tuple[int, ...] = (),
) -> int:
    """Propose a node; an ensemble has `members` in the place of a parent."""
    number = len(state.nodes) + 1
    state.apply(
        NodeProposed(
            elapsed_s=state.elapsed_s,
            node=number,
            operator=operator or ("draft" if parent is None else "improve"),
            parents=members if parent is None else (parent,),
            idea=what or idea(f"idea {number}", {"number": number}),
        )
    )
    return number


def finish(
    state: RunState,
    node: int,
    metric: float | None = None,
    seconds: float = 10.0,
    status: Status | None = None,
    **result: object,
) -> None:
    found = NodeResult.model_validate(
        {
            "status": status or ("failed" if metric is None else "valid"),
            "commit": f"{node:040x}",
            "seconds": seconds,
            "metric": metric,
            **result,
        }
    )
    state.apply(NodeFinished(elapsed_s=state.elapsed_s + seconds, node=node, result=found))


def add(state: RunState, parent: int | None, metric: float | None, seconds: float = 10.0) -> int:
    number = propose(state, parent)
    finish(state, number, metric, seconds)
    return number


def evidence(effect: float, error: float, child: int = 2, time_factor: float = 1.0) -> Evidence:
    return Evidence(
        run="r",
        competition="toy",
        data_kind="full",
        parent=1,
        child=child,
        effect=effect,
        standard_error=error,
        time_factor=time_factor,
    )


def lesson(slot: str, old: Value, new: Value, *items: Evidence, lesson_id: str = "00001") -> Lesson:
    return Lesson(
        id=lesson_id,
        kind="solution",
        title=f"{slot} {new}",
        summary="s",
        findings="f",
        key_lesson="k",
        scope=Scope(task="classification", family="toy", magnitude=3),
        changes=(Change(slot=slot, old=old, new=new),),
        evidence=items or (evidence(0.1, 0.01),),
    )
