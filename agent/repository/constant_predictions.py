"""Detects changes that replace a model's predictions by constants."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.repository.syntax import Module, functions_of, is_constant, own_nodes

_MODELS = {"model", "net", "network", "estimator", "classifier", "regressor", "booster", "decision_function"}
_PREDICTS = {"predict", "forward", "infer", "inference"}
_ABOUT = {"len", "range", "print", "str", "repr", "isinstance", "type"}  # calls that return no predictions
_SIZES = {"shape", "size", "ndim", "dtype", "device"}
_PREDICTIONS = {"prediction", "predictions", "pred", "preds", "logits", "proba", "probabilities", "probs"}
_FILLERS = {"append", "extend", "update", "fill", "copy_", "add_", "index_add_", "scatter_", "setdefault"}


@dataclass
class _Places:
    """The values that a function assigns, returns or passes, by target, `returned` or argument."""

    values: dict[tuple[str, ...], list[ast.expr]] = field(default_factory=dict)
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)  # names that are filled after their creation
    predicted: set[str] = field(default_factory=set)  # names whose value depends on a model's call

    def put(self, place: tuple[str, ...], value: ast.expr) -> None:
        self.values.setdefault(place, []).append(value)
        self.lines.setdefault(place, value.lineno)


def replaced_predictions(old: list[Module], new: list[Module]) -> Iterator[str]:
    """Yield a sentence per place that held a model's output and holds a constant in the new version."""
    after = {
        (module.name, name): (module, node) for module in new for name, node in functions_of(module.tree)
    }
    for module in old:
        for name, node in functions_of(module.tree):
            if (module.name, name) not in after:
                continue
            now_module, now_node = after[module.name, name]
            was, now = _places(module, node), _places(now_module, now_node)
            for place, values in was.values.items():
                if not any(_is_predicted(value, place, was, module) for value in values):
                    continue
                made_up, computed = _count_constants(place, now, now_module)
                made_up_before, computed_before = _count_constants(place, was, module)
                if made_up > made_up_before and computed < computed_before:
                    yield (
                        f"{module.name}:{now.lines[place]}: {name} replaces a prediction by a constant; "
                        "fix the cause that keeps the model from predicting."
                    )


def _count_constants(place: tuple[str, ...], places: _Places, module: Module) -> tuple[int, int]:
    """Return how many values of a place are and stay constant, and how many are computed."""
    # Empty lists, empty dictionaries and None are ignored: code often fills them later.
    values = [value for value in places.values.get(place, ()) if not _is_empty(value)]
    if place[0] == "argument":  # literal arguments are options or sizes, not predictions
        values = [value for value in values if not isinstance(value, ast.Constant)]
    constant = sum(is_constant(value, module) for value in values)
    is_filled = place[0] == "assigned" and place[1] in places.filled
    return (0 if is_filled else constant), len(values) - constant


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None
    if isinstance(value, ast.Call):
        return not value.args and not value.keywords
    parts = value.elts if isinstance(value, ast.List | ast.Tuple) else None
    return parts == [] or (isinstance(value, ast.Dict) and not value.values)


def _places(module: Module, node: ast.AST) -> _Places:
    places = _Places()
    for part in own_nodes(node):
        match part:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _assign(target, value, places)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                _assign(target, value, places)
            case ast.AugAssign(target=target):
                places.filled.add(_root(target))
            case ast.Return(value=ast.expr() as value):
                places.put(("returned",), value)
            case ast.Call():
                _call(part, module, places)
    for _ in range(2):  # follows values derived from a prediction over two assignments
        for place, values in places.values.items():
            if place[0] == "assigned" and any(_depends_on_model(value, places, module) for value in values):
                places.predicted.add(place[1])
    return places


def _assign(target: ast.expr, value: ast.expr, places: _Places) -> None:
    if isinstance(target, ast.Tuple | ast.List):
        pairs = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        values = (
            value.elts if pairs and isinstance(value, ast.Tuple | ast.List) else [value] * len(target.elts)
        )
        for element, element_value in zip(target.elts, values, strict=True):
            _assign(element, element_value, places)
        return
    if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Constant):
        places.filled.add(_root(target))
    places.put(("assigned", ast.unparse(target)), value)


def _call(call: ast.Call, module: Module, places: _Places) -> None:
    name = module.last_name(call.func)
    if isinstance(call.func, ast.Attribute) and name in _FILLERS:
        places.filled.add(_root(call.func.value))
    for number, argument in enumerate(call.args):
        places.put(("argument", ast.unparse(call.func), str(number)), argument)
    for word in call.keywords:
        if word.arg == "out":
            places.filled.add(_root(word.value))
        elif word.arg is not None:
            places.put(("argument", ast.unparse(call.func), word.arg), word.value)


def _root(target: ast.expr) -> str:
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _is_predicted(value: ast.expr, place: tuple[str, ...], places: _Places, module: Module) -> bool:
    """Return whether a value depends on a model's call; for names such as `preds`, any call counts."""
    named = place[0] == "assigned" and bool(_words(place[1]) & _PREDICTIONS)
    if named and any(isinstance(part, ast.Call) for part in ast.walk(value)):
        return True
    return _depends_on_model(value, places, module)


def _depends_on_model(value: ast.expr, places: _Places, module: Module) -> bool:
    pending: list[ast.AST] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Attribute) and part.attr in _SIZES):
            continue
        if isinstance(part, ast.Call):
            name = module.last_name(part.func)
            if name in _MODELS or _words(name) & _PREDICTS:
                return True
            if name in _ABOUT:
                continue
        if isinstance(part, ast.Name) and part.id in places.predicted:
            return True
        pending.extend(ast.iter_child_nodes(part))
    return False


def _words(name: str) -> set[str]:
    return set(name.lower().replace(".", "_").split("_"))
