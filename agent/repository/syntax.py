"""Syntax trees of a repository's modules, and questions that static analysis can answer."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LIBRARIES = ("numpy", "torch", "pandas")
_FILLED = {"zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "empty_like", "repeat"}
_EMPTY = {"dict", "list", "tuple", "set", "float", "int", "str", "bool", "pandas.DataFrame", "pandas.Series"}
_NO_NUMBERS = {"numpy.nan", "numpy.inf", "math.nan", "math.inf", "torch.nan", "torch.inf"}


@dataclass(frozen=True)
class Module:
    """One module: path in the repository, syntax tree, and full names of its import aliases."""

    name: str
    tree: ast.Module
    aliases: Mapping[str, str]

    def dotted(self, node: ast.AST) -> str:
        """Return the full name that an expression spells, `numpy.zeros` for `np.zeros`, or ""."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.aliases.get(node.id, node.id), *reversed(parts)])

    def last_name(self, node: ast.AST) -> str:
        """Return the last part of a name or an attribute, or ""."""
        return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def parse_modules(files: Mapping[str, str]) -> list[Module]:
    """Return the modules that Python can parse; modules with too deep nesting are left out."""
    modules = (_module(name, text) for name, text in files.items() if name.endswith(".py"))
    return [module for module in modules if module is not None]


@lru_cache(maxsize=128)  # a fix leaves most modules as they are
def _module(name: str, text: str) -> Module | None:
    try:
        tree = ast.parse(text.encode())
        ast.unparse(tree)  # recurses as deeply as any later use of the tree
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Module(name, tree, _aliases(tree))


def _aliases(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def functions_of(tree: ast.Module) -> Iterator[tuple[str, Function | ast.Module]]:
    """Yield every function by its qualified name, and the module itself as `the module`."""
    yield "the module", tree
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        prefix, parent = pending.pop()
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, Function):
                yield f"{prefix}{child.name}", child
            inner = f"{prefix}{child.name}." if isinstance(child, Function | ast.ClassDef) else prefix
            pending.append((inner, child))


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or module in order, without nested functions and classes."""
    pending = list(reversed(list(ast.iter_child_nodes(node))))
    while pending:
        part = pending.pop()
        if not isinstance(part, Function | ast.ClassDef):
            yield part
            pending.extend(reversed(list(ast.iter_child_nodes(part))))


def is_constant(value: ast.expr, module: Module) -> bool:
    """Return whether a value is a constant, not computed: 0, None, [], np.zeros(n), [0.5] * n, nan."""
    match value:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return is_constant(operand, module)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return all(is_constant(part, module) for part in parts)
        case ast.Dict(values=parts):
            return all(is_constant(part, module) for part in parts)
        case ast.BinOp(left=left, right=right):
            sides = (is_constant(left, module), is_constant(right, module))
            # A constant list times a number of rows is constant.
            return all(sides) or (
                isinstance(value.op, ast.Mult) and any(_is_filled(s, module) for s in (left, right))
            )
        case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
            return is_constant(part, module)
        case ast.DictComp(value=part):
            return is_constant(part, module)
        case ast.Call():
            return _is_constant_call(value, module)
    return module.dotted(value) in _NO_NUMBERS


def _is_filled(value: ast.expr, module: Module) -> bool:
    """Return whether a value is a constant, non-empty list or tuple."""
    return isinstance(value, ast.List | ast.Tuple) and bool(value.elts) and is_constant(value, module)


def _is_constant_call(call: ast.Call, module: Module) -> bool:
    name = module.dotted(call.func)
    library, _, function = name.rpartition(".")
    if library in _LIBRARIES and function in _FILLED:
        if function == "repeat":
            return bool(call.args) and is_constant(call.args[0], module)
        return True
    if name in _EMPTY:
        return all(is_constant(part, module) for part in call.args[:1])
    # A method of a constant is constant: np.zeros(n).astype(float)
    return isinstance(call.func, ast.Attribute) and is_constant(call.func.value, module)
