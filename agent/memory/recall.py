"""Recall of lessons, ranked by relevance x confidence x recency x text similarity."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.memory.lesson import Lesson, Scope
from agent.memory.text_similarity import TextSimilarity, tfidf_similarity

LIMIT = 30
_HALF_LIFE = 50.0  # in lessons: the weight halves with every 50 newer lessons
# Text similarity 1 weighs as much as this many half-lives.
SIMILARITY_HALF_LIVES = 8.0


@dataclass(frozen=True)
class Candidate:
    """A relevant lesson, with its rank weight before text similarity."""

    lesson: Lesson
    worth: float


def relevance(lesson: Lesson, scope: Scope) -> float:
    """Return the relevance: 1 for the same task, family and data size; 0 for another task."""
    if lesson.scope.task != scope.task:
        return 0.0
    same_family = 1.0 if lesson.scope.family == scope.family else 0.3
    return float(same_family / (1.0 + abs(lesson.scope.magnitude - scope.magnitude)))


def solution_lessons(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return the lessons about ideas."""
    return [lesson for lesson in lessons if lesson.kind == "solution"]


def debug_lessons(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return the lessons about errors in code."""
    return [lesson for lesson in lessons if lesson.kind == "debug"]


def recall(
    lessons: Sequence[Lesson],
    scopes: Sequence[Scope],
    limit: int = LIMIT,
    about: str = "",
    similarity: TextSimilarity = tfidf_similarity,
) -> list[Lesson]:
    """Return the lessons to offer, best first.

    Args:
        lessons: all lessons, oldest first.
        scopes: one scope per family.
        limit: largest number of returned lessons.
        about: the topic in words; "" ignores the lessons' texts.
        similarity: text similarity of the topic and the lessons' texts.
    """
    return [one.lesson for one in ranked(candidates(lessons, scopes), about, similarity)[:limit]]


def candidates(lessons: Sequence[Lesson], scopes: Sequence[Scope]) -> list[Candidate]:
    """Return the lessons with a relevance above 0; arguments as for `recall`."""
    found = []
    for age, lesson in enumerate(reversed(lessons)):
        fit = max((relevance(lesson, scope) for scope in scopes), default=0.0)
        worth = fit * lesson.confidence * 0.5 ** (age / _HALF_LIFE)
        if worth > 0:
            found.append(Candidate(lesson, worth))
    return found


def ranked(found: Sequence[Candidate], about: str, similarity: TextSimilarity) -> list[Candidate]:
    """Return the candidates, best first."""
    alike = similarity(about, [lesson_topic(one.lesson) for one in found]) if about else [0.0] * len(found)
    worth = [
        one.worth * 2 ** (SIMILARITY_HALF_LIVES * max(how, 0.0))
        for one, how in zip(found, alike, strict=True)
    ]
    order = sorted(range(len(found)), key=lambda index: (-worth[index], found[index].lesson.id))
    return [found[index] for index in order]


def lesson_topic(lesson: Lesson) -> str:
    """Return a lesson's text for comparison, without the summary, whose numbers carry no topic."""
    on = [*(item.competition for item in lesson.evidence), *(fix.competition for fix in lesson.fixes)]
    learned_on = sorted(set(on))
    return f"{lesson.title}. {lesson.key_lesson} Learned on {', '.join(learned_on)}."
