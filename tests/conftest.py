"""The toy competition and family, for tests of whole runs without any training."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.competition.preparation.prepare import prepare
from agent.competition.prepared import Prepared
from agent.competition.registry import find_competition
from agent.competition.sources.locate import locate_data
from agent.core.paths import Home
from agent.repository.family import Family, load_family

TOY = Path(__file__).parent / "toy"


def run_script(script: Path, arguments: list[str], readable: list[Path], writable: Path) -> None:
    """A competition's script, without a sandbox."""
    subprocess.run([sys.executable, script, *arguments], check=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own that knows the toy competition and the toy family."""
    root = tmp_path / "home"
    shutil.copytree(TOY / "families", root / "templates")
    shutil.copytree(TOY / "competition", root / "benchmarks" / "toy")
    monkeypatch.setenv("MARS_HOME", str(root))
    return Home(root)


@pytest.fixture(scope="session")
def toy_family() -> Family:
    return load_family(TOY / "families" / "toy")


@pytest.fixture(scope="session")
def toy_prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The toy's data, prepared once."""
    home = Home(tmp_path_factory.mktemp("home"))
    shutil.copytree(TOY / "competition", home.benchmarks / "toy")
    competition = find_competition("toy", home)
    return prepare(competition.spec, locate_data(competition, home, "auto", run_script), home)
