"""Which lessons a new run is offered: relevance x confidence x recency, at most 30 (DESIGN.md, Memory)."""

from collections.abc import Sequence

from agent.memory.lesson import Lesson, Scope

LIMIT = 30
_HALF_LIFE = 50.0  # in lessons: one that 50 newer ones follow counts half


def relevance(lesson: Lesson, scope: Scope) -> float:
    """1 for the same task, family and size of data; 0 for another task."""
    if lesson.scope.task != scope.task:
        return 0.0
    same_family = 1.0 if lesson.scope.family == scope.family else 0.3
    return float(same_family / (1.0 + abs(lesson.scope.magnitude - scope.magnitude)))


def solution_lessons(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Those that tell of ideas, not of errors in code."""
    return [lesson for lesson in lessons if lesson.kind == "solution"]


def debug_lessons(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Those that tell of errors in code."""
    return [lesson for lesson in lessons if lesson.kind == "debug"]


def recall(lessons: Sequence[Lesson], scopes: Sequence[Scope], limit: int = LIMIT) -> list[Lesson]:
    """The lessons to offer, best first; `lessons` come oldest first, `scopes` are one per family."""
    scored = []
    for age, lesson in enumerate(reversed(lessons)):
        fit = max((relevance(lesson, scope) for scope in scopes), default=0.0)
        recency = 0.5 ** (age / _HALF_LIFE)
        worth = fit * lesson.confidence * recency
        if worth > 0:
            scored.append((worth, lesson.id, lesson))
    scored.sort(key=lambda item: (-item[0], item[1]))
    return [lesson for _, _, lesson in scored[:limit]]
