"""The house rules that a reader relies on: small rooms, and imports that flow one way."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from agent.core import contract

ROOT = Path(__file__).parent.parent
AGENT = ROOT / "agent"
MOST_LINES = 400
LONGEST_FUNCTION = 70

# A room may import itself and those before it.
ORDER = [
    "core",
    "competition",
    "repository",
    "execution",
    "memory",
    "llm",
    "drafting",
    "record",
    "planner",
    "search",
    "agents",
    "solution",
    "report",
    "engine",
    "reproduce",
    "cli",
]


def _sources() -> list[Path]:
    folders = ("agent", "tests", "benchmarks")
    found = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) > 300
    return found


def _modules() -> dict[str, Path]:
    """The files of `agent/` by the names that import them."""
    files = (file for file in AGENT.rglob("*.py") if file.relative_to(AGENT).parts[0] != "_data")
    named = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    assert len(named) > 150
    return {name.removesuffix(".__init__"): file for name, file in named.items()}


def test_no_file_is_longer_than_a_reader_likes() -> None:
    templates = sorted((ROOT / "templates").rglob("*.j2"))
    assert len(templates) > 100
    files = [*_sources(), *templates]
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    assert [f"{name} ({count} lines)" for name, count in lines.items() if count > MOST_LINES] == []


def test_every_function_fits_on_a_screen() -> None:
    long = []
    for file in _sources():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{file.relative_to(ROOT)}:{node.lineno} {node.name} ({lines} lines)")
    assert long == []


def _imports(file: Path) -> set[str]:
    """Everything that a file imports, at its top or later: modules, and names in modules."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            package = file.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*package, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def _room(module: str) -> str:
    """`core` of `agent.core.paths`; empty for `agent` itself and for what is not ours."""
    package, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    return room if package == "agent" and (AGENT / room).is_dir() else ""


def test_nothing_but_rooms_stands_at_the_top() -> None:
    assert [file.name for file in AGENT.glob("*.py")] == ["__init__.py"]
    assert {_room(module) for module in _modules()} - {""} == set(ORDER)


def test_imports_flow_one_way() -> None:
    backwards = [
        f"{file.relative_to(ROOT)} imports {imported}"
        for module, file in _modules().items()
        if (room := _room(module))
        for imported in sorted(_imports(file))
        if _room(imported) and ORDER.index(_room(imported)) > ORDER.index(room)
    ]
    assert backwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules, graph = _modules(), {}
    for module, file in modules.items():
        wanted = {name if name in modules else name.rpartition(".")[0] for name in _imports(file)}
        graph[module] = (wanted & modules.keys()) - {module}
    assert sum(map(len, graph.values())) > 300
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def _texts() -> list[Path]:
    folders = ("agent", "templates", "tests", "benchmarks", "docs")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*"))]
    files += [ROOT / name for name in ("README.md", "Makefile", "pyproject.toml")]
    suffixes = {".py", ".j2", ".md", ".yaml", ".toml"}
    return [file for file in files if file.suffix in suffixes or file.name == "Makefile"]


def test_every_document_that_is_cited_ships() -> None:
    """Documents of this repository: `docs/...`, and files in capitals such as README.md."""
    cited, missing = 0, []
    for file in _texts():
        for document in re.findall(r"(?<![\w/])(?:docs/[\w/-]+|[A-Z][A-Z_]+)\.md\b", file.read_text()):
            cited += 1
            if document != "README.md" and not (ROOT / document).is_file():
                missing.append(f"{file.relative_to(ROOT)} cites {document}")
    assert cited >= 10
    assert missing == []


def test_only_the_command_line_and_the_report_present_anything() -> None:
    presenting = [
        f"{file.relative_to(ROOT)} imports {imported}"
        for module, file in _modules().items()
        if _room(module) not in ("cli", "report")
        for imported in sorted(_imports(file))
        if imported.split(".")[0] == "rich" or _room(imported) == "report"
    ]
    assert presenting == []


def test_the_code_names_no_benchmark() -> None:
    names = [
        folder.name for folder in (ROOT / "benchmarks").iterdir() if (folder / "competition.yaml").exists()
    ]
    assert len(names) >= 2
    texts = [file for folder in ("agent", "templates") for file in sorted((ROOT / folder).rglob("*"))]
    assert len(texts) > 200
    knowing = [
        f"{file.relative_to(ROOT)} names {name}"
        for file in texts
        if file.suffix in {".py", ".j2", ".yaml"}
        for name in names
        if f'"{name}"' in file.read_text()
    ]
    assert knowing == []


def test_names_of_the_repository_contract_stand_once() -> None:
    names = {
        contract.MAIN,
        contract.IDEA_FILE,
        contract.README_FILE,
        contract.REQUIREMENTS_FILE,
        contract.VALIDATION_FILE,
        contract.SUBMISSION_FILE,
        contract.FROZEN_FILE,
        contract.PROGRESS_FILE,
        contract.ANALYSIS_FILE,
        contract.MODEL_FOLDER,
        contract.HARNESS_FOLDER,
        contract.RUN_LOG,
        contract.SMOKE_LOG,
        contract.TEST_LOG,
        *contract.OUTPUT_FILES,
    }
    assert len(names) == 16
    again = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.value}"
        for file in sorted(AGENT.rglob("*.py"))
        if file != AGENT / "core" / "contract.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert again == []
