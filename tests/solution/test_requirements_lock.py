"""The lock file names exactly what scored a solution: its requirements and their dependencies."""

from importlib import metadata
from pathlib import Path

from agent.core.paths import Home
from agent.record.opened_run import open_run
from agent.solution.requirements_lock import LOCK_FILE, installed_packages, requirements_lock
from tests.cli.commands import mars

FILES = {"requirements.txt": "# what it needs\npandas>=2.2\nscikit_learn\n-r members/001/requirements.txt\n"}


def _packages(lock: str) -> dict[str, str]:
    lines = [line.partition("  #")[0] for line in lock.splitlines() if not line.startswith("#")]
    pairs = [line.partition("==") for line in lines]
    return {name: version for name, _, version in pairs}


def test_the_recorded_versions_are_locked_not_the_installed_ones() -> None:
    recorded = {**installed_packages(), "pandas": "1.2.3"}
    assert _packages(requirements_lock(FILES, recorded))["pandas"] == "1.2.3"


def test_dependencies_are_locked_and_unrelated_packages_are_not() -> None:
    recorded = dict.fromkeys(
        ("pandas", "numpy", "python-dateutil", "scikit-learn", "joblib", "pytest"), "1.0"
    )
    locked = _packages(requirements_lock(FILES, recorded))
    assert set(locked) == set(recorded) - {"pytest"}


def test_an_extra_of_a_dependency_is_not_locked() -> None:
    extras = [line for line in metadata.requires("pydantic") or [] if line.startswith("email-validator")]
    assert extras, "pydantic has an extra with email-validator"
    recorded = {"pydantic": "1.0", "email-validator": "1.0"}
    assert _packages(requirements_lock({"requirements.txt": "pydantic"}, recorded)) == {"pydantic": "1.0"}


def test_the_requirements_of_members_are_locked_too() -> None:
    files = {"requirements.txt": "", "members/001/requirements.txt": "numpy>=1.26\n"}
    assert _packages(requirements_lock(files, {"numpy": "2.0"})) == {"numpy": "2.0"}


def test_a_local_version_is_locked_as_indices_know_it() -> None:
    lock = requirements_lock({"requirements.txt": "torch\n"}, {"torch": "2.8.0+cpu"})
    assert "torch==2.8.0  # 2.8.0+cpu\n" in lock


def test_without_a_record_the_installed_versions_are_locked_and_named_so() -> None:
    lock = requirements_lock(FILES, {})
    assert _packages(lock)["pandas"] == metadata.version("pandas")
    assert "the run recorded none" in lock
    assert "the run recorded none" not in requirements_lock(FILES, installed_packages())


def test_a_run_records_its_versions_and_keeps_them_with_its_solution(home: Home, tmp_path: Path) -> None:
    template = home.families / "toy" / "requirements.txt.j2"
    template.write_text("pandas\n")
    mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "1")
    kept = home.solutions / "toy"
    lock = (kept / "repository" / LOCK_FILE).read_text()
    assert _packages(lock)["numpy"] == metadata.version("numpy")
    assert "://" not in lock, "no index is named"
    (node,) = open_run("latest", home).state.nodes.values()
    assert node.packages == installed_packages()
    assert LOCK_FILE in (kept / "README.md").read_text()
    mars("export", "latest", str(tmp_path / "out"))
    assert (tmp_path / "out" / LOCK_FILE).read_text() == lock
    mars("run", "--competition", "toy", "--max-nodes", "1", "--from", str(kept / "repository"))
    imported = open_run("latest", home)
    assert LOCK_FILE not in imported.lineage.read(imported.state.nodes[1].commit)
