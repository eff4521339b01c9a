"""The dependencies in pyproject.toml are what `agent/` and the families import."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.repository.family import known_families

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Modules whose distributions have other names.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "charset_normalizer": "charset-normalizer",
    "cv2": "opencv-python-headless",
    "git": "gitpython",
    "python_calamine": "python-calamine",
    "sentence_transformers": "sentence-transformers",
    "yaml": "pyyaml",
}
# Runs a command as if no extra was installed.
WITHOUT_EXTRAS = """
import sys
class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in {"cv2", "kaggle", "matplotlib", "openai", "sentence_transformers", "six", "sklearn",
                    "skops", "tenacity", "timm", "torch", "xllamacpp"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing)
from agent.cli.app import main
main()
"""
# Extras of code that `agent/` imports only where a user asks for that feature.
OPTIONAL = ("image", "kaggle", "llm", "local-llm", "recall", "plots")


def _names(requirements: Iterable[str]) -> set[str]:
    found = [re.match(r"[A-Za-z0-9._-]+", requirement) for requirement in requirements]
    return {match.group().lower() for match in found if match}


def _imports(file: Path) -> set[str]:
    """Return the top-level modules that a file imports, also inside functions."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules


def _imported_distributions() -> set[str]:
    imported = {module for file in (ROOT / "agent").rglob("*.py") for module in _imports(file)}
    own = {"agent", "metric"}  # a competition's own metric is metric.py
    return {DISTRIBUTIONS.get(name, name) for name in imported - sys.stdlib_module_names - own}


def test_the_base_dependencies_are_what_the_code_imports() -> None:
    optional = _names(requirement for extra in OPTIONAL for requirement in EXTRAS[extra])
    assert "pandas" in _imported_distributions()
    assert _names(PROJECT["dependencies"]) == _imported_distributions() - optional


def test_no_base_dependency_is_listed_in_an_extra_too() -> None:
    repeated = {
        extra: _names(packages) & _names(PROJECT["dependencies"]) for extra, packages in EXTRAS.items()
    }
    assert repeated == {extra: set() for extra in EXTRAS}


@pytest.mark.parametrize("name", ["tabular", "image_classification", "text"])
def test_the_extra_of_a_family_installs_the_packages_that_the_base_lacks(name: str, tmp_path: Path) -> None:
    family = known_families(Home(tmp_path))[name]
    assert family.extra in EXTRAS
    lacking = set(family.packages) - _names(PROJECT["dependencies"])
    assert lacking, "the extra has a purpose"
    assert lacking <= _names(EXTRAS[family.extra])


@pytest.mark.parametrize("name", ["tabular", "image_classification", "text"])
def test_the_extra_of_a_family_installs_what_its_repositories_require(name: str, tmp_path: Path) -> None:
    family = known_families(Home(tmp_path))[name]
    template = (ROOT / "templates" / name / "requirements.txt.j2").read_text()
    required = _names(line for line in template.splitlines() if "{" not in line)
    assert "numpy" in required
    assert required <= _names([*PROJECT["dependencies"], *EXTRAS[family.extra or ""]])


def test_a_run_needs_no_extra_but_that_of_its_family(home: Home) -> None:
    command = [
        sys.executable,
        "-c",
        WITHOUT_EXTRAS,
        "run",
        "--competition",
        "toy",
        "--max-nodes",
        "2",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["valid_nodes"] == 2


def test_a_run_names_the_extra_that_its_family_lacks(home: Home) -> None:
    file = home.families / "toy" / "family.yaml"
    file.write_text(file.read_text() + "extra: toys\n")
    text = re.sub(r"^packages: .*$", "packages: [numpy, no-such-package]", file.read_text(), flags=re.M)
    assert text != file.read_text()
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli.app", "run", "--competition", "toy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "mars: The family toy needs no-such-package, which this environment lacks. "
        "Run: pip install 'mars-search[toys]'\n"
    )
    assert list(home.workspaces.glob("toy-*")) == [], "nothing was prepared or recorded"
