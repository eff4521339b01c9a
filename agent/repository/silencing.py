"""Changes that hide an error instead of mending it, found in the syntax of both versions.

A fix is refused for what is here, so that only what is plain is found: what could be meant well passes.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agent.repository.constant_predictions import replaced_predictions
from agent.repository.syntax import Module, functions_of, is_constant, own_nodes, parsed

VAL_FILE = "val_submission"
METRIC = "Final Validation Metric"
_BROAD = {"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"}
_TELLS = {"print", "debug", "info", "warning", "warn", "error", "exception", "critical"} | {
    "print_exc",
    "print_exception",
}
_EXITS = {"sys.exit", "exit", "quit", "SystemExit"}
_VALIDATION = re.compile(r"(.*/)?val(\.csv)?|validation")  # `valid` is also a mode of convolutions
_ROWS = {"loader", "rows", "ids", "data", "dataset", "set", "df", "frame", "table"}


@dataclass(frozen=True)
class _Sign:
    """Something that hides errors, at a line of a module."""

    line: int
    code: str
    said: str


def silenced(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What the change hides instead of mending it, a sentence each; empty where it does not.

    Args:
        before: Texts by path, of the revision that failed.
        after: Of its fix. Modules that are no Python are left out: `check_repository` tells of them.
    """
    old, new = parsed(before), parsed(after)
    unread = {name for name in before if name.endswith(".py")} - {module.name for module in old}
    # Where the old module could not be read, nothing of the new one is known to be new.
    changed = {name for name, text in after.items() if text != before.get(name)} - unread
    changed |= before.keys() - after.keys()
    was, now = ([one for one in modules if one.name in changed] for modules in (old, new))
    is_whole = len(new) == sum(name.endswith(".py") for name in after)  # what is gone may be in the unread
    said: list[str] = []
    for find in (_silent_handlers, _suppressions, _ignored_warnings, _exits):
        said += _more(find, was, now)
    for is_there, what in (
        (_calls_with(VAL_FILE), f"The call that writes {VAL_FILE}.csv was removed; it is what is scored."),
        (_calls_with(METRIC), f"The print of `{METRIC}` was removed; every solution has to make it."),
        (_name_validation, "Nothing reads the validation rows any more; they have to be predicted."),
    ):
        if is_whole and not is_there(new) and is_there(old):
            said.append(what)
    return said + list(_skipped_loops(was, now)) + list(replaced_predictions(was, now))


_Found = tuple[Module, _Sign]


def _more(find: Callable[[Module], Iterator[_Sign]], old: list[Module], new: list[Module]) -> Iterator[str]:
    """The signs of one kind that are new, as far as there are more of them than before.

    One that was there may stand elsewhere now; of several alike, that in the same function is the old one.
    """
    before = [(module, sign) for module in old for sign in find(module)]
    found = [(module, sign) for module in new for sign in find(module)]
    excess = max(len(found) - len(before), 0)
    before, found = _unmatched(before, found, lambda one: (one[0].name, _function(*one), one[1].code))
    _, found = _unmatched(before, found, lambda one: one[1].code)
    yield from (f"{module.name}:{sign.line}: {sign.said}" for module, sign in found[:excess])


def _unmatched(
    before: list[_Found], found: list[_Found], key: Callable[[_Found], object]
) -> tuple[list[_Found], list[_Found]]:
    """What is left of both when all pairs of equal key are taken away."""
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


def _function(module: Module, sign: _Sign) -> str:
    """The innermost function that a sign stands in."""
    around = [
        (node.lineno, name)
        for name, node in functions_of(module.tree)
        if not isinstance(node, ast.Module) and node.lineno <= sign.line <= (node.end_lineno or 0)
    ]
    return max(around)[1] if around else ""


# -- what is new ---------------------------------------------------------------------------------------


def _silent_handlers(module: Module) -> Iterator[_Sign]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler) or not _is_broad(node.type, module):
            continue
        if all(_says_nothing(statement, module) for statement in node.body):
            kind = "except:" if node.type is None else f"except {ast.unparse(node.type)}:"
            said = f"`{kind}` passes over whatever goes wrong; mend the cause, or let it be raised."
            yield _Sign(node.lineno, ast.unparse(node), said)


def _is_broad(caught: ast.expr | None, module: Module) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one, module) for one in caught.elts)
    return caught is None or module.dotted(caught) in _BROAD


def _says_nothing(statement: ast.stmt, module: Module) -> bool:
    """Whether a statement of a handler neither raises nor does anything about the error."""
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
            return isinstance(value, ast.Constant) or _only_tells(value, module) or _ends_well(value, module)
        case ast.Raise():
            return _ends_well(statement.exc, module)
        case ast.If(body=body, orelse=orelse) | ast.For(body=body, orelse=orelse):
            return all(_says_nothing(one, module) for one in (*body, *orelse))
        case ast.With(body=body):
            return all(_says_nothing(one, module) for one in body)
    return False


def _only_tells(value: ast.expr, module: Module) -> bool:
    """Whether it is a call that prints or logs."""
    if not isinstance(value, ast.Call):
        return False
    is_stream = module.dotted(value.func) in ("sys.stderr.write", "sys.stdout.write")
    return is_stream or module.last_name(value.func) in _TELLS


def _suppressions(module: Module) -> Iterator[_Sign]:
    for call in _calls(module):
        if module.dotted(call.func) == "contextlib.suppress" and any(_is_broad(a, module) for a in call.args):
            said = "`suppress` passes over whatever goes wrong; name the one error that is meant."
            yield _Sign(call.lineno, ast.unparse(call), said)


def _ignored_warnings(module: Module) -> Iterator[_Sign]:
    """Filters that ignore every warning; one that names what it ignores is no sign."""
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
            said = "every warning is ignored from here on; mend what is warned of, or name that one warning."
            yield _Sign(call.lineno, ast.unparse(call), said)


def _exits(module: Module) -> Iterator[_Sign]:
    """Ends of the process that look like success, but for the last statement of the program."""
    last = set(_last_statements(module.tree))
    for statement in ast.walk(module.tree):
        if not isinstance(statement, ast.Expr | ast.Raise | ast.Return) or statement in last:
            continue
        value = statement.exc if isinstance(statement, ast.Raise) else statement.value
        if _ends_well(value, module):
            said = "the process ends here as if all had gone well; mend what stands in the way."
            yield _Sign(statement.lineno, ast.unparse(statement), said)


def _ends_well(value: ast.expr | None, module: Module) -> bool:
    """Whether it ends the process with exit code 0, or without its clean-up."""
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
    """Of the module, of its `if __name__ == "__main__"` and of its function `main`."""
    for body in (tree.body, *(one.body for one in tree.body if isinstance(one, ast.If))):
        yield from body[-1:]
    for one in tree.body:
        if isinstance(one, ast.FunctionDef) and one.name == "main":
            yield one.body[-1]


# -- what is gone --------------------------------------------------------------------------------------


def _calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def _calls_with(text: str) -> Callable[[list[Module]], bool]:
    """Whether a call is made with a text, or with a name that the text is kept under."""

    def found(modules: list[Module]) -> bool:
        kept = [one for module in modules for one in _kept(module.tree, text)]
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
    """Names that a value with the text is kept under, and these values."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        if any(_holds(part, text) for part in ast.walk(node.value)):
            yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))


def _holds(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and text in node.value


def _name_validation(modules: list[Module]) -> bool:
    """Whether anything names the table of the validation rows, as `val`, `val.csv` or the like."""
    nodes = (node for module in modules for node in ast.walk(module.tree))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return any(_VALIDATION.fullmatch(text) for text in texts)


def _skipped_loops(old: list[Module], new: list[Module]) -> Iterator[str]:
    """Functions that went through validation rows and do not even name them any more."""
    after = {(module.name, name): node for module in new for name, node in functions_of(module.tree)}
    for module in old:
        for name, node in functions_of(module.tree):
            now = after.get((module.name, name))
            if now is None or not any(
                _is_validation(part) for loop in _loops(node) for part in ast.walk(loop)
            ):
                continue
            if isinstance(now, ast.Module):
                continue  # what stood in the open may have become a function
            if not any(_is_validation(part) for part in own_nodes(now)):
                yield (
                    f"{module.name}:{now.lineno}: {name} does not go through the validation rows any more; "
                    "mend what fails there."
                )


def _loops(node: ast.AST) -> Iterator[ast.expr]:
    return (part.iter for part in own_nodes(node) if isinstance(part, ast.For | ast.comprehension))


def _is_validation(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    words = set(name.lower().split("_"))
    named = bool(words & {"val", "validation"}) or ("valid" in words and bool(words & _ROWS))
    return named or bool(_VALIDATION.fullmatch(text))
