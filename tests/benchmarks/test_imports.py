"""What benchmark scripts import from `agent` exists; most of the scripts are too slow to run here."""

import ast
import importlib

from agent.core.paths import benchmarks_dir


def test_scripts_import_names_that_exist() -> None:
    imported = {
        (file.name, str(node.module), alias.name)
        for file in sorted(benchmarks_dir().glob("*/*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("agent.")
        for alias in node.names
    }
    assert len(imported) > 50
    missing = [
        f"{file} imports {name} from {module}"
        for file, module, name in sorted(imported)
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []
