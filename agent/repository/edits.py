"""Search/replace edits of a repository's Python modules. All edits of an answer apply, or none."""

import keyword
import re
import warnings
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent.core.contract import MAIN
from agent.core.errors import MarsError
from agent.core.format import listed
from agent.repository.checks import check_repository
from agent.repository.similar_lines import line_of, nearest, numbered

MOST_EDITS = 20  # in one answer
LONGEST_BLOCK = 60_000  # characters of a block to find or of its replacement
LARGEST_MODULE = 200_000  # characters of a module that edits enlarge
_MODULE = re.compile(r"(?:library/|tests/test_)([A-Za-z_][A-Za-z0-9_]{0,59})\.py")
_MATCHES_SHOWN = 10
_FILES_SHOWN = 40
_NAME_SHOWN = 80  # characters of an unchecked name


class EditError(MarsError):
    """Edits that cannot be applied: a sentence with the reason and the remedy, then the quoted lines."""

    def __init__(self, sentence: str, quoted: str = "") -> None:
        super().__init__(f"{sentence}\n{quoted}" if quoted else sentence)
        self.sentence = sentence
        self.quoted = quoted


class Edit(BaseModel):
    """One block of a module and its replacement."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="main.py or library/<name>.py.")
    find: str = Field(
        description="Text that the file holds exactly once, white space included; empty for a new module."
    )
    replace: str

    @field_validator("file", "find", "replace")
    @classmethod
    def _can_be_written(cls, text: str) -> str:
        """Refuse text that cannot be encoded as UTF-8; JSON can hold such text, files cannot."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError("the text holds half of a surrogate pair, which UTF-8 cannot encode") from error
        return text


def apply_edits(files: Mapping[str, str], edits: Sequence[Edit]) -> dict[str, str]:
    """Return the repository with the edits applied in order.

    Args:
        files: Texts by path.
        edits: The edits of one answer. Each edit sees the result of the edits before it.

    Raises:
        EditError: Names the first edit that cannot be applied, or the contract violation that results.
    """
    if len(edits) > MOST_EDITS:
        raise EditError(f"There are {len(edits)} edits; an answer may hold at most {MOST_EDITS}.")
    found = dict(files)
    for number, edit in enumerate(edits, start=1):
        where = f"Edit {number} of {len(edits)}"
        _check_block(edit, where)
        _check_file(edit, found, where)
        found[edit.file] = _replaced(edit, files, found, where)
    if not edits:
        return found
    if found == dict(files):
        raise EditError("The edits undo each other, so the files do not change; give edits that change them.")
    _check_result(files, found)
    return found


def _check_block(edit: Edit, where: str) -> None:
    for part, text in (("find", edit.find), ("replace", edit.replace)):
        if len(text) > LONGEST_BLOCK:
            raise EditError(
                f"{where}: `{part}` has {len(text)} characters; at most {LONGEST_BLOCK} are allowed. "
                "Quote only the lines that change."
            )
    if edit.find == edit.replace:
        raise EditError(f"{where}: `find` and `replace` are the same, so the edit changes nothing.")


def _check_file(edit: Edit, files: Mapping[str, str], where: str) -> None:
    own = sorted(name for name in files if is_own_module(name))
    choices = f"the files are {listed(own, _FILES_SHOWN) or 'none'}"
    if not is_own_module(edit.file):
        raise EditError(
            f"{where}: {_shortened(edit.file)} may not be edited, only main.py and library/<name>.py; "
            f"{choices}."
        )
    if edit.file not in files and (edit.find or edit.file == MAIN):
        raise EditError(
            f"{where}: the file {edit.file} does not exist; {choices}. An empty `find` creates a new module."
        )


def is_own_module(name: str) -> bool:
    """Return whether edits may change the file: main.py, library/<name>.py or tests/test_<name>.py."""
    module = _MODULE.fullmatch(name)
    return name == MAIN or (module is not None and not keyword.iskeyword(module[1]))


def _replaced(edit: Edit, before: Mapping[str, str], files: Mapping[str, str], where: str) -> str:
    """Return the file's text after the edit."""
    text = files.get(edit.file, "")
    if not edit.find:
        if text:
            raise EditError(
                f"{where}: {edit.file} exists, and an empty `find` creates a new module; "
                "quote the block to replace."
            )
        return edit.replace
    starts = _starts(text, edit.find)
    if not starts:
        if edit.find in before.get(edit.file, ""):
            raise EditError(
                f"{where}: an earlier edit of this answer changed the block in {edit.file}; "
                "edits are applied in order, so quote the text after the earlier edit."
            )
        near = nearest(text, edit.find)
        raise EditError(f"{where}: {edit.file} does not contain the block; {near.sentence}", near.lines)
    if len(starts) > 1:
        lines = ", ".join(str(line_of(text, start)) for start in starts[:_MATCHES_SHOWN])
        more = " and more" if len(starts) > _MATCHES_SHOWN else ""
        raise EditError(
            f"{where}: {edit.file} contains the block more than once, starting at lines {lines}{more}; "
            "add lines around the intended block until it occurs only once."
        )
    made = text[: starts[0]] + edit.replace + text[starts[0] + len(edit.find) :]
    if len(made) > max(LARGEST_MODULE, len(text)):
        raise EditError(
            f"{where}: {edit.file} would have {len(made)} characters; a module may have at most "
            f"{LARGEST_MODULE}."
        )
    return made


def _starts(text: str, block: str) -> list[int]:
    """Return where the block starts, overlaps included, up to one more than are shown."""
    starts: list[int] = []
    start = text.find(block)
    while start >= 0 and len(starts) <= _MATCHES_SHOWN:
        starts.append(start)
        start = text.find(block, start + 1)
    return starts


def _check_result(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Refuse new contract violations and edited modules that Python cannot compile."""
    known = set(check_repository(dict(before)))
    new = [fault for fault in check_repository(dict(after)) if fault not in known]
    if not new:
        edited = [name for name, text in after.items() if text != before.get(name)]
        new = [fault for name in edited if (fault := _compile_fault(name, after[name]))]
    if new:
        file, line = _place(new[0])
        quoted = _quoted(after.get(file, ""), line)
        raise EditError(f"The edits break the repository: {new[0]}", quoted)


def _compile_fault(name: str, text: str) -> str:
    """Return the compile error of a module that parses, such as a `return` outside a function, or ""."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but valid code
            compile(text.encode(), name, "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{name}:{error.lineno}: {error.msg}."
    except (RecursionError, MemoryError):
        return f"{name}: the code is nested too deeply for Python to parse."
    return ""


def _place(fault: str) -> tuple[str, int]:
    """Return the file and line at the start of a fault; line 0 if the fault names none."""
    found = re.match(r"([^:\s]+):(\d+):", fault)
    return (found[1], int(found[2])) if found else ("", 0)


def _quoted(text: str, line: int) -> str:
    """Return the faulty line with its neighbours, numbered."""
    return numbered(text.split("\n"), line - 3, line + 1) if line else ""


def _shortened(name: str) -> str:
    """Return an unchecked name, quoted, on one line and shortened."""
    shown = repr(name)
    return shown if len(shown) <= _NAME_SHOWN else f"{shown[:_NAME_SHOWN]}...'"
