"""Lessons in a language model's words: what it reads in a comparison, held to what was measured.

Only where slots cannot say what changed: a lesson about slots is worded from its numbers, which is exact and
costs nothing (`agent.memory.distill`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from agent.llm.calls import Prompt
from agent.llm.errors import LeftAlone, LlmUnavailable, LlmUnusable
from agent.llm.forms import AnswerError, Form
from agent.llm.prompts import render_prompt
from agent.llm.query import Query, Thinker
from agent.memory.lesson import VERDICTS, Lesson, Words
from agent.memory.likeness import by_words
from agent.memory.recall import said_by
from agent.planner.answers import closed_object, parsed, plain, text_schema
from agent.planner.briefing import curve
from agent.planner.editing import ReadCode
from agent.record.state import Node, RunState
from agent.repository.render import TaskView
from agent.reviewer.diffs import code_diff

PURPOSE = "reflect"
ANSWER_TOKENS = 4000  # long enough for models that reason before they answer
SEED_STEP = 1000
LENGTHS = {"findings": 600, "title": 100, "summary": 300, "key_lesson": 300}  # characters
DIFF_LENGTHS = (24_000, 6_000)  # characters, in full and in short
KNOWN = 5
# Least likeness by words of lessons that the model is asked about as perhaps the same. It is low, since equal
# changes are told in other words by every model: the model says what is the same, this only bounds the list.
ALIKE = 0.15
# Numbers that were measured are kept beside the words and change with every comparison.
_MEASURED = re.compile(r"\d\s*(%|percent|per cent)", re.I)


@dataclass(frozen=True)
class Reflection:
    """What a model made of a comparison."""

    words: Words
    same_as: str  # id of the known lesson that says the same; "" where none does


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    findings: str
    title: str
    summary: str = ""
    key_lesson: str
    verdict: str
    same_as: str = ""


@dataclass(frozen=True)
class Reflector:
    """Asks a model for the words of what a finished node taught."""

    thinker: Thinker
    competition: TaskView
    read_code: ReadCode

    def reflect(
        self, state: RunState, node: Node, lesson: Lesson, memory: Callable[[], Sequence[Lesson]]
    ) -> Reflection | None:
        """The words for a lesson that is on record; None where they are not needed or not to be had.

        Args:
            state: the node is finished in it.
            node: the child of the lesson's latest comparison.
            lesson: as stored, with its id.
            memory: every known lesson, asked for only where a model is.
        """
        if not lesson.edit_hash or lesson.is_in_words:
            return None
        other = state.nodes[lesson.evidence[-1].parent]
        known = _alike(lesson, memory()) if len(lesson.evidence) == 1 else []
        query = Query(
            "reviewer",
            PURPOSE,
            self._prompts(node, other, lesson, known),
            reflect_form(node, lesson, known),
            ANSWER_TOKENS,
            seed=SEED_STEP * state.run.seed + node.id,
            node=node.id,
        )
        try:
            return self.thinker.ask(query)
        except (LlmUnusable, LlmUnavailable, LeftAlone):
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


def reflect_form(node: Node, lesson: Lesson, known: Sequence[Lesson]) -> Form[Reflection]:
    """Findings first, then the comparison that ends in a rule, in the direction that was measured.

    `known` are the lessons that may say the same already.
    """
    ids = [one.id for one in known]
    schema = closed_object(
        {
            "findings": text_schema(LENGTHS["findings"]),
            "verdict": {"type": "string", "enum": list(VERDICTS)},
            **{name: text_schema(LENGTHS[name]) for name in ("title", "summary", "key_lesson")},
            **({"same_as": {"type": "string", "enum": ["", *ids]}} if ids else {}),
        }
    )

    def read(answer: object) -> Reflection:
        given = parsed(_Answer, answer)
        if given.verdict != lesson.verdict:
            raise AnswerError(
                f"verdict: it was measured and is '{lesson.verdict}', not '{given.verdict}'; say what that "
                "teaches."
            )
        if given.same_as not in ("", *ids):
            raise AnswerError(
                f"same_as: '{given.same_as}' is none of {', '.join(ids) or 'none'}; or leave it empty."
            )
        told = {name: plain(getattr(given, name), length) for name, length in LENGTHS.items()}
        for name in ("findings", "title", "key_lesson"):
            if not told[name]:
                raise AnswerError(f"{name}: it is empty.")
        for name in ("title", "summary", "key_lesson"):
            if _MEASURED.search(told[name]):
                raise AnswerError(f"{name}: leave percentages out; what was measured is kept beside it.")
        words = Words(
            verdict=lesson.verdict,
            plan=node.idea.title,
            run=lesson.evidence[-1].run,
            node=node.id,
            **told,
        )
        return Reflection(words, given.same_as)

    return Form(PURPOSE, schema, read)


def _alike(lesson: Lesson, memory: Sequence[Lesson]) -> list[Lesson]:
    """The lessons that may say the same, the most alike first."""
    others = [one for one in memory if lesson.may_be_the_same(one)]
    alike = by_words(_change(lesson), [_change(one) for one in others])
    order = sorted(range(len(others)), key=lambda index: (-alike[index], others[index].id))
    return [others[index] for index in order if alike[index] >= ALIKE][:KNOWN]


def _change(lesson: Lesson) -> str:
    """What a lesson says; where that is a model's words, also what its idea was called."""
    return f"{lesson.words.plan}. {said_by(lesson)}" if lesson.words else said_by(lesson)
