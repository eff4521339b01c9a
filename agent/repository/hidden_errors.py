"""Detects changes that hide an error instead of fixing it, by comparing the syntax of both versions.

Findings refuse a fix, so the checks find plain cases only; code with a possible good reason passes.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.core.contract import VALIDATION_FILE
from agent.repository.constant_predictions import replaced_predictions
from agent.repository.syntax import Module, functions_of, is_constant, own_nodes, parse_modules

VAL_FILE = PurePosixPath(VALIDATION_FILE).stem
METRIC = "Final Validation Metric"
_BROAD = {"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"}
_LOG_CALLS = {"print", "debug", "info", "warning", "warn", "error", "exception", "critical"} | {
    "print_exc",
    "print_exception",
}
_EXITS = {"sys.exit", "exit", "quit", "SystemExit"}
_VALIDATION = re.compile(r"(.*/)?val(\.csv)?|validation")  # `valid` is also a mode of convolutions
_ROWS = {"loader", "rows", "ids", "data", "dataset", "set", "df", "frame", "table"}


@dataclass(frozen=True)
class _Finding:
    """Code that hides errors, at a line of a module."""

    line: int
    code: str
    message: str


def hidden_errors(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return how a change hides errors instead of fixing them, one sentence each; empty if it does not.

    Args:
        before: Texts by path, of the failed revision.
        after: Texts by path, of the fix. Modules that do not parse are ignored; `check_repository` reports
            them.
    """
    old, new = parse_modules(before), parse_modules(after)
    unread = {name for name in before if name.endswith(".py")} - {module.name for module in old}
    # If the old module does not parse, no code of the new module is known to be new.
    changed = {name for name, text in after.items() if text != before.get(name)} - unread
    changed |= before.keys() - after.keys()
    was, now = ([module for module in modules if module.name in changed] for modules in (old, new))
    is_whole = len(new) == sum(name.endswith(".py") for name in after)  # missing code may be in the unread
    messages: list[str] = []
    for find in (_silent_handlers, _suppressions, _ignored_warnings, _exits):
        messages += _new_findings(find, was, now)
    for is_present, message in (
        (_calls_with(VAL_FILE), f"The call that writes {VAL_FILE}.csv was removed; this file is scored."),
        (_calls_with(METRIC), f"The print of `{METRIC}` was removed; every solution must print it."),
        (_name_validation, "No code reads the validation rows; every solution must predict them."),
    ):
        if is_whole and not is_present(new) and is_present(old):
            messages.append(message)
    return messages + list(_skipped_loops(was, now)) + list(replaced_predictions(was, now))


_Located = tuple[Module, _Finding]


def _new_findings(
    find: Callable[[Module], Iterator[_Finding]], old: list[Module], new: list[Module]
) -> Iterator[str]:
    """Yield the findings of one kind by which the new version exceeds the old one.

    Old findings may have moved. Among equal findings, those in the same function as before are the old ones.
    """
    before = [(module, finding) for module in old for finding in find(module)]
    found = [(module, finding) for module in new for finding in find(module)]
    excess = max(len(found) - len(before), 0)
    before, found = _unmatched(before, found, lambda pair: (pair[0].name, _function(*pair), pair[1].code))
    _, found = _unmatched(before, found, lambda pair: pair[1].code)
    yield from (f"{module.name}:{finding.line}: {finding.message}" for module, finding in found[:excess])


def _unmatched(
    before: list[_Located], found: list[_Located], key: Callable[[_Located], object]
) -> tuple[list[_Located], list[_Located]]:
    """Return both lists without the pairs of equal key."""
    known = Counter(map(key, before))
    new = []
    for one in found:
        if known[key(one)] > 0:
            known[key(one)] -= 1
        else:
            new.append(one)
    old = []
    for one in before:
        if known[key(one)] > 0:
            known[key(one)] -= 1
            old.append(one)
    return old, new


def _function(module: Module, finding: _Finding) -> str:
    """Return the innermost function that encloses a finding."""
    around = [
        (node.lineno, name)
        for name, node in functions_of(module.tree)
        if not isinstance(node, ast.Module) and node.lineno <= finding.line <= (node.end_lineno or 0)
    ]
    return max(around)[1] if around else ""


# -- added code that hides errors ----------------------------------------------------------------------


def _silent_handlers(module: Module) -> Iterator[_Finding]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler) or not _is_broad(node.type, module):
            continue
        if all(_ignores_error(statement, module) for statement in node.body):
            kind = "except:" if node.type is None else f"except {ast.unparse(node.type)}:"
            message = f"`{kind}` hides every error; fix the cause, or let the error be raised."
            yield _Finding(node.lineno, ast.unparse(node), message)


def _is_broad(caught: ast.expr | None, module: Module) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one, module) for one in caught.elts)
    return caught is None or module.dotted(caught) in _BROAD


def _ignores_error(statement: ast.stmt, module: Module) -> bool:
    """Return whether a statement of a handler neither raises nor handles the error."""
    match statement:
        case ast.Pass() | ast.Continue() | ast.Break() | ast.Global() | ast.Nonlocal():
            return True
        case ast.Return(value=value):
            return value is None or is_constant(value, module)
        case ast.Assign(value=value) | ast.AugAssign(value=value):
            return is_constant(value, module)
        case ast.AnnAssign(value=value):
            return value is None or is_constant(value, module)
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant) or _only_logs(value, module) or _exits_ok(value, module)
        case ast.Raise():
            return _exits_ok(statement.exc, module)
        case ast.If(body=body, orelse=orelse) | ast.For(body=body, orelse=orelse):
            return all(_ignores_error(inner, module) for inner in (*body, *orelse))
        case ast.With(body=body):
            return all(_ignores_error(inner, module) for inner in body)
    return False


def _only_logs(value: ast.expr, module: Module) -> bool:
    """Return whether an expression is a call that prints or logs."""
    if not isinstance(value, ast.Call):
        return False
    is_stream = module.dotted(value.func) in ("sys.stderr.write", "sys.stdout.write")
    return is_stream or module.last_name(value.func) in _LOG_CALLS


def _suppressions(module: Module) -> Iterator[_Finding]:
    for call in _calls(module):
        if module.dotted(call.func) == "contextlib.suppress" and any(_is_broad(a, module) for a in call.args):
            message = "`suppress` hides every error; name the specific error to suppress."
            yield _Finding(call.lineno, ast.unparse(call), message)


def _ignored_warnings(module: Module) -> Iterator[_Finding]:
    """Yield filters that ignore every warning; filters for named warnings are allowed."""
    for call in _calls(module):
        if module.dotted(call.func) not in ("warnings.filterwarnings", "warnings.simplefilter"):
            continue
        action, narrower = call.args[:1], call.args[1:]
        keywords = {word.arg: word.value for word in call.keywords}
        action = action or [keywords.pop("action", ast.Constant(None))]
        ignores = isinstance(action[0], ast.Constant) and action[0].value == "ignore"
        narrows = [*narrower, *(keywords.get(name) for name in ("message", "category", "module"))]
        named = [one for one in narrows if one is not None and module.dotted(one) != "Warning"]
        if ignores and not named:
            message = "the filter ignores every warning; fix the cause, or name the one warning to ignore."
            yield _Finding(call.lineno, ast.unparse(call), message)


def _exits(module: Module) -> Iterator[_Finding]:
    """Yield exits that look like success, except the last statement of the program."""
    last = set(_last_statements(module.tree))
    for statement in ast.walk(module.tree):
        if not isinstance(statement, ast.Expr | ast.Raise | ast.Return) or statement in last:
            continue
        value = statement.exc if isinstance(statement, ast.Raise) else statement.value
        if _exits_ok(value, module):
            message = "the process exits here as if it had succeeded; fix the cause of the failure."
            yield _Finding(statement.lineno, ast.unparse(statement), message)


def _exits_ok(value: ast.expr | None, module: Module) -> bool:
    """Return whether an expression ends the process with exit code 0, or without its clean-up."""
    if value is None:
        return False
    call = value if isinstance(value, ast.Call) else None
    name = module.dotted(call.func if call else value)
    if call is None:
        return name == "SystemExit"
    if name == "os._exit":
        return True
    code = call.args[0] if call.args else ast.Constant(None)
    return name in _EXITS and isinstance(code, ast.Constant) and code.value in (0, None)


def _last_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the last statements of the module, of its `if` blocks and of its function `main`."""
    for body in (tree.body, *(one.body for one in tree.body if isinstance(one, ast.If))):
        yield from body[-1:]
    for one in tree.body:
        if isinstance(one, ast.FunctionDef) and one.name == "main":
            yield one.body[-1]


# -- removed code that the contract needs --------------------------------------------------------------


def _calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def _calls_with(text: str) -> Callable[[list[Module]], bool]:
    """Return a test for a call with a text, or with a name that holds the text, as an argument."""

    def found(modules: list[Module]) -> bool:
        kept = [pair for module in modules for pair in _kept(module.tree, text)]
        names = {name for name, _ in kept}
        only_kept = {part for _, value in kept for part in ast.walk(value)}
        return any(
            _holds(part, text) or module.last_name(part) in names
            for module in modules
            for call in _calls(module)
            if call not in only_kept
            for part in ast.walk(call)
        )

    return found


def _kept(tree: ast.Module, text: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that hold a value with the text, with the values."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        if any(_holds(part, text) for part in ast.walk(node.value)):
            yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))


def _holds(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and text in node.value


def _name_validation(modules: list[Module]) -> bool:
    """Return whether a literal names the validation table, such as `val` or `val.csv`."""
    nodes = (node for module in modules for node in ast.walk(module.tree))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return any(_VALIDATION.fullmatch(text) for text in texts)


def _skipped_loops(old: list[Module], new: list[Module]) -> Iterator[str]:
    """Yield functions that looped over validation rows before and do not mention them now."""
    after = {(module.name, name): node for module in new for name, node in functions_of(module.tree)}
    for module in old:
        for name, node in functions_of(module.tree):
            now = after.get((module.name, name))
            if now is None or not any(
                _is_validation(part) for loop in _loops(node) for part in ast.walk(loop)
            ):
                continue
            if isinstance(now, ast.Module):
                continue  # top-level code may have moved into a function
            if not any(_is_validation(part) for part in own_nodes(now)):
                yield (
                    f"{module.name}:{now.lineno}: {name} no longer loops over the validation rows; "
                    "fix the code that fails there."
                )


def _loops(node: ast.AST) -> Iterator[ast.expr]:
    return (part.iter for part in own_nodes(node) if isinstance(part, ast.For | ast.comprehension))


def _is_validation(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    words = set(name.lower().split("_"))
    named = bool(words & {"val", "validation"}) or ("valid" in words and bool(words & _ROWS))
    return named or bool(_VALIDATION.fullmatch(text))
