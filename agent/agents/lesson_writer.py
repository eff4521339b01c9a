"""Texts of lessons by a language model, checked against the measured verdict.

Only lessons about edited code need a model. The text of a lesson about slots follows from its numbers, which
is exact and free (`agent.memory.distill`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from agent.agents.diffs import code_diff
from agent.core.seeds import SEED_STEP
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.llm.calls import Prompt
from agent.llm.errors import LlmUnavailableError, ModelDisabledError, UnusableAnswerError
from agent.llm.prompts import render_prompt
from agent.llm.query import LanguageModel, Query
from agent.memory.lesson import VERDICTS, Lesson, LessonText
from agent.memory.recall import lesson_topic
from agent.memory.text_similarity import tfidf_similarity
from agent.planner.llm.answers import closed_object, one_line, parse_answer, text_schema
from agent.planner.llm.briefing import curve
from agent.planner.llm.editing import ReadCode
from agent.record.state import Node, RunState
from agent.repository.rendering import TaskView

PURPOSE = "reflect"
ANSWER_TOKENS = 4000  # long enough for models that reason before they answer
LENGTHS = {"findings": 600, "title": 100, "summary": 300, "key_lesson": 300}  # characters
DIFF_LENGTHS = (24_000, 6_000)  # characters, full and short prompt
MAX_KNOWN = 5
# Lowest text similarity of lessons that are shown to the model as possible duplicates. It is low because
# models describe equal changes in different words: the model decides, this threshold only bounds the list.
MIN_SIMILARITY = 0.15
# Measured numbers are stored separately from the text and change with every comparison.
_MEASURED = re.compile(r"\d\s*(%|percent|per cent)", re.I)


@dataclass(frozen=True)
class LessonProposal:
    """A model's reading of a comparison."""

    words: LessonText
    same_as: str  # id of the known lesson that says the same, or ""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    findings: str
    title: str
    summary: str = ""
    key_lesson: str
    verdict: str
    same_as: str = ""


@dataclass(frozen=True)
class LessonWriter:
    """Asks a language model for the text of a finished node's lesson."""

    language_model: LanguageModel
    competition: TaskView
    read_code: ReadCode

    def reflect(
        self, state: RunState, node: Node, lesson: Lesson, memory: Callable[[], Sequence[Lesson]]
    ) -> LessonProposal | None:
        """Return the text for a recorded lesson; None if the lesson needs no text or no model answers.

        Args:
            state: The run's state, with the node finished.
            node: The child of the lesson's latest comparison.
            lesson: The stored lesson with its id.
            memory: Returns every known lesson; called only if the model is asked.
        """
        if not lesson.edit_hash or lesson.has_current_model_text:
            return None
        other = state.nodes[lesson.evidence[-1].parent]
        known = _similar_lessons(lesson, memory()) if len(lesson.evidence) == 1 else []
        query = Query(
            "reviewer",
            PURPOSE,
            self._prompts(node, other, lesson, known),
            lesson_form(node, lesson, known),
            ANSWER_TOKENS,
            seed=SEED_STEP * state.run.seed + node.id,
            node=node.id,
        )
        try:
            return self.language_model.ask(query)
        except (UnusableAnswerError, LlmUnavailableError, ModelDisabledError):
            return None

    def _prompts(self, node: Node, other: Node, lesson: Lesson, known: Sequence[Lesson]) -> list[Prompt]:
        stable = render_prompt("reflect_rules", competition=self.competition)
        diff = code_diff(self.read_code(other), self.read_code(node))
        return [
            Prompt(
                stable,
                render_prompt(
                    "reflect",
                    competition=self.competition,
                    node=node,
                    other=other,
                    lesson=lesson,
                    diff=diff[:length],
                    left_out=max(len(diff) - length, 0),
                    curves={other.name: curve(other), node.name: curve(node)},
                    known=known,
                ),
            )
            for length in DIFF_LENGTHS
        ]


def lesson_form(node: Node, lesson: Lesson, known: Sequence[Lesson]) -> AnswerFormat[LessonProposal]:
    """Return the form of a lesson's text: findings, then a rule in the measured direction.

    `known` are the lessons that may say the same.
    """
    ids = [other.id for other in known]
    schema = closed_object(
        {
            "findings": text_schema(LENGTHS["findings"]),
            "verdict": {"type": "string", "enum": list(VERDICTS)},
            **{name: text_schema(LENGTHS[name]) for name in ("title", "summary", "key_lesson")},
            **({"same_as": {"type": "string", "enum": ["", *ids]}} if ids else {}),
        }
    )

    def read(answer: object) -> LessonProposal:
        reflection = parse_answer(_Answer, answer)
        if reflection.verdict != lesson.verdict:
            raise AnswerError(
                f"verdict: the measured verdict is '{lesson.verdict}', not '{reflection.verdict}'; describe "
                "what the measured verdict teaches."
            )
        if reflection.same_as not in ("", *ids):
            raise AnswerError(
                f"same_as: '{reflection.same_as}' is unknown; name one of {', '.join(ids) or 'none'}, or "
                "leave it empty."
            )
        texts = {name: one_line(getattr(reflection, name), length) for name, length in LENGTHS.items()}
        for name in ("findings", "title", "key_lesson"):
            if not texts[name]:
                raise AnswerError(f"{name}: the text is empty.")
        for name in ("title", "summary", "key_lesson"):
            if _MEASURED.search(texts[name]):
                raise AnswerError(f"{name}: leave percentages out; measured numbers are stored separately.")
        words = LessonText(
            verdict=lesson.verdict,
            plan=node.idea.title,
            run=lesson.evidence[-1].run,
            node=node.id,
            **texts,
        )
        return LessonProposal(words, reflection.same_as)

    return AnswerFormat(PURPOSE, schema, read)


def _similar_lessons(lesson: Lesson, memory: Sequence[Lesson]) -> list[Lesson]:
    """Return the lessons that may say the same, the most similar first."""
    others = [other for other in memory if lesson.may_be_equivalent(other)]
    similarity = tfidf_similarity(_change(lesson), [_change(other) for other in others])
    order = sorted(range(len(others)), key=lambda index: (-similarity[index], others[index].id))
    return [others[index] for index in order if similarity[index] >= MIN_SIMILARITY][:MAX_KNOWN]


def _change(lesson: Lesson) -> str:
    """Return the lesson's text, preceded by the idea's title if a model wrote the text."""
    return f"{lesson.words.plan}. {lesson_topic(lesson)}" if lesson.words else lesson_topic(lesson)
