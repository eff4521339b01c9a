"""Edits: search/replace changes of a repository's own Python modules, all of an answer or none."""

import keyword
import re
import warnings
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent.errors import MarsError
from agent.repository.checks import check_repository
from agent.repository.nearest import line_of, nearest, numbered

MOST_EDITS = 20  # of one answer
LONGEST_BLOCK = 60_000  # characters of a block to find, or of what replaces it
LARGEST_MODULE = 200_000  # characters of a module that edits made larger
_MODULE = re.compile(r"(?:library/|tests/test_)([A-Za-z_][A-Za-z0-9_]{0,59})\.py")
_MATCHES_TOLD = 10
_FILES_TOLD = 40
_NAME_TOLD = 80  # characters of a name that nobody has checked


class EditError(MarsError):
    """Edits that cannot be made: a sentence says why and what to do; the lines that it speaks of follow."""

    def __init__(self, sentence: str, quoted: str = "") -> None:
        super().__init__(f"{sentence}\n{quoted}" if quoted else sentence)
        self.sentence = sentence
        self.quoted = quoted


class Edit(BaseModel):
    """One block of a module, and what stands there afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="main.py or library/<name>.py.")
    find: str = Field(
        description="Text that the file holds exactly once, white space included; empty for a new module."
    )
    replace: str

    @field_validator("file", "find", "replace")
    @classmethod
    def _can_be_written(cls, text: str) -> str:
        """Refuses what neither a file nor the record could hold; JSON can spell it."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError("holds half of a surrogate pair, which no text in UTF-8 can") from error
        return text


def apply_edits(files: Mapping[str, str], edits: Sequence[Edit]) -> dict[str, str]:
    """The repository with the edits made one after the other; what no block covers stays as it is.

    Args:
        files: Texts by path.
        edits: Of one answer. A later one meets what the earlier ones left.

    Raises:
        EditError: names the first edit that cannot be made, or what the repository breaks afterwards. Nothing
            of the answer counts then.
    """
    if len(edits) > MOST_EDITS:
        raise EditError(f"There are {len(edits)} edits; at most {MOST_EDITS} may be made at once.")
    found = dict(files)
    for number, edit in enumerate(edits, start=1):
        where = f"Edit {number} of {len(edits)}"
        _check_block(edit, where)
        _check_file(edit, found, where)
        found[edit.file] = _replaced(edit, files, found, where)
    if not edits:
        return found
    if found == dict(files):
        raise EditError("The edits undo each other: together they change nothing.")
    _check_result(files, found)
    return found


def _check_block(edit: Edit, where: str) -> None:
    for part, text in (("find", edit.find), ("replace", edit.replace)):
        if len(text) > LONGEST_BLOCK:
            raise EditError(
                f"{where}: `{part}` has {len(text)} characters; at most {LONGEST_BLOCK} are allowed, "
                "so quote only the lines that change."
            )
    if edit.find == edit.replace:
        raise EditError(f"{where}: `find` and `replace` are the same, so that it changes nothing.")


def _check_file(edit: Edit, files: Mapping[str, str], where: str) -> None:
    own = sorted(name for name in files if is_own_module(name))
    there_are = f"there are {_listed(own)}"
    if not is_own_module(edit.file):
        raise EditError(
            f"{where}: {_told(edit.file)} may not be edited, only main.py and library/<name>.py; {there_are}."
        )
    if edit.file not in files and (edit.find or edit.file == "main.py"):
        raise EditError(
            f"{where}: there is no file {edit.file}; {there_are}. An empty `find` makes a new module."
        )


def is_own_module(name: str) -> bool:
    """Whether a repository may hold and edit it: main.py, library/<name>.py or tests/test_<name>.py."""
    module = _MODULE.fullmatch(name)
    return name == "main.py" or (module is not None and not keyword.iskeyword(module[1]))


def _replaced(edit: Edit, before: Mapping[str, str], files: Mapping[str, str], where: str) -> str:
    """The file's text after the edit."""
    text = files.get(edit.file, "")
    if not edit.find:
        if text:
            raise EditError(
                f"{where}: {edit.file} is there already and an empty `find` makes a new module; "
                "quote the block that is to be replaced."
            )
        return edit.replace
    starts = _starts(text, edit.find)
    if not starts:
        if edit.find in before.get(edit.file, ""):
            raise EditError(
                f"{where}: the block was in {edit.file}, but an earlier edit of this answer changed it; "
                "edits are made in order, so quote what the earlier one leaves."
            )
        near = nearest(text, edit.find)
        raise EditError(f"{where}: {edit.file} does not hold the block; {near.sentence}", near.lines)
    if len(starts) > 1:
        lines = ", ".join(str(line_of(text, start)) for start in starts[:_MATCHES_TOLD])
        more = " and more" if len(starts) > _MATCHES_TOLD else ""
        raise EditError(
            f"{where}: {edit.file} holds the block more than once, from lines {lines}{more} on; "
            "quote further lines around the one that is meant, so that the block is there once."
        )
    made = text[: starts[0]] + edit.replace + text[starts[0] + len(edit.find) :]
    if len(made) > max(LARGEST_MODULE, len(text)):
        raise EditError(
            f"{where}: {edit.file} would have {len(made)} characters; a module may have {LARGEST_MODULE}."
        )
    return made


def _starts(text: str, block: str) -> list[int]:
    """Where the block begins, overlapping ones too; one more than are told at most."""
    starts: list[int] = []
    start = text.find(block)
    while start >= 0 and len(starts) <= _MATCHES_TOLD:
        starts.append(start)
        start = text.find(block, start + 1)
    return starts


def _check_result(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Refuses faults that the repository had not before; an edited module has to be valid Python."""
    known = set(check_repository(dict(before)))
    new = [fault for fault in check_repository(dict(after)) if fault not in known]
    if not new:
        edited = [name for name, text in after.items() if text != before.get(name)]
        new = [fault for name in edited if (fault := _compile_fault(name, after[name]))]
    if new:
        file, line = _place(new[0])
        quoted = _quoted(after.get(file, ""), line)
        raise EditError(f"With the edits made, the repository breaks: {new[0]}", quoted)


def _compile_fault(name: str, text: str) -> str:
    """What Python has against a module that parses, such as a `return` outside of a function."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but valid code
            compile(text.encode(), name, "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{name}:{error.lineno}: {error.msg}."
    except (RecursionError, MemoryError):
        return f"{name}: is nested too deeply for Python to read."
    return ""


def _place(fault: str) -> tuple[str, int]:
    """File and line that a fault begins with; line 0 where it names none."""
    found = re.match(r"([^:\s]+):(\d+):", fault)
    return (found[1], int(found[2])) if found else ("", 0)


def _quoted(text: str, line: int) -> str:
    """The line that Python stumbled over and those beside it."""
    return numbered(text.split("\n"), line - 3, line + 1) if line else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FILES_TOLD} more" if len(names) > _FILES_TOLD else ""
    return (", ".join(names[:_FILES_TOLD]) or "none") + more


def _told(name: str) -> str:
    """A name that nobody has checked, on one line."""
    shown = repr(name)
    return shown if len(shown) <= _NAME_TOLD else f"{shown[:_NAME_TOLD]}...'"
