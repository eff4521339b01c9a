"""Families of installed packages: found by entry points, never in place of a bundled family."""

from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.repository.family import known_families
from tests.conftest import TOY
from tests.support.packages import install_package

FAMILY = (TOY / "families" / "toy" / "family.yaml").read_text()


def _install(folder: Path, name: str, entry: str, family_id: str, text: str = "") -> None:
    files = {"my_families/__init__.py": text, "my_families/family.yaml": FAMILY}
    files["my_families/family.yaml"] = FAMILY.replace("id: toy", f"id: {family_id}", 1)
    install_package(folder, "my-families", {"mars.families": {name: entry}}, files)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(__import__("sys").modules, "my_families", raising=False)
    return tmp_path / "site"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("my_families", ""),
        ("my_families:FOLDER", "from pathlib import Path\nFOLDER = Path(__file__).parent"),
    ],
)
def test_an_entry_point_names_a_package_or_a_path(tmp_path: Path, site: Path, entry: str, text: str) -> None:
    _install(site, "mine", entry, "mine", text)
    family = known_families(Home(tmp_path / "home"))["mine"]
    assert family.folder == site / "my_families"


def test_the_id_must_be_the_name_of_the_entry_point(tmp_path: Path, site: Path) -> None:
    _install(site, "mine", "my_families", "yours")
    message = (
        r"^The family 'mine' of the package my-families has the id 'yours' in .*/family\.yaml; give both"
    )
    with pytest.raises(SetupError, match=message):
        known_families(Home(tmp_path / "home"))


def test_a_package_cannot_replace_a_bundled_family(tmp_path: Path, site: Path) -> None:
    _install(site, "tabular", "my_families", "tabular")
    message = "^mars-search and my-families each add a family called 'tabular'; uninstall my-families"
    with pytest.raises(SetupError, match=message):
        known_families(Home(tmp_path / "home"))
