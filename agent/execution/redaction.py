"""Redaction: describe a failure to a language model without values from the data.

An exception's message may quote a value, and a log may hold anything that the candidate printed. The
description keeps what cannot come from the data: the type of the exception, frames with line numbers and
source lines of the candidate's modules and of installed libraries, and the static text of the message
(`agent.execution.message_redaction`).
"""

import ast
import builtins
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.execution.diagnosis import last_report
from agent.execution.library_text import (
    defines,
    is_library_class,
    library_file,
    library_roots,
    short_name,
    source_line,
    static_text,
)
from agent.execution.message_redaction import (
    MAX_MESSAGE_CHARS,
    PLACEHOLDER,
    WORD,
    Known,
    redact_message,
)
from agent.execution.message_words import KERNEL_FILES, KERNEL_WORDS

MAX_FRAMES = 8
MAX_LIBRARY_FRAMES = 4
MESSAGE_LINES = 12
LOG_LINES = 30
WHOLE_CHARS = 6000  # of an output that is shown whole
UNLISTED_TYPE = "An exception of another kind"

_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>\S+))?', re.MULTILINE)
_EXCEPTION_LINE = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?::(?: (?P<message>.*))?)?$", re.MULTILINE)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[-+]?\d[\w.+-]*")
_KERNEL_ASSERTION = re.compile(
    r"(?P<file>\w+\.(?:cu|h)):(?P<line>\d{1,5}): [^\n]*?Assertion [`'](?P<what>[^`'\n]{1,200})[`'] failed"
)

# Exceptions of compiled modules, as in tracebacks. Names of Python's libraries are looked up.
_COMPILED_EXCEPTIONS = frozenset(
    """
    numpy.linalg.LinAlgError numpy.core._exceptions._ArrayMemoryError numpy.core._exceptions._UFuncNoLoopError
    numpy.AxisError numpy._core._exceptions._ArrayMemoryError numpy._core._exceptions._UFuncNoLoopError
    pandas._libs.tslibs.np_datetime.OutOfBoundsDatetime pandas._libs.tslibs.parsing.DateParseError
    pandas.errors.DataError pandas.errors.ParserError PIL.UnidentifiedImageError
    torch.OutOfMemoryError torch.cuda.OutOfMemoryError torch.AcceleratorError _catboost.CatBoostError
    subprocess.CalledProcessError
    """.split()  # noqa: SIM905 (a list of so many strings reads worse)
)


@dataclass(frozen=True)
class RedactedFailure:
    """Description of a failure without values from the data."""

    sentence: str
    frames: tuple[str, ...] = ()
    """Frames of the candidate's own code, outermost first, such as `library/train.py line 12 in fit`."""
    report: str = ""
    """The traceback with source lines, frames of libraries and the whole message, on several lines."""


def redact_exception(
    output: str, workspace: Path, code: Mapping[str, str], columns: Iterable[str] = ()
) -> RedactedFailure | None:
    """Redact the last exception in a candidate's output.

    A candidate may print a fake traceback. The description then reveals only that there was an exception.

    Args:
        output: The candidate's output.
        workspace: The candidate's workspace; frames below it belong to the candidate's own code.
        code: Texts of the candidate's modules by path; their words are not redacted.
        columns: Names of the columns of the tables, which are not redacted either.

    Returns:
        The description; None if the output holds no traceback.
    """
    report = last_report(output)
    frames = list(_FRAME.finditer(report))
    if not frames:
        return None
    found = _EXCEPTION_LINE.search(report, frames[-1].end())
    known = Known.of(code, columns)
    root = f"{workspace}/"
    of_code = [frame for frame in frames if frame["file"].removeprefix(root) in code]
    # A line number beyond the end of a module was printed by the candidate and may be a value.
    own = [frame for frame in of_code if _has_line(code[frame["file"].removeprefix(root)], frame["line"])]
    after_own = frames[frames.index(own[-1]) + 1 :] if own else []
    outside = [(frame, file) for frame in after_own if (file := library_file(frame["file"])) is not None]
    by_library = frames[-1] not in of_code or not _raises_itself(frames[-1], root, code)
    message = _message(report, found).replace(root, "")
    static = static_text(file for _, file in outside[-MAX_LIBRARY_FRAMES:])
    message = redact_message(message, known, static, by_library)
    kind = _exception_type(found["type"] if found else "", known)
    first = message.partition("\n")[0]
    last = f"{kind}: {message}" if message else kind
    traceback = [
        *(_with_source(frame, root, code, known) for frame in own[-MAX_FRAMES:]),
        *(_library_frame(frame, file) for frame, file in outside[-MAX_LIBRARY_FRAMES:]),
    ]
    return RedactedFailure(
        sentence=f"{kind}: {first}" if first else kind,
        frames=tuple(_frame(frame, root, known) for frame in own[-MAX_FRAMES:]),
        report="\n".join([*_kernel_assertions(output), *traceback, last]),
    )


def redact_values(sentence: str) -> str:
    """Redact all quoted text and numbers in a sentence of the harness."""
    return _QUOTED.sub(PLACEHOLDER, sentence)


def redact_log(output: str, code: Mapping[str, str], columns: Iterable[str] = ()) -> str:
    """Return the last lines of a log without values from the data; lines without much static text go."""
    known, lines = Known.of(code, columns), []
    for line in output.splitlines()[-LOG_LINES:]:
        redacted = redact_message(line, known, static_text(()), by_library=False)
        if 2 * redacted.count(PLACEHOLDER) <= len(WORD.findall(redacted)):
            lines.append(redacted)
    return "\n".join(line for line in lines if line)


def whole_output(output: str, workspace: Path) -> str:
    """Return the end of an output that holds no data, without the machine's folders."""
    for folder in (f"{workspace}/", *library_roots()):
        output = output.replace(folder, "")
    output = output.strip()
    return output if len(output) <= WHOLE_CHARS else f"[...]{output[-WHOLE_CHARS:]}"


def _message(report: str, found: re.Match[str] | None) -> str:
    """Return the message of the exception, with further lines that belong to it."""
    if found is None:
        return ""
    more = report[found.end() : found.end() + MAX_MESSAGE_CHARS].splitlines()[1:MESSAGE_LINES]
    return "\n".join([found["message"] or "", *more]).strip("\n")


def _exception_type(name: str, known: Known) -> str:
    in_code = bool(name) and all(part in known.words for part in name.split("."))  # library.utils.DataError
    is_known = in_code or hasattr(builtins, name) or name in _COMPILED_EXCEPTIONS
    return name if is_known or is_library_class(name) else UNLISTED_TYPE


def _has_line(text: str, line: str) -> bool:
    return len(line) < 7 and int(line) <= len(text.splitlines())


def _raises_itself(frame: re.Match[str], root: str, code: Mapping[str, str]) -> bool:
    """Return whether a raise or an assertion stands on the frame's line; its message may hold any value."""
    text, number = code[frame["file"].removeprefix(root)], int(frame["line"][:7])
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    statements = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= number <= (node.end_lineno or node.lineno)
    ]
    # Code that is executed from a string may raise anything.
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    innermost = max(statements, key=lambda node: node.lineno, default=None)
    return (
        innermost is None or isinstance(innermost, ast.Raise | ast.Assert) or bool(names & {"exec", "eval"})
    )


def _frame(frame: re.Match[str], root: str, known: Known) -> str:
    place = f"{frame['file'].removeprefix(root)} line {frame['line']}"
    name = frame["name"]
    return f"{place} in {name}" if name and name in known.words else place


def _with_source(frame: re.Match[str], root: str, code: Mapping[str, str], known: Known) -> str:
    source = code[frame["file"].removeprefix(root)].splitlines()[int(frame["line"]) - 1 :][:1]
    return f"{_frame(frame, root, known)}\n    {source[0].strip() if source else ''}".rstrip()


def _library_frame(frame: re.Match[str], file: Path) -> str:
    """Return a frame of a library; its line and function are looked up in the installed source."""
    source = source_line(file, int(frame["line"])) if len(frame["line"]) < 7 else ""
    place = f"{short_name(file)} line {frame['line']}" if source else short_name(file)
    name = f" in {frame['name']}" if frame["name"] and defines(file, frame["name"]) else ""
    return f"{place}{name}\n    {source}".rstrip()


def _kernel_assertions(output: str) -> list[str]:
    """Return the assertions of CUDA kernels that failed, each once; they stand before the traceback."""
    found: dict[str, None] = {}
    for match in _KERNEL_ASSERTION.finditer(output):
        if match["file"] in KERNEL_FILES:
            words = re.sub(
                r"\w+",
                lambda word: word[0] if word[0] in KERNEL_WORDS | {"0", "1"} else PLACEHOLDER,
                match["what"],
            )
            found[f"{match['file']}:{match['line']}: Assertion `{words}` failed."] = None
    return list(found)[:3]
