"""Solutions that a language model designs itself: an idea and its modules (arXiv 2602.02660, Design)."""

import importlib.util
import keyword
from collections.abc import Sequence

from agent.core.contract import MAIN, TESTS_FOLDER, library_module
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.memory.lesson import Lesson
from agent.planner.base import Proposal
from agent.planner.library.idea_text import PARTS
from agent.planner.llm.answers import (
    LENGTHS,
    PART_LENGTH,
    PLAN_LENGTH,
    TITLE_LENGTH,
    Answer,
    cites_by_slot,
    cites_schema,
    closed_object,
    one_line,
    parse_answer,
    text_schema,
)
from agent.record.state import RunState
from agent.repository.checks import LIBRARY
from agent.repository.edits import is_own_module
from agent.repository.idea import Idea, ModulePlan
from agent.repository.written_modules import MOST_MODULES, plan_faults

CANDIDATES = 5
NAMES = 12  # defined by one module
FAULTS_SHOWN = 3  # faults reported for one answer
NEEDED = (*(library_module(name) for name in LIBRARY if name != "__init__"), MAIN)
# Packages that a solution may import; the prompt lists those that are installed.
_USEFUL = (
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "torch",
    "timm",
    "albumentations",
    "lightgbm",
    "xgboost",
    "PIL",
)


class DesignAnswer(Answer):
    candidates: tuple[str, ...] = ()
    model: str = ""
    data: str = ""
    training: str = ""
    evaluation: str = ""
    modules: tuple[ModulePlan, ...] = ()


def packages() -> list[str]:
    """Return the useful packages that are installed."""
    return [name for name in _USEFUL if importlib.util.find_spec(name) is not None]


def scouted(state: RunState) -> tuple[str, ...]:
    """Return the candidate models that earlier designs of the run have considered."""
    found = (one for node in state.nodes.values() for one in node.idea.scouted)
    return tuple(dict.fromkeys(found))


def design_form(state: RunState, lessons: Sequence[Lesson], given: Sequence[str]) -> AnswerFormat[Proposal]:
    """Return the form of a design: an idea in prose and its modules, each using only earlier modules.

    Args:
        state: The run's state; titles of its nodes may not be used again.
        lessons: The lessons that the answer may cite.
        given: Modules that exist without being planned.
    """
    part_length = PART_LENGTH if state.run.machine is None else PLAN_LENGTH
    names = {"type": "array", "maxItems": NAMES, "items": text_schema(80)}
    module = closed_object(
        {"file": text_schema(80), "purpose": text_schema(PART_LENGTH), "names": names, "uses": names}
    )
    schema = closed_object(
        {
            "candidates": {"type": "array", "maxItems": CANDIDATES, "items": text_schema(TITLE_LENGTH)},
            "title": text_schema(LENGTHS["title"]),
            **{name: text_schema(part_length) for name in PARTS},
            "modules": {
                "type": "array",
                "minItems": len(NEEDED),
                "maxItems": MOST_MODULES,
                "items": module,
            },
            **cites_schema(lessons),
        }
    )

    def read(answer: object) -> Proposal:
        answered = parse_answer(DesignAnswer, answer)
        title = one_line(answered.title, TITLE_LENGTH) or "A solution of its own"
        if any(node.idea.title == title for node in state.nodes.values()):
            raise AnswerError("title: another node has this title; choose a different approach.")
        wrong = [one.file for one in answered.modules if not _may_be_planned(one.file)]
        if wrong:
            raise AnswerError(f"modules: {one_line(wrong[0], 60)} is neither main.py nor library/<name>.py.")
        if faults := plan_faults(answered.modules, given):
            raise AnswerError(" ".join(faults[:FAULTS_SHOWN]))
        idea = Idea(
            title=title,
            model=one_line(answered.model, part_length),
            data=one_line(answered.data, part_length),
            training=one_line(answered.training, part_length),
            evaluation=one_line(answered.evaluation, part_length),
            blueprint=None,
            plan=tuple(_plain_module(one) for one in answered.modules),
            scouted=tuple(one_line(one, TITLE_LENGTH) for one in answered.candidates[:CANDIDATES]),
            cites=cites_by_slot(answered.cites, lessons, {}, ()),
        )
        return Proposal(idea, expected_s=None)

    return AnswerFormat("design", schema, read)


def _may_be_planned(file: str) -> bool:
    return is_own_module(file) and not file.startswith(f"{TESTS_FOLDER}/")


def _plain_module(module: ModulePlan) -> ModulePlan:
    """Return the plan with its purpose on one line and without invalid Python names."""
    names = tuple(name for name in module.names if name.isidentifier() and not keyword.iskeyword(name))
    return module.model_copy(update={"purpose": one_line(module.purpose, PART_LENGTH), "names": names})
