"""Imported repositories as the start of a run, and children merged with their edits."""

import json
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.core.errors import SetupError
from agent.repository.edits import Edit
from agent.repository.family import Family
from agent.repository.idea import Blueprint
from agent.repository.imported import import_repository, merge_into_edited
from agent.repository.lineage import Lineage
from agent.repository.rendering import Renderer, TaskView, write_tree
from tests.support.states import idea
from tests.support.toy_tasks import TOY_SLOTS


def _rendered(family: Family, task: TaskView, **slots: object) -> dict[str, str]:
    return Renderer(family, task).render(idea("A toy", {**TOY_SLOTS, **slots}))  # type: ignore[dict-item]


@pytest.fixture
def toy_task(toy_prepared: Prepared) -> TaskView:
    return TaskView.of(toy_prepared)


@pytest.fixture
def files(toy_family: Family, toy_task: TaskView) -> dict[str, str]:
    return _rendered(toy_family, toy_task)


def test_what_mars_made_comes_back_with_its_blueprint(
    files: dict[str, str], toy_family: Family, tmp_path: Path
) -> None:
    write_tree(files, tmp_path)
    for name in ("working/val_submission.csv", ".git/config", "library/__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff not of the solution")
    (tmp_path / "input").symlink_to("/")
    imported = import_repository(tmp_path, {"toy": toy_family})
    assert imported.files == files
    assert imported.idea.blueprint == Blueprint(family="toy", slots=TOY_SLOTS)
    assert imported.idea.title == "A toy"


def test_it_is_taken_to_the_byte_and_its_edits_are_not_made_again(
    toy_family: Family, toy_task: TaskView, tmp_path: Path
) -> None:
    edit = Edit(file="main.py", find="a", replace="b")
    files = Renderer(toy_family, toy_task).render(idea("A toy", dict(TOY_SLOTS), edits=(edit,)))  # type: ignore[arg-type]
    assert json.loads(files["idea.json"])["edits"] == [edit.model_dump()]
    files["library/loss.py"] = "\ufeffX = 1\r\n\rY = 2  "
    write_tree(files, tmp_path)
    imported = import_repository(tmp_path, {"toy": toy_family})
    assert imported.files == files
    assert imported.idea.blueprint == Blueprint(family="toy", slots=TOY_SLOTS)
    assert imported.idea.edits == ()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[1]",
        '{"title": 3}',
        '{"blueprint": {"family": "other"}}',
        "[" * 100_000,
        r'{"title": "\ud800"}',
        '{"title": ' + "9" * 5000 + "}",
        '{"blueprint": {"family": "toy", "slots": {"depth": NaN}}}',
    ],
)
def test_other_code_is_taken_without_a_blueprint(
    files: dict[str, str], toy_family: Family, tmp_path: Path, text: str | None
) -> None:
    write_tree(files, tmp_path)
    (tmp_path / "idea.json").unlink() if text is None else (tmp_path / "idea.json").write_text(text)
    imported = import_repository(tmp_path, {"toy": toy_family})
    assert imported.idea.blueprint is None
    assert set(imported.files) == set(files)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("library/loss.py", None, "The file library/loss.py is missing"),
        ("main.py", b"def main(:\n", "main.py:1"),
        ("main.py", b"import agent.engine.loop\n", "do not import agent"),
        ("notes.bin", b"\xff\xfe", "notes.bin is not UTF-8 text"),
        ("notes.txt", b"x" * 1_000_001, "notes.txt is larger than 1 MB"),
    ],
)
def test_a_repository_that_does_not_meet_the_contract_is_refused_in_one_sentence(
    files: dict[str, str], toy_family: Family, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    write_tree(files, tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match=said):
        import_repository(tmp_path, {"toy": toy_family})
    with pytest.raises(SetupError, match="this is not a folder"):
        import_repository(tmp_path / "nowhere", {"toy": toy_family})


def test_a_child_keeps_the_edits_and_makes_its_change(
    files: dict[str, str], toy_family: Family, toy_task: TaskView, tmp_path: Path
) -> None:
    lineage = Lineage(tmp_path / "repository.git")
    edited = files | {"library/loss.py": files["library/loss.py"] + "\nEDITED = True\n", "own.py": "X = 1\n"}
    ours = lineage.commit_imported(edited)
    theirs = _rendered(toy_family, toy_task, width=2)
    found = merge_into_edited(lineage, files, ours, theirs)
    assert found.conflicts == ()
    assert found.files == theirs | {"library/loss.py": edited["library/loss.py"], "own.py": "X = 1\n"}


def test_edits_of_the_lines_that_a_change_needs_conflict(
    files: dict[str, str], toy_family: Family, toy_task: TaskView, tmp_path: Path
) -> None:
    lineage = Lineage(tmp_path / "repository.git")
    edited = files | {"library/config.py": files["library/config.py"].replace("WIDTH = 1", "WIDTH = 1 + 0")}
    assert edited != files
    theirs = _rendered(toy_family, toy_task, width=2)
    found = merge_into_edited(lineage, files, lineage.commit_imported(edited), theirs)
    assert found.conflicts == ("library/config.py",)
    assert found.files["library/config.py"] == theirs["library/config.py"]
