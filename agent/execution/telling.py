"""What may be told of a failure to somebody who must not see the data: a language model.

An exception's message may quote a value, a log whatever the candidate printed. Hence only what the code
itself says gets through: the type of the exception, the frames of the candidate's own modules, and of the
message the words that stand in the code or that errors are usually made of. Numbers pass where a library
complains of shapes and counts.
"""

import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.execution.diagnosis import last_report

MOST_FRAMES = 8
LONGEST_MESSAGE = 300
ELSE = "…"  # stands for what was left out
ANOTHER_KIND = "An exception of another kind"

_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>\S+))?', re.MULTILINE)
_SAID = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$", re.MULTILINE)
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.+-]*|\s+|[^\w\s]")
_WORD = re.compile(r"[A-Za-z_]\w*")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[-+]?\d[\w.+-]*")
# What stands between quotation marks: an apostrophe within a word, as in `doesn't`, is none.
_SPAN = re.compile(
    r"(?<!\w)'(?:[^'\\]|\\.|(?<=\w)'(?=\w))*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$)"  # its end may be cut off
)

_SHAPE = r"[\[(]?\d+(?:(?:, ?|x)\d+)*,?[\])]?"
_OF_SHAPES = [
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

# Words that messages of Python and of the usual libraries are made of.
_USUAL = frozenset(
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

# Of these a message names its types, in quotation marks too, where any other word may be a value.
_TYPES = frozenset(
    """
    NoneType bool bytes complex dict float float32 float64 function generator int int32 int64 list
    ndarray numpy object set slice str tuple type DataFrame Index Series Tensor builtin_function_or_method
    """.split()  # noqa: SIM905
)
# Exceptions of libraries, as tracebacks name them; whoever prints a traceback could name them anything.
_OF_LIBRARIES = frozenset(
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
# The number that is out of bounds may be a value, a class's number say; those of the array are none.
_OUT_OF_BOUNDS = re.compile(r"index -?\d+ (is out of bounds for (?:axis|dimension) \d+ with size \d+)")


@dataclass(frozen=True)
class Told:
    """A failure without anything that comes from the data."""

    sentence: str
    frames: tuple[str, ...] = ()
    """Such as `library/train.py line 12 in fit`, of the candidate's own code, the outermost first."""


def tell_exception(output: str, workspace: Path, code: Mapping[str, str]) -> Told | None:
    """The last exception in a candidate's output, None where there is no traceback.

    Whatever it printed in an exception's place tells nothing but that there was one.

    Args:
        output: What the candidate printed.
        workspace: Where it ran; frames below it are its own.
        code: The texts of its modules by path; what they say may be said.
    """
    report = last_report(output)
    frames = list(_FRAME.finditer(report))
    if not frames:
        return None
    found = _SAID.search(report, frames[-1].end())
    words = {word for text in code.values() for word in _WORD.findall(text)}
    root = f"{workspace}/"
    of_code = [frame for frame in frames if frame["file"].removeprefix(root) in code]
    # A line that no module has is none of its own either, but a number that was printed.
    own = [frame for frame in of_code if _has_line(code[frame["file"].removeprefix(root)], frame["line"])]
    said = (found["message"] or "") if found else ""
    message = _message(said, words, by_library=frames[-1] not in of_code)
    kind = _kind(found["type"] if found else "", words)
    return Told(
        sentence=f"{kind}: {message}" if message else kind,
        frames=tuple(_frame(frame, root, words) for frame in own[-MOST_FRAMES:]),
    )


def without_values(sentence: str) -> str:
    """A sentence of the harness's own with everything that it quotes or counts left out."""
    return _QUOTED.sub(ELSE, sentence)


def _kind(name: str, words: set[str]) -> str:
    own = bool(name) and all(part in words for part in name.split("."))  # library.utils.DataError
    return name if own or hasattr(builtins, name) or name in _OF_LIBRARIES else ANOTHER_KIND


def _has_line(text: str, line: str) -> bool:
    return len(line) < 7 and int(line) <= len(text.splitlines())


def _frame(frame: re.Match[str], root: str, words: set[str]) -> str:
    place = f"{frame['file'].removeprefix(root)} line {frame['line']}"
    name = frame["name"]
    return f"{place} in {name}" if name and name in words else place


def _message(message: str, words: set[str], by_library: bool) -> str:
    message = message[:LONGEST_MESSAGE]
    if by_library and any(pattern.fullmatch(message) for pattern in _OF_SHAPES):
        return message
    if by_library and (bounds := _OUT_OF_BOUNDS.fullmatch(message)):
        return f"index {ELSE} {bounds[1]}"
    kept, end = "", 0
    for quoted in _SPAN.finditer(message):
        kept += _kept(message[end : quoted.start()], words | _USUAL) + _kept(quoted[0], words | _TYPES)
        end = quoted.end()
    kept += _kept(message[end:], words | _USUAL)
    told = re.sub(rf"{ELSE}(?:[\s,;]*{ELSE})+", ELSE, kept).strip()
    return told if _WORD.search(told) else ""


def _kept(text: str, known: set[str]) -> str:
    """The text with every word left out that is not known, and every number."""
    return "".join(
        token if not _is_content(token) or token in known else ELSE for token in _TOKEN.findall(text)
    )


def _is_content(token: str) -> bool:
    return token[0].isalnum() or token[0] == "_" or not token.isascii()
