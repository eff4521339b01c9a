"""Which lessons are offered: relevance x confidence x recency x likeness, at most 30 (DESIGN.md, Memory)."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.memory.lesson import Lesson, Scope
from agent.memory.likeness import Likeness, by_words

LIMIT = 30
_HALF_LIFE = 50.0  # in lessons: one that 50 newer ones follow counts half
# A lesson that says just what is asked about (likeness 1) counts as if it were so many half-lives younger.
LIKENESS_WORTH = 8.0


@dataclass(frozen=True)
class Candidate:
    """A lesson that may be offered, and what it is worth whatever it says."""

    lesson: Lesson
    worth: float


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


def recall(
    lessons: Sequence[Lesson],
    scopes: Sequence[Scope],
    limit: int = LIMIT,
    about: str = "",
    likeness: Likeness = by_words,
) -> list[Lesson]:
    """The lessons to offer, best first.

    Args:
        lessons: oldest first.
        scopes: one per family.
        limit: at most so many.
        about: what they should be about, in words; "" leaves what they say out of it.
        likeness: of that and what they say.
    """
    return [one.lesson for one in ranked(candidates(lessons, scopes), about, likeness)[:limit]]


def candidates(lessons: Sequence[Lesson], scopes: Sequence[Scope]) -> list[Candidate]:
    """The lessons that are relevant at all; arguments as for `recall`."""
    found = []
    for age, lesson in enumerate(reversed(lessons)):
        fit = max((relevance(lesson, scope) for scope in scopes), default=0.0)
        worth = fit * lesson.confidence * 0.5 ** (age / _HALF_LIFE)
        if worth > 0:
            found.append(Candidate(lesson, worth))
    return found


def ranked(found: Sequence[Candidate], about: str, likeness: Likeness) -> list[Candidate]:
    """The candidates, best first."""
    alike = likeness(about, [said_by(one.lesson) for one in found]) if about else [0.0] * len(found)
    worth = [one.worth * 2 ** (LIKENESS_WORTH * max(how, 0.0)) for one, how in zip(found, alike, strict=True)]
    order = sorted(range(len(found)), key=lambda index: (-worth[index], found[index].lesson.id))
    return [found[index] for index in order]


def said_by(lesson: Lesson) -> str:
    """What a lesson is about, in words: its numbers, which the summary tells, say nothing of that."""
    on = [*(item.competition for item in lesson.evidence), *(fix.competition for fix in lesson.fixes)]
    learned_on = sorted(set(on))
    return f"{lesson.title}. {lesson.key_lesson} Learned on {', '.join(learned_on)}."
