"""The form of a debugging answer: edits that fix the code, or modules that the model asks to see first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.memory.lesson import Lesson
from agent.planner.llm.answers import (
    PART_LENGTH,
    TITLE_LENGTH,
    Answer,
    cites_schema,
    closed_object,
    one_line,
    parse_answer,
    text_schema,
)
from agent.planner.llm.editing import apply_checked_edits, edits_schema
from agent.record.state import Node
from agent.repository.edits import Edit
from agent.repository.idea import Fix
from agent.repository.written_modules import test_faults

FIX_LESSONS = 5
LOOKS = 2  # further modules that the model may ask to see


@dataclass(frozen=True)
class ModuleRequest:
    """Further modules that the model asks to see before it answers."""

    files: tuple[str, ...]


class FixAnswer(Answer):
    cause: str = ""
    signs: str = ""
    look: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()


def fix_form(
    node: Node, files: Mapping[str, str], modules: Sequence[str], lessons: Sequence[Lesson]
) -> AnswerFormat[Fix | ModuleRequest]:
    """Return the form of a fix: edits of the failed files, or a request to see some of `modules`.

    The form refuses answers that were tried before, cannot be applied, or hide the error.
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

    def read(answer: object) -> Fix | ModuleRequest:
        fix = parse_answer(FixAnswer, answer)
        if fix.look and not fix.edits:
            if set(fix.look) - set(modules) or len(fix.look) > LOOKS:
                raise AnswerError(f"look: name at most {LOOKS} modules among {', '.join(modules) or 'none'}.")
            return ModuleRequest(fix.look)
        if any(attempt.fix.edits == fix.edits for attempt in node.attempts):
            raise AnswerError("These edits were tried before and did not help; fix the error another way.")
        made = apply_checked_edits(files, fix.edits)
        if faults := _test_faults(node, fix.edits, made):
            raise AnswerError(faults[0])
        unknown = sorted(set(fix.cites) - {lesson.id for lesson in lessons})
        if unknown:
            raise AnswerError(f"cites: lesson '{one_line(unknown[0], 20)}' was not offered.")
        return Fix(
            title=one_line(fix.title, TITLE_LENGTH) or "A fix",
            cause=one_line(fix.cause, PART_LENGTH),
            signs=one_line(fix.signs, PART_LENGTH),
            edits=fix.edits,
            cites=tuple(dict.fromkeys(fix.cites)),
        )

    return AnswerFormat("fix", schema, read)


def _test_faults(node: Node, edits: Sequence[Edit], made: Mapping[str, str]) -> list[str]:
    """Return the faults of edited test scripts, by the same rules as for new test scripts."""
    edited_files = {edit.file for edit in edits}
    written = zip(node.idea.plan, node.modules, strict=False)  # the plan may hold modules not written yet
    return [
        fault
        for planned, module in written
        if module.test and module.test_file in edited_files
        for fault in test_faults(planned, made[module.test_file])
    ]
