"""Static checks for data leakage in a change of code; they find plain cases only.

A read outside the workspace is a fault. Validation rows joined to training rows, and a sample submission read
as data, are only suspected leaks: code that joins inputs looks the same. A label permutation test decides
these cases (`agent.competition.label_permutation`).
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.repository.syntax import Function, Module, functions_of, own_nodes, parse_modules

_TABLE = re.compile(r"(?:.*/)?(train|val|test|sample_submission)(?:\.csv)?")
_OUTSIDE = re.compile(
    r"/(?!(dev|proc|sys|tmp|scratch)(/|$)).|~|[A-Za-z]:[\\/]|[a-z]+://|(.*[\\/])?\.\.([\\/]|$)"
)
_READS = {"open", "read", "load", "path", "listdir", "scandir", "walk", "glob", "rglob", "imread", "memmap"}
_READS |= {"fromfile", "loadtxt", "genfromtxt", "reader", "table", "rows"}
_PATHS = {"Path", "PurePath", "join", "str", "fspath"}
_SAME_ROWS = {
    "list",
    "tuple",
    "sorted",
    "DictReader",
    "reader",
    "DataFrame",
    "copy",
    "deepcopy",
    "array",
    "asarray",
}
_JOINS = {
    "concat",
    "concatenate",
    "vstack",
    "append",
    "extend",
    "join",
    "joined",
    "merge",
    "combine",
    "combined",
}
_ROWS = {
    "x",
    "y",
    "rows",
    "data",
    "set",
    "df",
    "frame",
    "table",
    "labels",
    "targets",
    "dataset",
    "images",
    "truth",
}
_PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_ID = re.compile(r"(.*_)?(id|ids|key|index)", re.I)


@dataclass(frozen=True)
class Leakage:
    """Findings of a change, one sentence each with file and line: faults, and suspected leaks."""

    faults: tuple[str, ...] = ()
    leakage_findings: tuple[str, ...] = ()


def leakage(before: Mapping[str, str], after: Mapping[str, str]) -> Leakage:
    """Return the findings that are new in `after`; code moved from elsewhere in `before` is not new.

    Args:
        before: Texts by path, before the change.
        after: Texts by path, after the change.
    """
    old, new = parse_modules(before), parse_modules(after)
    was = [module for module in old if before[module.name] != after.get(module.name)]
    now = [module for module in new if after[module.name] != before.get(module.name)]
    faults = _new_findings([*_reads_outside(was)], [*_reads_outside(now)])
    suspected_before = _without_refits([*_suspected_leaks(was)], old)
    suspected = _without_refits([*_suspected_leaks(now)], new)
    return Leakage(tuple(faults), tuple(_new_findings(suspected_before, suspected)))


@dataclass(frozen=True)
class _Finding:
    """A place in the code with its text, a message and the enclosing function."""

    module: str
    line: int
    code: str
    message: str
    function: str = ""


def _new_findings(old: list[_Finding], new: list[_Finding]) -> Iterator[str]:
    known = Counter(finding.code for finding in old)
    for finding in new:
        if known[finding.code] > 0:
            known[finding.code] -= 1
        else:
            yield f"{finding.module}:{finding.line}: {finding.message}"


# -- outside the workspace -----------------------------------------------------------------------------


def _reads_outside(modules: list[Module]) -> Iterator[_Finding]:
    for module in modules:
        for node in ast.walk(module.tree):
            for text in _read_paths(node, module):
                if _OUTSIDE.match(text):
                    message = (
                        f"reads {text[:80]!r}; a solution may read only input/, metadata/, working/, "
                        "weights/ and its cache."
                    )
                    yield _Finding(module.name, getattr(node, "lineno", 0), ast.unparse(node), message)


def _read_paths(node: ast.AST, module: Module) -> Iterator[str]:
    """Yield literal paths, or their beginnings, where code reads something or builds a path."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        arguments: list[ast.expr] = [node.right]
    elif isinstance(node, ast.Call) and _words(module.last_name(node.func)) & (_READS | {"join"}):
        # ", ".join(...) does not build a path
        of_literal = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant)
        arguments = [] if of_literal else [*node.args, *(word.value for word in node.keywords)]
    else:
        return
    if any(isinstance(part, ast.Name) and part.id == "__file__" for part in ast.walk(node)):
        return  # paths relative to a module stay in the workspace
    for value in arguments:
        if isinstance(value, ast.JoinedStr) and value.values:
            value = value.values[0]
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


# -- validation rows and sample submissions used as training data --------------------------------------


def _suspected_leaks(modules: list[Module]) -> Iterator[_Finding]:
    for module in modules:
        for name, function in functions_of(module.tree):
            if "refit" in name.lower():
                continue
            names = _parts_of_names(function, module)
            below = _below_refit(function)
            called = name.rpartition(".")[2]
            for node in own_nodes(function):
                if node in below or not isinstance(node, ast.expr):
                    continue
                joined = _joined_parts(node, names, module)
                if {"train", "val"} <= joined and "test" not in joined:
                    message = "validation rows are joined to training rows."
                    yield _Finding(module.name, node.lineno, ast.unparse(node), message, called)
                elif "sample_submission" in joined or _takes_sample(node, function, names, module):
                    message = "the sample submission is read as data; use only its ids and its header."
                    yield _Finding(module.name, node.lineno, ast.unparse(node), message, called)


def _without_refits(findings: list[_Finding], modules: list[Module]) -> list[_Finding]:
    """Drop findings in functions that only a refit calls."""
    refit_only = _refit_only_functions(modules) if findings else set()
    return [finding for finding in findings if finding.function not in refit_only]


def _refit_only_functions(modules: list[Module]) -> set[str]:
    """Return the functions that are called only below a condition on the refit."""
    inside: set[str] = set()
    outside: set[str] = set()
    for module in modules:
        for name, function in functions_of(module.tree):
            below = _below_refit(function)
            for node in own_nodes(function):
                if isinstance(node, ast.Call):
                    called = module.last_name(node.func)
                    (inside if node in below or "refit" in name.lower() else outside).add(called)
    return inside - outside


def _below_refit(function: Function | ast.Module) -> set[ast.AST]:
    """Return nodes that run only in a refit: below its conditions, and after an early exit without it."""
    below: set[ast.AST] = set()
    for node in own_nodes(function):
        if isinstance(node, ast.If | ast.IfExp) and "refit" in ast.unparse(node.test).lower():
            below.update(ast.walk(node))
    body = list(function.body)
    for number, statement in enumerate(body):
        if isinstance(statement, ast.If) and "not" in ast.unparse(statement.test).split():
            ends = isinstance(statement.body[-1], ast.Return | ast.Raise)
            if ends and "refit" in ast.unparse(statement.test).lower():
                below.update(part for later in body[number + 1 :] for part in ast.walk(later))
    return below


def _parts_of_names(function: Function | ast.Module, module: Module) -> dict[str, str]:
    """Return the table whose rows each name holds; "" for names with several tables or other values."""
    names: dict[str, str] = {}
    for node in own_nodes(function):
        if isinstance(node, ast.Assign):
            pairs = [pair for target in node.targets for pair in _pairs(target, node.value)]
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            pairs = [(node.target, node.value)]
        else:
            continue
        for target, value in pairs:
            if isinstance(target, ast.Name):
                part = _part(value, names, module)
                names[target.id] = part if names.get(target.id, part) == part else ""
    return names


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


def _part(value: ast.AST, names: Mapping[str, str], module: Module) -> str:
    """Return the table whose rows an expression holds, from the file it reads or the names it uses."""
    match value:
        case ast.Name(id=name):
            return names.get(name) or _named_part(name)
        case ast.Attribute(value=inner, attr=attr):
            return _part(inner, names, module) or _PARTS.get(attr, "")
        case ast.Subscript(value=inner, slice=ast.Constant(value=str(key))) if key in _PARTS:
            return _part(inner, names, module) or _PARTS[key]
        case ast.Subscript(value=inner) | ast.Starred(value=inner):
            return _part(inner, names, module)
        case ast.ListComp(generators=[ast.comprehension(iter=rows)]):
            return _part(rows, names, module)
        case ast.Call(func=func, args=args):
            if module.last_name(func) in _SAME_ROWS and len(args) == 1:
                return _part(args[0], names, module)
            if isinstance(func, ast.Attribute) and (part := _part(func.value, names, module)):
                return part
            if _words(module.last_name(func)) & _READS:
                return next((part for arg in args if (part := _table(arg, module))), "")
    return ""


def _named_part(name: str) -> str:
    """Return the table that a plain name stands for: `val`, `train_rows`, `y_val`, but not `val_loss`."""
    words = name.lower().split("_")
    parts = {_PARTS[word] for word in words if word in _PARTS}
    others = [word for word in words if word not in _PARTS]
    return parts.pop() if len(parts) == 1 and all(word in _ROWS for word in others) else ""


def _table(path: ast.expr, module: Module) -> str:
    """Return the table that the literal end of a path names."""
    match path:
        case ast.Constant(value=str(text)):
            found = _TABLE.fullmatch(text)
            return found[1] if found else ""
        case ast.BinOp(op=ast.Div() | ast.Add(), right=right):
            return _table(right, module)
        case ast.JoinedStr(values=[*_, ast.Constant(value=str(text))]):
            found = _TABLE.fullmatch(text)
            return found[1] if found else ""
        case ast.Call(func=func, args=[*_, last]) if module.last_name(func) in _PATHS | {"open"}:
            return _table(last, module)
        case ast.Call(func=ast.Attribute(value=inner, attr="open")):
            return _table(inner, module)
    return ""


def _joined_parts(node: ast.expr, names: Mapping[str, str], module: Module) -> set[str]:
    """Return the tables whose rows an expression concatenates."""
    match node:
        case ast.Call(func=func, args=args) if _words(module.last_name(func)) & _JOINS:
            parts: list[ast.expr] = [*args]
            if isinstance(func, ast.Attribute) and not module.dotted(func).startswith(("numpy", "pandas")):
                parts.append(func.value)
            lists = [part for part in parts if isinstance(part, ast.List | ast.Tuple)]
            parts += [one for part in lists for one in part.elts]
        case ast.List(elts=elements) if any(isinstance(one, ast.Starred) for one in elements):
            parts = list(elements)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            # A sum of plain names may add numbers, so only calls and known names count.
            known = [_part(side, {**names}, module) for side in (left, right)]
            sure = [isinstance(side, ast.Call) or names.get(_root(side)) for side in (left, right)]
            return {part for part in known if part} if all(sure) else set()
        case _:
            return set()
    return {part for one in parts if (part := _part(one, names, module))}


def _takes_sample(
    node: ast.expr, function: Function | ast.Module, names: Mapping[str, str], module: Module
) -> bool:
    """Return whether an expression reads cells of a sample submission other than ids and own columns."""
    match node:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(column)), ctx=ast.Load()):
            if names.get(name) != "sample_submission" or _ID.fullmatch(column):
                return False
            return not any(_writes(part, name, column) for part in own_nodes(function))
        case ast.Attribute(value=ast.Name(id=name), attr="values"):
            return names.get(name) == "sample_submission"
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=name), attr="to_numpy" | "itertuples" | "iterrows")
        ):
            return names.get(name) == "sample_submission"
    return False


def _writes(node: ast.AST, name: str, column: str) -> bool:
    match node:
        case ast.Subscript(value=ast.Name(id=found), slice=ast.Constant(value=key), ctx=ast.Store()):
            return (found, key) == (name, column)
    return False


def _root(value: ast.expr) -> str:
    while isinstance(value, ast.Attribute | ast.Subscript):
        value = value.value
    return value.id if isinstance(value, ast.Name) else ""


def _words(name: str) -> set[str]:
    return set(name.lower().split("_"))
