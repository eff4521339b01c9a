"""The house rules that a reader relies on: small rooms, and imports that flow one way."""

import ast
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
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def test_no_file_is_longer_than_a_reader_likes() -> None:
    long = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in _sources()}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


def test_every_function_fits_on_a_screen() -> None:
    long = []
    for file in _sources():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{file.relative_to(ROOT)}:{node.lineno} {node.name} ({lines} lines)")
    assert long == []


def _room(file: Path) -> str:
    return file.relative_to(AGENT).parts[0].removesuffix(".py")


def _imported_modules(file: Path) -> list[str]:
    modules = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return modules


def _imported_rooms(file: Path) -> set[str]:
    parts = [module.split(".") for module in _imported_modules(file)]
    return {part[1] for part in parts if part[0] == "agent" and len(part) > 1 and part[1] in ORDER}


def test_imports_flow_one_way() -> None:
    backwards = [
        f"{file.relative_to(ROOT)} imports {imported}"
        for file in sorted(AGENT.rglob("*.py"))
        if (room := _room(file)) in ORDER
        for imported in _imported_rooms(file)
        if ORDER.index(imported) > ORDER.index(room)
    ]
    assert backwards == []


def test_only_the_command_line_and_the_report_present_anything() -> None:
    presenting = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in sorted(AGENT.rglob("*.py"))
        if _room(file) not in ("cli", "report")
        for module in _imported_modules(file)
        if module.split(".")[0] == "rich" or module.split(".")[:2] == ["agent", "report"]
    ]
    assert presenting == []


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {_room(file) for file in AGENT.rglob("*.py")} - {"__init__", "_data"}
    assert rooms == set(ORDER)


def test_the_code_names_no_benchmark() -> None:
    names = [
        folder.name for folder in (ROOT / "benchmarks").iterdir() if (folder / "competition.yaml").exists()
    ]
    assert len(names) >= 2
    knowing = [
        f"{file.relative_to(ROOT)} names {name}"
        for folder in ("agent", "templates")
        for file in sorted((ROOT / folder).rglob("*"))
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
