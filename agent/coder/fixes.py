"""What a language model may answer when code has failed: edits that mend it, or modules to see first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.llm.forms import AnswerError, Form
from agent.memory.lesson import Lesson
from agent.planner.answers import (
    PART_LENGTH,
    TITLE_LENGTH,
    Answer,
    cites_schema,
    closed_object,
    parsed,
    plain,
    text_schema,
)
from agent.planner.editing import edited, edits_schema
from agent.record.state import Node
from agent.repository.edits import Edit
from agent.repository.idea import Fix
from agent.repository.own_code import test_faults

FIX_LESSONS = 5
LOOKS = 2  # modules more than those that were shown


@dataclass(frozen=True)
class Look:
    """Further modules that the model wants to see first."""

    files: tuple[str, ...]


class FixAnswer(Answer):
    cause: str = ""
    signs: str = ""
    look: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()


def fix_form(
    node: Node, files: Mapping[str, str], modules: Sequence[str], lessons: Sequence[Lesson]
) -> Form[Fix | Look]:
    """Edits of the files that failed; `modules` may be asked for instead, if there are any.

    An answer is refused that was tried before, cannot be made, or hides the error instead of mending it.
    """
    looks = {"type": "array", "maxItems": LOOKS, "items": {"type": "string", "enum": list(modules)}}
    schema = closed_object(
        {
            "cause": text_schema(PART_LENGTH),
            "signs": text_schema(PART_LENGTH),
            **({"look": looks} if modules else {}),
            "title": text_schema(TITLE_LENGTH),
            "edits": edits_schema(least=0 if modules else 1),
            **cites_schema(lessons),
        }
    )

    def read(answer: object) -> Fix | Look:
        given = parsed(FixAnswer, answer)
        if given.look and not given.edits:
            if set(given.look) - set(modules) or len(given.look) > LOOKS:
                raise AnswerError(f"look: at most {LOOKS} of {', '.join(modules) or 'none'}.")
            return Look(given.look)
        if any(attempt.fix.edits == given.edits for attempt in node.attempts):
            raise AnswerError("These edits were tried already and did not help; mend it in another way.")
        made = edited(files, given.edits)
        if blunted := _blunted(node, given.edits, made):
            raise AnswerError(blunted[0])
        unknown = sorted(set(given.cites) - {lesson.id for lesson in lessons})
        if unknown:
            raise AnswerError(f"cites: lesson '{plain(unknown[0], 20)}' was not offered.")
        return Fix(
            title=plain(given.title, TITLE_LENGTH) or "A fix",
            cause=plain(given.cause, PART_LENGTH),
            signs=plain(given.signs, PART_LENGTH),
            edits=given.edits,
            cites=tuple(dict.fromkeys(given.cites)),
        )

    return Form("fix", schema, read)


def _blunted(node: Node, edits: Sequence[Edit], made: Mapping[str, str]) -> list[str]:
    """What is wrong with the tests of written modules that a fix has edited, as when they were written."""
    edited_files = {edit.file for edit in edits}
    written = zip(node.idea.plan, node.modules, strict=False)  # the plan goes on
    return [
        fault
        for planned, module in written
        if module.test and module.test_file in edited_files
        for fault in test_faults(planned, made[module.test_file])
    ]
