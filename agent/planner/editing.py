"""Edits of a parent's modules by a language model: what it is shown, and that its answer can be made."""

import ast
from collections.abc import Callable, Mapping, Sequence

from agent.llm.forms import AnswerError, Form
from agent.memory.lesson import Lesson
from agent.planner.answers import (
    EDITS,
    LENGTHS,
    PART_LENGTH,
    TITLE_LENGTH,
    EditAnswer,
    Schema,
    cited,
    cites_schema,
    closed_object,
    joined,
    parsed,
    plain,
    text_schema,
)
from agent.planner.base import Proposal, Request
from agent.planner.ground import inherited_cites
from agent.planner.offer import Look
from agent.planner.words import idea_of
from agent.record.state import Node
from agent.repository.citations import cited_in
from agent.repository.edits import Edit, EditError, apply_edits
from agent.repository.silencing import silenced

EDITS_AT_ONCE = 8
FILE_LENGTH = 80
TOLD = 3  # faults of one answer
BLOCK_LENGTH = 8000  # characters
MODULE_LENGTH = 40_000

Files = Mapping[str, str]
ReadCode = Callable[[Node], Files]
"""The files of a finished node."""


def own_modules(files: Files) -> list[str]:
    """The modules that may be edited, `main.py` first; one that holds no statement is left out."""
    names = [name for name in files if name.startswith("library/") and name.endswith(".py")]
    return [name for name in ("main.py", *sorted(names)) if len(files.get(name, "").splitlines()) > 1]


def outline(files: Files) -> list[str]:
    """A line for each module: its length, and what it defines."""
    return [
        f"{name} ({len(files[name].splitlines())} lines): {', '.join(_defined(files[name]))}"
        for name in own_modules(files)
    ]


def edit_form(
    request: Request, parent: Node, files: Files, look: Look, lessons: Sequence[Lesson]
) -> Form[Proposal]:
    """Blocks of the parent's modules replaced, or whole modules that were looked at.

    Read only where every edit can be made and is new.
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
        given = _with_rewrites(parsed(EditAnswer, answer), files)
        children = [request.state.nodes[child] for child in parent.children]
        if any(child.idea.edits == given.edits for child in children):
            raise AnswerError("These edits were tried already; edit something else.")
        edited(files, given.edits)
        title = plain(given.title, TITLE_LENGTH) or look.title
        reason = plain(given.reason, PART_LENGTH) or look.reason
        parts = {part: getattr(parent.idea, part) for part in ("model", "data", "training", "evaluation")}
        parts["training"] = f"{parts['training']} Edited: {title}. {reason}".strip()
        own = cited(given.cites, lessons, slots, ())
        in_code = cited_in_code(given.edits, files, lessons)
        cites = joined(inherited_cites(parent, slots), own, {EDITS: in_code} if in_code else {})
        idea = idea_of(title or "An edit of the code", parts, blueprint, cites=cites)
        return Proposal(idea.model_copy(update={"edits": given.edits}), parent.seconds)

    return Form("edit", schema, read)


def _with_rewrites(given: EditAnswer, files: Files) -> EditAnswer:
    """The answer with each module that is written anew as the edit of all of its lines."""
    unknown = [one.file for one in given.rewrites if one.file not in files]
    if unknown:
        raise AnswerError(f"rewrites: there is no {plain(unknown[0], FILE_LENGTH)}.")
    whole = (
        Edit(file=one.file, find=files[one.file], replace=f"{one.code.strip()}\n") for one in given.rewrites
    )
    return given.model_copy(update={"edits": (*given.edits, *whole), "rewrites": ()})


def edits_schema(least: int = 1) -> Schema:
    """A list of edits, each a file, a block of it and what replaces that."""
    block = {"type": "string", "maxLength": BLOCK_LENGTH}
    edit = closed_object({"file": text_schema(FILE_LENGTH), "find": block, "replace": block})
    return {"type": "array", "minItems": least, "maxItems": EDITS_AT_ONCE, "items": edit}


def edited(files: Files, edits: Sequence[Edit]) -> dict[str, str]:
    """The files with the edits made; AnswerError where one cannot be made or hides an error."""
    if not edits:
        raise AnswerError("edits: there is none.")
    try:
        made = apply_edits(files, edits)
    except EditError as error:
        raise AnswerError(str(error)) from error
    if hidden := silenced(dict(files), made):
        raise AnswerError(" ".join(hidden[:TOLD]))
    return made


def cited_in_code(edits: Sequence[Edit], files: Files, lessons: Sequence[Lesson]) -> tuple[str, ...]:
    """The lessons that comments of the new code cite and those of the code that it replaces do not.

    AnswerError names one that was neither offered nor cited anywhere in the files before.
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
                    f"{edit.file}: its comment cites lesson '{number}', which was not offered; those at "
                    f"hand: {known}."
                )
            if number in offered and number not in kept:
                new[number] = None
    return tuple(new)


def _defined(code: str) -> list[str]:
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a user's own, perhaps
        return []
    return [
        f"{node.name}()" if isinstance(node, ast.FunctionDef) else f"class {node.name}"
        for node in body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
