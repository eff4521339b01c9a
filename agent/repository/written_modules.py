"""Repositories whose modules are written by a model instead of rendered: frame, checks, requirements."""

import ast
import importlib.util
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import jinja2

from agent.core.contract import (
    IDEA_FILE,
    LIBRARY_FOLDER,
    MAIN,
    README_FILE,
    REQUIREMENTS_FILE,
    TESTS_FOLDER,
    library_module,
)
from agent.repository.checks import LIBRARY
from agent.repository.idea import Idea, ModulePlan
from agent.repository.rendering import RenderError, TaskView, idea_json, own_metric_file, template_environment

FOLDER = "own_code"  # below the templates; not a family
MOST_MODULES = 14
# Packages that the warm parent process imports if they are installed; each candidate imports the others.
_PRELOAD = ("numpy", "pandas", "scipy", "sklearn", "torch")
PRELOADED_LATER = frozenset({"torch._dynamo"})  # a first optimizer of torch imports it, which takes seconds

# Distributions whose names differ from their packages' names.
_DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
    "skimage": "scikit-image",
}


def frame(idea: Idea, competition: TaskView, bundled: Path) -> dict[str, str]:
    """Return the files around the modules: README, idea and the competition's own metric.

    `bundled` is the folder of the bundled templates.
    """
    environment = template_environment(bundled / FOLDER, bundled)
    files = {}
    for name in (README_FILE, library_module("__init__")):
        try:
            template = environment.get_template(f"{name}.j2")
            files[name] = template.render(idea=idea, competition=competition)
        except jinja2.TemplateError as error:
            raise RenderError(f"{FOLDER}/{name}: {error}") from error
    files[REQUIREMENTS_FILE] = ""
    files[IDEA_FILE] = idea_json(idea)
    return files | own_metric_file(competition)


def frame_modules(competition: TaskView) -> tuple[str, ...]:
    """Return the modules of the frame, which exist before any module is written and never change."""
    return (library_module("__init__"), *own_metric_file(competition))


def preloaded_packages() -> set[str]:
    """Return the packages that the warm parent process imports."""
    return {package for package in _PRELOAD if _is_installed(package)}


def requirements_of(files: Mapping[str, str]) -> str:
    """Return `requirements.txt`: the distributions that the modules import, one per line."""
    imported = {
        package for name, text in files.items() if name.endswith(".py") for package in _packages(text)
    }
    outside = imported - sys.stdlib_module_names - {LIBRARY_FOLDER, TESTS_FOLDER, "main"}
    return "".join(
        f"{name}\n" for name in sorted(_DISTRIBUTIONS.get(package, package) for package in outside)
    )


def plan_faults(plan: Sequence[ModulePlan], given: Sequence[str] = ()) -> list[str]:
    """Return the faults of a plan of modules, one sentence each; `given` are the modules of the frame."""
    files = [module.file for module in plan]
    needed = [library_module(name) for name in LIBRARY if name != "__init__"]
    faults = [f"{name} is missing; the contract requires it." for name in needed if name not in files]
    if not files or files[-1] != MAIN:
        faults.append(f"The last module must be {MAIN}.")
    faults += [f"{name} exists and cannot be replaced; leave it out." for name in given if name in files]
    if len({name.casefold() for name in files}) < len(files):  # some file systems ignore case
        faults.append("A module is planned twice.")
    if len(files) > MOST_MODULES:
        faults.append(f"There are {len(files)} modules; at most {MOST_MODULES} may be planned.")
    for number, module in enumerate(plan):
        late = [name for name in module.uses if name not in (*given, *files[:number])]
        if late:
            faults.append(f"{module.file} uses {late[0]}, which is not planned before {module.file}.")
    return faults


def module_faults(module: ModulePlan, code: str, earlier: Sequence[str]) -> list[str]:
    """Return the faults of a written module, one sentence each: syntax, missing names, imports.

    `earlier` are the files that were written before the module.
    """
    if "\0" in code:  # versions of Python report null bytes differently
        return [f"{module.file}: the code holds null bytes."]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but valid code
            # Bytes, as Python reads the file, so that an encoding comment counts.
            tree = ast.parse(code.encode())
            compile(code.encode(), module.file, "exec", dont_inherit=True)
    except SyntaxError as error:
        return [f"{module.file}:{error.lineno}: {error.msg}."]
    except (ValueError, RecursionError, MemoryError):
        return [f"{module.file}: Python cannot parse the code."]
    defined = _defined(tree)
    faults = [f"{module.file} does not define {name}." for name in module.names if name not in defined]
    for node in ast.walk(tree):
        for name, line in _imports(node):
            if fault := _import_fault(name, earlier):
                faults.append(f"{module.file}:{line}: {fault}")
    if module.file != MAIN and any(_is_main_block(node) for node in tree.body):
        faults.append(f"{module.file} has a `__main__` block; only main.py may have one.")
    return faults


def test_faults(module: ModulePlan, test: str) -> list[str]:
    """Return the faults of a module's test script, one sentence each."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(test.encode())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"The test cannot be parsed: {getattr(error, 'msg', type(error).__name__)}."]
    own = module.file.removesuffix(".py").replace("/", ".")
    names = {name for node in ast.walk(tree) for name, _ in _imports(node)}
    if not any(name == own or name.startswith(f"{own}.") for name in names):
        return [f"The test does not import {own}."]
    if not any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(tree)):
        return ["The test asserts nothing, so it cannot fail."]
    return []


def _import_fault(name: str, earlier: Sequence[str]) -> str:
    top, _, rest = name.partition(".")
    if top == "agent":
        return "a solution must run alone; do not import agent."
    if top in (LIBRARY_FOLDER, TESTS_FOLDER, "main"):
        file = library_module(rest.partition(".")[0])
        known = top == LIBRARY_FOLDER and (not rest or file in earlier)
        return "" if known else f"{name} is not among the earlier modules ({', '.join(earlier) or 'none'})."
    if top in sys.stdlib_module_names or _is_installed(top):
        return ""
    return f"package {top} is not installed and cannot be downloaded; use an installed package."


@lru_cache(maxsize=256)
def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _packages(code: str) -> set[str]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {name.partition(".")[0] for node in ast.walk(tree) for name, _ in _imports(node)}


def _imports(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield imported modules with line numbers; `from library import loss` gives `library.loss`."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = (f"{LIBRARY_FOLDER}." if node.level else "") + (node.module or "")
        if module.rstrip(".") == LIBRARY_FOLDER:
            yield from ((f"{LIBRARY_FOLDER}.{alias.name}", node.lineno) for alias in node.names)
        else:
            yield module, node.lineno


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that other modules can import, without those inside functions and classes."""
    found: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        else:
            pending.extend(ast.iter_child_nodes(node))
    return found


def _is_main_block(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)
    )
