"""Every test can fail: each test function asserts something that runs even when every collection is empty."""

import ast
import functools
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
EXPECTING = {"raises", "warns"}
FAILING = {"fail", "expect", "wait_until"}  # of pytest, Playwright, tests.support.waiting

# Tests of calls that must not raise, with the reason why they can.
MAY_ONLY_RAISE = {
    "test_every_command_line_parses": "test_the_checks_of_commands_find_what_is_wrong",
    "test_a_node_that_wrote_no_outputs_is_no_error": "deletion of a missing folder raises FileNotFoundError",
}

Scope = dict[str, ast.expr]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _called_name(node: ast.AST) -> str:
    """The last part of the name that a call names, or "" for any other expression."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _has_items(node: ast.expr, scope: Scope, depth: int = 0) -> bool:
    """Whether the expression is a collection that plainly holds at least one item."""
    if depth > 5:
        return False

    def again(other: ast.expr) -> bool:
        return _has_items(other, scope, depth + 1)

    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return any(again(item.value) if isinstance(item, ast.Starred) else True for item in items)
        case ast.Dict(keys=keys, values=values):
            return any(key is not None or again(value) for key, value in zip(keys, values, strict=True))
        case ast.Constant(value=str(text)):
            return bool(text)
        case ast.Name(id=name):
            return name in scope and again(scope[name])
        case ast.BinOp(left=left, op=ast.Add() | ast.BitOr(), right=right):
            return again(left) or again(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int(times))):
            return times > 0 and again(left)
        case (
            ast.ListComp(generators=[only]) | ast.DictComp(generators=[only]) | ast.SetComp(generators=[only])
        ):
            return not only.ifs and again(only.iter)
        case ast.Call(func=ast.Attribute(value=owner, attr="items" | "keys" | "values" | "split")):
            return again(owner)
        case ast.Call(func=ast.Name(id="range"), args=[*_, last]):
            return _is_positive(last, scope)
        case ast.Call(func=ast.Name(id="zip"), args=args) if args:
            strict = any(keyword.arg == "strict" and keyword.value.value for keyword in node.keywords)  # type: ignore[attr-defined]
            return any(map(again, args)) if strict else all(map(again, args))
        case ast.Call(func=ast.Name(id="product"), args=args) if args:
            return all(map(again, args))
        case ast.Call(
            func=ast.Name(id="enumerate" | "sorted" | "reversed" | "list" | "tuple" | "set"), args=[first, *_]
        ):
            return again(first)
    return False


def _is_positive(node: ast.expr, scope: Scope) -> bool:
    if isinstance(node, ast.Name) and node.id in scope:
        node = scope[node.id]
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 0


def _fails_on_nothing(test: ast.expr, scope: Scope) -> bool:
    """Whether an asserted expression could be false although every unknown collection is empty."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_fails_on_nothing(value, scope) for value in test.values)
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "all":
        items = test.args[0]
        if isinstance(items, ast.GeneratorExp | ast.ListComp):
            return (
                len(items.generators) == 1
                and not items.generators[0].ifs
                and _has_items(items.generators[0].iter, scope)
            )
        return _has_items(items, scope)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return not _is_built_from_items(test.operand)
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.List(elts=[]) | ast.Dict(keys=[])]):
            return not _is_built_from_items(left)
    return True


def _is_built_from_items(node: ast.expr) -> bool:
    """Whether an expression is empty when the collection that it goes through is empty."""
    return _called_name(node) == "any" or isinstance(
        node, ast.ListComp | ast.SetComp | ast.DictComp | ast.Name
    )


class _Module:
    """One test file: its functions, its plain names, and its helpers from other test files."""

    def __init__(self, file: Path) -> None:
        self.tree = ast.parse(file.read_text())
        self.file = file
        self.functions = {node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)}
        self.scope = _assigned(self.tree.body)
        self.imported = dict(self._imports())

    def _imports(self) -> Iterator[tuple[str, tuple[Path, str]]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
                source = TESTS.parent.joinpath(*str(node.module).split(".")).with_suffix(".py")
                for alias in node.names:
                    if source.exists():
                        yield alias.asname or alias.name, (source, alias.name)

    def asserts(self, function: Function, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a call of the function always reaches an assertion that can fail."""
        scope = self.scope | _assigned(function.body)
        return self._block_asserts(function.body, scope, seen | {function.name})

    def _block_asserts(self, body: list[ast.stmt], scope: Scope, seen: frozenset[str]) -> bool:
        return any(self._statement_asserts(statement, scope, seen) for statement in body)

    def _statement_asserts(self, node: ast.stmt, scope: Scope, seen: frozenset[str]) -> bool:
        match node:
            case ast.Assert(test=test):
                return _fails_on_nothing(test, scope) or self._calls_assert(test, seen)
            case ast.With(items=items, body=body):
                expects = any(_called_name(item.context_expr) in EXPECTING for item in items)
                return expects or self._block_asserts(body, scope, seen)
            case ast.For(iter=items, body=body):
                runs = _has_items(items, scope) and self._block_asserts(body, scope, seen)
                return runs or self._calls_assert(items, seen)
            case ast.If(body=body, orelse=other):
                return self._block_asserts(body, scope, seen) and self._block_asserts(other, scope, seen)
            case ast.Try(body=body, orelse=other, finalbody=last):
                return any(self._block_asserts(block, scope, seen) for block in (body, other, last))
            case ast.Expr() | ast.Assign() | ast.AnnAssign() | ast.Return():
                return self._calls_assert(node, seen)
        return False

    def _calls_assert(self, node: ast.AST, seen: frozenset[str]) -> bool:
        return any(self._call_asserts(call, seen) for call in ast.walk(node) if isinstance(call, ast.Call))

    def _call_asserts(self, call: ast.Call, seen: frozenset[str]) -> bool:
        name = _called_name(call)
        if name in FAILING or (name.startswith("assert_")):
            return True
        if name in seen:
            return False
        if name in self.functions:
            return self.asserts(self.functions[name], seen)
        if name in self.imported:
            source, original = self.imported[name]
            other = _read(source)
            return original in other.functions and other.asserts(other.functions[original], seen)
        return False


@functools.cache
def _read(file: Path) -> _Module:
    return _Module(file)


def _assigned(body: list[ast.stmt]) -> Scope:
    """The names that are bound once, to their values."""
    scope: Scope = {}
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                scope[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                scope[name] = value
    return scope


def _collected(module: _Module) -> Iterator[Function]:
    for node in ast.walk(module.tree):
        if isinstance(node, Function) and node.name.startswith("test_"):
            yield node


def test_an_empty_list_of_parameters_stops_the_collection(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("empty_parameter_set_mark") == "fail_at_collect"


_HELPER = "def check(items):\n    assert items == [1]\n\n"


@pytest.mark.parametrize(
    ("body", "can_fail"),
    [
        ("assert f() == 1", True),
        ("f()", False),
        ("for x in f():\n    assert x", False),
        ("assert f()\nfor x in f():\n    assert x", True),
        ("for x in (1, 2):\n    assert f(x)", True),
        ("for x, y in zip((1, 2), f(), strict=True):\n    assert x == y", True),
        ("for n in range(len(f())):\n    assert n", False),
        ("if f():\n    assert g()", False),
        ("if f():\n    assert g()\nelse:\n    assert h()", True),
        ("assert all(x for x in f())", False),
        ("assert all(f(x) for x in (1, 2))", True),
        ("assert not any(x for x in f())", False),
        ("wrong = [x for x in f()]\nassert wrong == []", False),
        ("assert f() == []", True),
        ("with pytest.raises(ValueError):\n    f()", True),
        ("with open(f()) as file:\n    file.read()", False),
        ("check(f())", True),
        ("for x in f():\n    check(x)", False),
        ("for x in check(f()):\n    g(x)", True),
    ],
)
def test_the_scan_knows_a_test_that_can_fail(body: str, can_fail: bool, tmp_path: Path) -> None:
    file = tmp_path / "test_example.py"
    file.write_text(f"{_HELPER}def test_it():\n{textwrap.indent(body, '    ')}\n")
    module = _Module(file)
    (test,) = _collected(module)
    assert module.asserts(test) == can_fail


def test_every_test_can_fail() -> None:
    files = sorted(TESTS.rglob("*.py"))
    assert len(files) > 100
    mute = []
    for file in files:
        module = _read(file)
        mute += [
            f"{file.relative_to(TESTS.parent)}:{test.lineno} {test.name}"
            for test in _collected(module)
            if not module.asserts(test) and test.name not in MAY_ONLY_RAISE
        ]
    assert mute == []
