"""Copies of the user's templates, whose folders may hold anything."""

import os
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.repository.run_templates import copy_templates
from tests.cli.commands import mars


def copied(home: Home, tmp_path: Path) -> set[str]:
    """Return the copied files of the user's folders."""
    copy_templates(tmp_path / "run", home)
    own = tmp_path / "run" / "templates" / "own"
    assert not [path for path in own.rglob("*") if path.is_symlink()]
    return {str(path.relative_to(own)) for path in own.rglob("*") if path.is_file()}


@pytest.fixture
def plain(home: Home) -> set[str]:
    files = (path for path in home.families.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(home.families)) for path in files}


def test_links_to_files_and_folders_become_copies(home: Home, tmp_path: Path, plain: set[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "partial.py.j2").write_text("X = 1\n")
    (home.families / "toy" / "_linked.py.j2").symlink_to(elsewhere / "partial.py.j2")
    (home.families / "partials").symlink_to(elsewhere)
    assert copied(home, tmp_path) == plain | {"toy/_linked.py.j2", "partials/partial.py.j2"}


def test_links_that_lead_nowhere_or_never_end_are_left_out(
    home: Home, tmp_path: Path, plain: set[str]
) -> None:
    toy = home.families / "toy"
    (toy / "gone.py.j2").symlink_to(tmp_path / "gone")
    (toy / "loop").symlink_to(toy)
    (toy / "itself").symlink_to(toy / "itself")
    os.mkfifo(toy / "pipe")
    assert copied(home, tmp_path) == plain


def test_data_and_version_control_are_left_out(home: Home, tmp_path: Path, plain: set[str]) -> None:
    (home.families / ".git").mkdir()
    (home.families / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    with (home.families / "toy" / "weights.bin").open("wb") as file:
        file.truncate(2_000_000_000)
    assert copied(home, tmp_path) == plain


def test_a_folder_that_is_no_folder_of_templates_is_refused_and_leaves_no_run(home: Home) -> None:
    many = home.families / "many"
    many.mkdir()
    for number in range(2001):
        (many / f"{number}.txt").touch()
    done = mars("run", "--competition", "toy", "--max-nodes", "1", "--json", code=2)
    assert done.stdout == ""
    assert f"mars: {many}: the folder has more than 2000 files" in done.stderr
    assert not list(home.workspaces.glob("toy-*"))
    assert "toy" not in mars("runs").stdout
