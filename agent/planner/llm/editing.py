"""Edits of a parent's modules by a language model: outlines for the prompt, checks of the answer."""

import ast
from collections.abc import Callable, Mapping, Sequence

from agent.core.contract import LIBRARY_FOLDER, MAIN
from agent.llm.answer_format import AnswerError, AnswerFormat
from agent.memory.lesson import Lesson
from agent.planner.base import Proposal, Request
from agent.planner.library.idea_text import idea_of
from agent.planner.llm.answers import (
    EDITS,
    LENGTHS,
    PART_LENGTH,
    TITLE_LENGTH,
    EditAnswer,
    Schema,
    cites_by_slot,
    cites_schema,
    closed_object,
    merge_cites,
    one_line,
    parse_answer,
    text_schema,
)
from agent.planner.llm.idea_formats import EditPlan
from agent.planner.search_space import inherited_cites
from agent.record.state import Node
from agent.repository.citations import cited_in
from agent.repository.edits import Edit, EditError, apply_edits
from agent.repository.hidden_errors import hidden_errors

EDITS_AT_ONCE = 8
FILE_LENGTH = 80
FAULTS_SHOWN = 3  # faults reported for one answer
BLOCK_LENGTH = 8000  # characters
MODULE_LENGTH = 40_000

Files = Mapping[str, str]
ReadCode = Callable[[Node], Files]
"""Reads the files of a finished node."""


def own_modules(files: Files) -> list[str]:
    """Return the modules that may be edited, `main.py` first; modules of at most one line are left out."""
    names = [name for name in files if name.startswith(f"{LIBRARY_FOLDER}/") and name.endswith(".py")]
    return [name for name in (MAIN, *sorted(names)) if len(files.get(name, "").splitlines()) > 1]


def outline(files: Files) -> list[str]:
    """Return one line per module: length and top-level definitions."""
    return [
        f"{name} ({len(files[name].splitlines())} lines): {', '.join(_defined(files[name]))}"
        for name in own_modules(files)
    ]


def edit_form(
    request: Request, parent: Node, files: Files, look: EditPlan, lessons: Sequence[Lesson]
) -> AnswerFormat[Proposal]:
    """Return the form of an edit answer: blocks to replace, or whole modules among those shown.

    An answer is accepted only if all edits apply and no child has made them before.
    """
    code = {"type": "string", "maxLength": MODULE_LENGTH}
    rewrite = closed_object({"file": {"type": "string", "enum": list(look.files)}, "code": code})
    schema = closed_object(
        {
            "edits": edits_schema(least=0),
            "rewrites": {"type": "array", "maxItems": len(look.files), "items": rewrite},
            "title": text_schema(LENGTHS["title"]),
            "reason": text_schema(LENGTHS["reason"]),
            **cites_schema(lessons),
        }
    )
    blueprint = parent.blueprint
    slots = blueprint.slots if blueprint else {}

    def read(answer: object) -> Proposal:
        edit_answer = _with_rewrites(parse_answer(EditAnswer, answer), files)
        children = [request.state.nodes[child] for child in parent.children]
        if any(child.idea.edits == edit_answer.edits for child in children):
            raise AnswerError("These edits were tried before; edit something else.")
        apply_checked_edits(files, edit_answer.edits)
        title = one_line(edit_answer.title, TITLE_LENGTH) or look.title
        reason = one_line(edit_answer.reason, PART_LENGTH) or look.reason
        parts = {part: getattr(parent.idea, part) for part in ("model", "data", "training", "evaluation")}
        parts["training"] = f"{parts['training']} Edited: {title}. {reason}".strip()
        in_answer = cites_by_slot(edit_answer.cites, lessons, slots, ())
        in_code = cited_in_code(edit_answer.edits, files, lessons)
        cites = merge_cites(inherited_cites(parent, slots), in_answer, {EDITS: in_code} if in_code else {})
        idea = idea_of(title or "An edit of the code", parts, blueprint, cites=cites)
        return Proposal(idea.model_copy(update={"edits": edit_answer.edits}), parent.seconds)

    return AnswerFormat("edit", schema, read)


def _with_rewrites(answer: EditAnswer, files: Files) -> EditAnswer:
    """Return the answer with each rewritten module expressed as one edit of the whole file."""
    unknown = [rewrite.file for rewrite in answer.rewrites if rewrite.file not in files]
    if unknown:
        raise AnswerError(f"rewrites: the file {one_line(unknown[0], FILE_LENGTH)} does not exist.")
    whole = (
        Edit(file=rewrite.file, find=files[rewrite.file], replace=f"{rewrite.code.strip()}\n")
        for rewrite in answer.rewrites
    )
    return answer.model_copy(update={"edits": (*answer.edits, *whole), "rewrites": ()})


def edits_schema(least: int = 1, most: int = EDITS_AT_ONCE, longest: int = BLOCK_LENGTH) -> Schema:
    """Return the schema of a list of edits: file, block to find, replacement."""
    block = {"type": "string", "maxLength": longest}
    edit = closed_object({"file": text_schema(FILE_LENGTH), "find": block, "replace": block})
    return {"type": "array", "minItems": least, "maxItems": most, "items": edit}


def apply_checked_edits(files: Files, edits: Sequence[Edit]) -> dict[str, str]:
    """Return the files with the edits applied.

    Raises:
        AnswerError: There are no edits, an edit cannot be applied, or the edits hide an error.
    """
    if not edits:
        raise AnswerError("edits: the list is empty; give at least one edit.")
    try:
        made = apply_edits(files, edits)
    except EditError as error:
        raise AnswerError(str(error)) from error
    if hidden := hidden_errors(dict(files), made):
        raise AnswerError(" ".join(hidden[:FAULTS_SHOWN]))
    return made


def cited_in_code(edits: Sequence[Edit], files: Files, lessons: Sequence[Lesson]) -> tuple[str, ...]:
    """Return the lessons that comments of the new code cite and comments of the replaced code do not.

    Raises:
        AnswerError: A cited lesson was neither offered nor cited anywhere in the files before.
    """
    offered = {lesson.id for lesson in lessons}
    before = {number for text in files.values() for number in cited_in(text)}
    new: dict[str, None] = {}
    for edit in edits:
        kept = cited_in(edit.find)
        for number in cited_in(edit.replace):
            if number not in offered | before:
                known = ", ".join(sorted(offered)) or "none"
                raise AnswerError(
                    f"{edit.file}: a comment cites lesson '{number}', which was not offered; the lessons "
                    f"offered are: {known}."
                )
            if number in offered and number not in kept:
                new[number] = None
    return tuple(new)


def _defined(code: str) -> list[str]:
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # code from the user may not parse
        return []
    return [
        f"{node.name}()" if isinstance(node, ast.FunctionDef) else f"class {node.name}"
        for node in body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
