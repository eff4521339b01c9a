"""Competitions are found by path and by name, and nothing in them points outside their folder."""

from pathlib import Path

import pytest

from agent.competition.registry import find_competition, list_competitions
from agent.core import paths
from agent.core.errors import SetupError
from agent.core.paths import Home
from tests.competition.raw_folders import number_folder, write_spec


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_path_given_by_the_user_is_a_folder_or_its_yaml(tmp_path: Path, home: Home) -> None:
    spec = number_folder(tmp_path / "my_data")
    for given in (tmp_path / "my_data", tmp_path / "my_data" / "competition.yaml"):
        found = find_competition(str(given), home)
        assert found.spec == spec
        assert found.folder == (tmp_path / "my_data").resolve()


def test_a_folder_below_the_working_directory_needs_no_separator(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    number_folder(tmp_path / "my_data")
    monkeypatch.chdir(tmp_path)
    assert find_competition("my_data", home).spec.id == "tiny"


def test_a_bundled_name_is_found_even_beside_a_folder_of_that_name(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_competition("digits", home).folder == (paths.benchmarks_dir() / "digits").resolve()


def test_the_users_benchmarks_come_before_the_bundled_ones(home: Home) -> None:
    write_spec(home.root / "benchmarks" / "digits", id="digits", title="Mine")
    assert find_competition("digits", home).spec.title == "Mine"
    listed = {found.spec.id: found.spec.title for found in list_competitions(home)}
    assert listed["digits"] == "Mine"
    assert "imet-2020" in listed


def test_an_unknown_name_lists_the_nearest_and_all(home: Home) -> None:
    with pytest.raises(SetupError, match=r"no competition 'digit'; did you mean digits\? Known: .*imet-2020"):
        find_competition("digit", home)


def test_a_folder_without_a_specification_is_told_about_init(tmp_path: Path, home: Home) -> None:
    with pytest.raises(SetupError, match=r"holds no competition\.yaml; `mars init .*` drafts one"):
        find_competition(str(tmp_path), home)
    with pytest.raises(SetupError, match="no such file or folder"):
        find_competition(str(tmp_path / "nowhere"), home)


@pytest.mark.parametrize("field", ["train", "sample_submission", "label_table", "sample_script"])
@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "a/../../secret.csv"])
def test_no_path_leaves_the_folder(tmp_path: Path, home: Home, field: str, path: str) -> None:
    write_spec(tmp_path / "data", **{field: path})
    with pytest.raises(SetupError, match="leaves the folder"):
        find_competition(str(tmp_path / "data"), home)


def test_a_link_out_of_the_parent_of_the_folder_is_refused(tmp_path: Path, home: Home) -> None:
    (tmp_path / "secret.csv").write_text("id,label\n")
    write_spec(tmp_path / "own" / "data")
    link = tmp_path / "own" / "data" / "train.csv"
    link.symlink_to(tmp_path / "secret.csv")
    with pytest.raises(
        SetupError, match=r"train\.csv: the link leads to .*secret\.csv, outside of .*own; MARS"
    ):
        find_competition(str(tmp_path / "own" / "data"), home)
    link.unlink()
    link.symlink_to(tmp_path / "own" / "train.csv")
    assert find_competition(str(tmp_path / "own" / "data"), home).spec.id == "tiny"


def test_a_name_that_could_be_a_path_is_no_id(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="'id'"):
        write_spec(tmp_path / "data", id="../x")


@pytest.mark.parametrize("name", ["train.csv", "train.parquet", "train.csv.gz"])
def test_a_table_instead_of_its_folder_is_one_sentence(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    table = folder / name
    table.write_text("id,y\n1,0\n")
    for given in (str(table), f"{table}/"):
        with pytest.raises(SetupError) as raised:
            find_competition(given)
        assert str(raised.value) == (
            f"{table}: is a file; give its folder, after `mars init '{folder}'` has drafted its "
            "competition.yaml."
        )
    (folder / "competition.yaml").write_text("id: x\n")
    with pytest.raises(SetupError) as raised:
        find_competition(str(table))
    assert str(raised.value) == f"{table}: is a file; give its folder: mars run --competition '{folder}'"


def test_a_name_that_is_no_text_is_one_sentence() -> None:
    with pytest.raises(SetupError, match=r"^/x/caf\\udce9: the name of the folder is not valid text here"):
        find_competition("/x/caf\udce9")


def test_a_folder_called_like_the_home_sign_is_found(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "mine"))
    with pytest.raises(SetupError, match="mine: no such file or folder"):
        find_competition("~", home)
    number_folder(tmp_path / "~")
    assert find_competition("./~", home).spec.id == "tiny"
