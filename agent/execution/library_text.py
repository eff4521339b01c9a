"""The text of installed libraries: what a message or a traceback quotes from it cannot come from the data."""

import ast
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

LARGEST_SOURCE = 2_000_000  # bytes; generated files may be larger, and parsing them takes seconds
PHRASE_WORDS = 2  # a literal part of fewer words counts as single words
_WORD = re.compile(r"[A-Za-z_]\w*")
# Fields of `%` and of `str.format` inside a string; what stands there comes from elsewhere.
_FIELDS = re.compile(r"%(?:\(\w+\))?[-+ #0]*(?:\d+|\*)?(?:\.\d+)?[a-zA-Z]|\{[^{}]*\}")
_CLASS_NAME = re.compile(r"[A-Z]\w+")


@dataclass(frozen=True)
class StaticText:
    """The string literals of source files."""

    phrases: frozenset[str] = frozenset()
    """Literal parts of at least two words, each on one line and without fields."""
    words: frozenset[str] = frozenset()
    """Words of all literal parts."""


def library_file(name: str) -> Path | None:
    """Return the file of an installed library or of Python's own; None for any other file.

    Args:
        name: Absolute path, as a traceback shows it.
    """
    if not any(name.startswith(root) for root in library_roots()):
        return None
    path = Path(name)
    return path if path.suffix == ".py" and ".." not in path.parts and path.is_file() else None


def short_name(path: Path) -> str:
    """Return a library's file without the machine's folders, such as `torch/nn/functional.py`."""
    root = next(root for root in library_roots() if str(path).startswith(root))
    return str(path)[len(root) :]


@cache
def library_roots() -> tuple[str, ...]:
    """Return the folders of installed libraries and of Python's own, longest first, each with a slash."""
    paths = sysconfig.get_paths()
    names = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders = {f"{folder}/" for name in names for folder in (name, str(Path(name).resolve()))}
    return tuple(sorted(folders, key=lambda folder: (-len(folder), folder)))


def source_line(path: Path, number: int) -> str:
    """Return a line of a library's source; "" beyond the end of the file."""
    lines = _source(path).splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def defines(path: Path, name: str) -> bool:
    """Return whether a library's source has a function or class of this name."""
    return (
        re.search(rf"^\s*(?:async\s+)?(?:def|class)\s+{re.escape(name)}\b", _source(path), re.M) is not None
    )


def is_library_class(name: str) -> bool:
    """Return whether a dotted name, such as `pandas.errors.MergeError`, is a class of an "
    "installed library."""
    module, _, kind = name.rpartition(".")
    if not module or not _CLASS_NAME.fullmatch(kind) or not re.fullmatch(r"\w+(?:\.\w+)*", module):
        return False
    folder = module.replace(".", "/")
    files = (
        Path(f"{root}{folder}{ending}") for root in library_roots() for ending in (".py", "/__init__.py")
    )
    return any(path.is_file() and defines(path, kind) for path in files)


def static_text(paths: Iterable[Path]) -> StaticText:
    """Return the literals of several source files together."""
    found = [_literals(path) for path in dict.fromkeys(paths)]
    return StaticText(
        frozenset[str]().union(*(text.phrases for text in found)),
        frozenset[str]().union(*(text.words for text in found)),
    )


@lru_cache(maxsize=64)
def _literals(path: Path) -> StaticText:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(_source(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return StaticText()
    phrases, words = set(), set()
    for text in _strings(tree):
        for part in _FIELDS.sub("\n", text).splitlines():
            found = _WORD.findall(part)
            words.update(found)
            if len(found) >= PHRASE_WORDS:
                phrases.add(part.strip())
    return StaticText(frozenset(phrases), frozenset(words))


def _strings(tree: ast.AST) -> Iterator[str]:
    """Yield every string constant but docstrings; the constant parts of an f-string are constants too."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


@lru_cache(maxsize=64)
def _source(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_SOURCE:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
