"""The home: a file or a closed folder is one sentence that says to set MARS_HOME."""

import os
from pathlib import Path

import pytest

from agent.core.errors import SetupError
from agent.core.format import as_argument
from agent.core.paths import Home, home, require_writable


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "afile"
    file.touch()
    monkeypatch.setenv("MARS_HOME", str(file))
    with pytest.raises(SetupError, match="afile: is not a folder; set MARS_HOME to a folder"):
        home()


def test_a_home_that_does_not_exist_yet_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARS_HOME", str(tmp_path / "new" / "home"))
    require_writable(home())
    assert home().root == tmp_path / "new" / "home"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", ["outer/home", "outer"])
def test_a_home_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    root = tmp_path / "outer" / "home"
    root.mkdir(parents=True)
    real_access, real_lstat = os.access, os.lstat

    def stat(path: Path, **options: object) -> os.stat_result:
        if tmp_path / closed in Path(path).parents:
            raise PermissionError(13, "Permission denied")
        return real_lstat(path)

    monkeypatch.setenv("MARS_HOME", str(root))
    monkeypatch.setattr(os, "lstat", stat)
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != tmp_path / closed and real_access(path, mode)
    )
    with pytest.raises(SetupError, match=r"home: this user may not read it; set MARS_HOME to a folder"):
        home()


@pytest.mark.parametrize("closed", ["", "workspaces", "workspaces/_prepared", "solutions"])
def test_a_closed_home_is_refused_and_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    root = tmp_path / "home"
    (root / closed).mkdir(parents=True)
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != root / closed and real(path, mode))
    with pytest.raises(
        SetupError, match=r"this user may not write there; set MARS_HOME to a folder"
    ) as raised:
        require_writable(Home(root))
    assert str(raised.value).startswith(f"{root / closed}: ".replace("/:", ":"))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("my_folder", "my_folder"),
        (Path("my folder"), "'my folder'"),
        ("it's", "'it'\"'\"'s'"),
        ("-x", "./-x"),
        ("~", "'./~'"),
        ("~x/y", "'./~x/y'"),
        ("a;rm -rf b", "'a;rm -rf b'"),
    ],
)
def test_names_in_printed_commands_can_be_pasted(value: str | Path, word: str) -> None:
    assert as_argument(value) == word
