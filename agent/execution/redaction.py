"""Redaction: describe a failure to a language model without values from the data.

An exception's message may quote a value, and a log may hold anything that the candidate printed. The
description therefore keeps only text that cannot come from the data: the type of the exception, the frames
of the candidate's own modules, and the message's words that occur in the code or are usual in errors.
Numbers are kept only in known messages of libraries about shapes and counts.
"""

import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.execution.diagnosis import last_report

MAX_FRAMES = 8
MAX_MESSAGE_CHARS = 300
PLACEHOLDER = "…"  # replaces redacted text
UNLISTED_TYPE = "An exception of another kind"

_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>\S+))?', re.MULTILINE)
_EXCEPTION_LINE = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$", re.MULTILINE)
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.+-]*|\s+|[^\w\s]")
_WORD = re.compile(r"[A-Za-z_]\w*")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[-+]?\d[\w.+-]*")
# Text between quotation marks. An apostrophe within a word, as in `doesn't`, is not a quotation mark.
_QUOTED_SPAN = re.compile(
    r"(?<!\w)'(?:[^'\\]|\\.|(?<=\w)'(?=\w))*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$)"  # its end may be cut off
)

_SHAPE = r"[\[(]?\d+(?:(?:, ?|x)\d+)*,?[\])]?"
_SHAPE_MESSAGES = [
    re.compile(pattern)
    for pattern in (
        rf"mat1 and mat2 shapes cannot be multiplied \({_SHAPE} and {_SHAPE}\)",
        r"The size of tensor a \(\d+\) must match the size of tensor b \(\d+\) "
        r"at non-singleton dimension \d+",
        rf"operands could not be broadcast together with shapes {_SHAPE} {_SHAPE} ?",
        rf"could not broadcast input array from shape {_SHAPE} into shape {_SHAPE}",
        rf"shapes {_SHAPE} and {_SHAPE} not aligned: \d+ \(dim \d+\) != \d+ \(dim \d+\)",
        rf"cannot reshape array of size \d+ into shape {_SHAPE}",
        rf"shape '{_SHAPE}' is invalid for input of size \d+",
        r"Found input variables with inconsistent numbers of samples: \[\d+, \d+\]",
        r"X has \d+ features, but \w+ is expecting \d+ features as input\.?",
        r"Expected input batch_size \(\d+\) to match target batch_size \(\d+\)\.?",
        r"Length of values \(\d+\) does not match length of index \(\d+\)",
        r"not enough values to unpack \(expected \d+, got \d+\)",
        r"too many values to unpack \(expected \d+\)",
        r"\w+(?:\.\w+)?\(\) takes (?:from )?\d+ (?:to \d+ )?positional arguments? but \d+ (?:was|were) given",
        r"Dimension out of range \(expected to be in range of \[-?\d+, \d+\], but got -?\d+\)",
        rf"Target size \(torch\.Size\({_SHAPE}\)\) must be the same as "
        rf"input size \(torch\.Size\({_SHAPE}\)\)",
        r"stack expects each tensor to be equal size, but got \[\d+(?:, \d+)*\] at entry \d+ and "
        r"\[\d+(?:, \d+)*\] at entry \d+",
    )
]

# Words that are common in the messages of Python and of the usual libraries.
_COMMON_WORDS = frozenset(
    """
    a an and any are argument arguments array arrays as at attribute axis be been before bool bound
    but by call callable cannot cast char class close column columns contains convert could data
    dict did dim dimension dimensional dimensions directory division does dtype duplicate element
    elements empty error exceeded expect expected fail failed file first float float32 float64 for
    found from function get given got grad greater had has have in index indices input inplace
    instance int int32 int64 integer into invalid is item items iterable iterator its key keyword
    keywords label labels len length less list literal local long longer match maximum method
    minimum mismatch missing mode module more multiple must name named nan NaN ndarray ndim negative
    nested no None not null number numbers object objects of on one only open operand operands
    operation or out output overflow parameter passed positional positive range rank read referenced
    required requires reshape returned row rows sample samples scalar sequence series Series
    DataFrame set shape shapes shorter should singleton size sizes slice str string subscriptable
    support supported target tensor Tensor tensors than the to together too tuple type types
    unexpected unhashable unknown unpack unsupported value values variable was were when which while
    width with without write x y zero zip
    """.split()  # noqa: SIM905 (a list of 240 strings reads worse)
)

# Names of types, kept inside quotation marks too. Any other quoted word may be a value.
_TYPE_NAMES = frozenset(
    """
    NoneType bool bytes complex dict float float32 float64 function generator int int32 int64 list
    ndarray numpy object set slice str tuple type DataFrame Index Series Tensor builtin_function_or_method
    """.split()  # noqa: SIM905
)
# Exceptions of libraries, as in tracebacks. Unlisted names are redacted: a candidate can print any name.
_LIBRARY_EXCEPTIONS = frozenset(
    """
    json.decoder.JSONDecodeError numpy.AxisError numpy.exceptions.AxisError
    numpy.exceptions.DTypePromotionError
    numpy.linalg.LinAlgError numpy.core._exceptions._ArrayMemoryError numpy.core._exceptions._UFuncNoLoopError
    numpy._core._exceptions._ArrayMemoryError numpy._core._exceptions._UFuncNoLoopError
    pandas.errors.DataError pandas.errors.EmptyDataError pandas.errors.IndexingError
    pandas.errors.IntCastingNaNError pandas.errors.InvalidIndexError pandas.errors.MergeError
    pandas.errors.OutOfBoundsDatetime pandas.errors.ParserError pandas.errors.UndefinedVariableError
    pandas._libs.tslibs.np_datetime.OutOfBoundsDatetime pandas._libs.tslibs.parsing.DateParseError
    PIL.UnidentifiedImageError PIL.Image.DecompressionBombError
    scipy.linalg._misc.LinAlgError scipy.sparse.linalg._eigen.arpack.arpack.ArpackNoConvergence
    sklearn.exceptions.NotFittedError sklearn.utils._param_validation.InvalidParameterError
    subprocess.CalledProcessError subprocess.TimeoutExpired
    torch.OutOfMemoryError torch.cuda.OutOfMemoryError torch.AcceleratorError
    torch._dynamo.exc.Unsupported torch._dynamo.exc.BackendCompilerFailed torch._inductor.exc.InductorError
    lightgbm.basic.LightGBMError xgboost.core.XGBoostError
    """.split()  # noqa: SIM905
)
# The index may be a value, such as a class number; the numbers of the array are not.
_OUT_OF_BOUNDS = re.compile(r"index -?\d+ (is out of bounds for (?:axis|dimension) \d+ with size \d+)")


@dataclass(frozen=True)
class RedactedFailure:
    """Description of a failure without values from the data."""

    sentence: str
    frames: tuple[str, ...] = ()
    """Frames of the candidate's own code, outermost first, such as `library/train.py line 12 in fit`."""


def redact_exception(output: str, workspace: Path, code: Mapping[str, str]) -> RedactedFailure | None:
    """Redact the last exception in a candidate's output.

    A candidate may print a fake traceback. The description then reveals only that there was an exception.

    Args:
        output: The candidate's output.
        workspace: The candidate's workspace; frames below it belong to the candidate's own code.
        code: Texts of the candidate's modules by path; their words are not redacted.

    Returns:
        The description; None if the output holds no traceback.
    """
    report = last_report(output)
    frames = list(_FRAME.finditer(report))
    if not frames:
        return None
    found = _EXCEPTION_LINE.search(report, frames[-1].end())
    words = {word for text in code.values() for word in _WORD.findall(text)}
    root = f"{workspace}/"
    of_code = [frame for frame in frames if frame["file"].removeprefix(root) in code]
    # A line number beyond the end of a module was printed by the candidate and may be a value.
    own_frames = [
        frame for frame in of_code if _has_line(code[frame["file"].removeprefix(root)], frame["line"])
    ]
    message = (found["message"] or "") if found else ""
    message = _redact_message(message, words, by_library=frames[-1] not in of_code)
    kind = _exception_type(found["type"] if found else "", words)
    return RedactedFailure(
        sentence=f"{kind}: {message}" if message else kind,
        frames=tuple(_frame(frame, root, words) for frame in own_frames[-MAX_FRAMES:]),
    )


def redact_values(sentence: str) -> str:
    """Redact all quoted text and numbers in a sentence of the harness."""
    return _QUOTED.sub(PLACEHOLDER, sentence)


def _exception_type(name: str, words: set[str]) -> str:
    in_code = bool(name) and all(part in words for part in name.split("."))  # library.utils.DataError
    return name if in_code or hasattr(builtins, name) or name in _LIBRARY_EXCEPTIONS else UNLISTED_TYPE


def _has_line(text: str, line: str) -> bool:
    return len(line) < 7 and int(line) <= len(text.splitlines())


def _frame(frame: re.Match[str], root: str, words: set[str]) -> str:
    place = f"{frame['file'].removeprefix(root)} line {frame['line']}"
    name = frame["name"]
    return f"{place} in {name}" if name and name in words else place


def _redact_message(message: str, words: set[str], by_library: bool) -> str:
    message = message[:MAX_MESSAGE_CHARS]
    if by_library and any(pattern.fullmatch(message) for pattern in _SHAPE_MESSAGES):
        return message
    if by_library and (out_of_bounds := _OUT_OF_BOUNDS.fullmatch(message)):
        return f"index {PLACEHOLDER} {out_of_bounds[1]}"
    redacted, end = "", 0
    for quoted in _QUOTED_SPAN.finditer(message):
        redacted += _redact_unknown(message[end : quoted.start()], words | _COMMON_WORDS) + _redact_unknown(
            quoted[0], words | _TYPE_NAMES
        )
        end = quoted.end()
    redacted += _redact_unknown(message[end:], words | _COMMON_WORDS)
    redacted = re.sub(rf"{PLACEHOLDER}(?:[\s,;]*{PLACEHOLDER})+", PLACEHOLDER, redacted).strip()
    return redacted if _WORD.search(redacted) else ""


def _redact_unknown(text: str, known: set[str]) -> str:
    """Replace every number and every word that is not in `known`."""
    return "".join(
        token if not _is_word_or_number(token) or token in known else PLACEHOLDER
        for token in _TOKEN.findall(text)
    )


def _is_word_or_number(token: str) -> bool:
    return token[0].isalnum() or token[0] == "_" or not token.isascii()
