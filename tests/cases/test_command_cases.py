"""Commands as people give them: odd homes, odd terminals, odd numbers, folders of the same name."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cases.case import classes, numbers, save_split

pytestmark = pytest.mark.slow
MARS = [sys.executable, "-m", "agent.cli.app"]
_SHORT = ("--minutes", "1", "--max-nodes", "2")
_ASCII = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def _mars(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MARS, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "MARS_HOME": str(home), **environment},
    )


def _folder(path: Path, seed: int = 11) -> Path:
    path.mkdir(parents=True)
    save_split(path, classes(seed=seed), "sold")
    return path


def _succeeds(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def _refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Return the message of a command that is refused."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_folders_without_latin_names_keep_their_own_solutions(tmp_path: Path) -> None:
    home, ids = tmp_path / "home", []
    for name, seed in (("表一", 11), ("表二", 12)):
        folder = _folder(tmp_path / name, seed)
        _succeeds(_mars(home, "init", str(folder)))
        ids.append(yaml.safe_load((folder / "competition.yaml").read_text(encoding="utf-8"))["id"])
        _succeeds(_mars(home, "run", "--competition", str(folder), *_SHORT))
    assert len(set(ids)) == 2
    assert {path.name for path in (home / "solutions").iterdir() if path.is_dir()} >= set(ids)


def test_two_folders_of_one_name_do_not_compete(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = _folder(tmp_path / "a" / "data"), _folder(tmp_path / "b" / "data", seed=12)
    for folder in (first, second):
        _succeeds(_mars(home, "init", str(folder)))
        said = _succeeds(_mars(home, "run", "--competition", str(folder), *_SHORT))
    assert "was made on other data or another competition.yaml, so the two are not compared" in said
    assert "`mars solutions data --restore 1` brings it back" in said
    history = _succeeds(_mars(home, "solutions", "data", "--history")).splitlines()
    assert [line[:3].strip() for line in history[1:3]] == ["1", "2*"]
    assert len({re.search(r"full (\w+)", line)[1] for line in history[1:3]}) == 2  # type: ignore[index]


def test_a_corrected_metric_replaces_the_solution(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", _folder(tmp_path / "shop")
    _succeeds(_mars(home, "init", str(folder)))
    _succeeds(_mars(home, "run", "--competition", str(folder), *_SHORT))
    file = folder / "competition.yaml"
    file.write_text(re.sub(r"(?m)^metric: .*$", "metric: f1", file.read_text()))
    _succeeds(_mars(home, "run", "--competition", str(folder), *_SHORT))
    assert "f1" in _succeeds(_mars(home, "solutions", "shop"))


def test_terminals_without_unicode(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "plain"
    folder.mkdir()
    save_split(folder, numbers().rename(columns={"width": "größe", "depth": "深さ"}), "price")
    _succeeds(_mars(home, "init", str(folder), PYTHONIOENCODING="ascii"))
    assert (folder / "competition.yaml").is_file()
    _succeeds(_mars(home, "run", "--competition", str(folder), *_SHORT, **_ASCII))
    for command in (("runs",), ("tree", "latest"), ("show", "latest", "1"), ("solutions",)):
        _succeeds(_mars(home, *command, **_ASCII))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_home_of_another_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *MARS, "runs"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MARS_HOME": str(home / "inner"), "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "MARS_HOME" in _refusal(done)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", _folder(tmp_path / "shop")
    home.touch()
    _succeeds(_mars(tmp_path / "other", "init", str(folder)))
    assert "MARS_HOME" in _refusal(_mars(home, "run", "--competition", str(folder), *_SHORT))
    assert "MARS_HOME" in _refusal(_mars(home, "runs"))


def test_a_table_given_as_the_folder(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "shop")
    for command in (("init",), ("run", "--competition")):
        done = _mars(tmp_path / "home", *command, str(folder / "train.csv"))
        assert "folder" in _refusal(done)
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [("--minutes", "inf"), ("--minutes", "nan"), ("--minutes", "-1"), ("--seed", "-1"), ("--max-nodes", "0")],
    ids=" ".join,
)
def test_numbers_that_are_no_limits(options: tuple[str, str], tmp_path: Path) -> None:
    home, folder = tmp_path / "home", _folder(tmp_path / "shop")
    _succeeds(_mars(home, "init", str(folder)))
    assert options[0] in _refusal(_mars(home, "run", "--competition", str(folder), *options))
    assert "Traceback" not in _succeeds(_mars(home, "runs"))
