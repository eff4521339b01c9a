import json
import shutil
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.repository.checks import check_repository
from agent.repository.edits import Edit
from agent.repository.family import Family, load_family
from agent.repository.lineage import Lineage
from agent.repository.rendering import Renderer, RenderError, TaskView, tree_hash
from tests.support.states import idea


@pytest.fixture
def task(toy_prepared: Prepared) -> TaskView:
    return TaskView.of(toy_prepared)


def _files(family: Family, task: TaskView, **more: object) -> dict[str, str]:
    return Renderer(family, task).render(idea("An idea", dict(family.defaults), **more))


def test_a_rendered_repository_keeps_the_contract(toy_family: Family, task: TaskView) -> None:
    files = _files(toy_family, task)
    assert check_repository(files) == []
    assert json.loads(files["idea.json"])["title"] == "An idea"
    assert "CRASH" not in files["main.py"], "only what the blueprint uses"


def test_what_has_no_edits_is_told_as_before_there_were_any(toy_family: Family, task: TaskView) -> None:
    assert "edits" not in json.loads(_files(toy_family, task)["idea.json"])
    with_edit = _files(toy_family, task, edits=(Edit(file="main.py", find="a", replace="b"),))
    assert json.loads(with_edit["idea.json"])["edits"] == [{"file": "main.py", "find": "a", "replace": "b"}]


def test_citations_stand_beside_the_slots_they_speak_for(toy_family: Family, task: TaskView) -> None:
    files = _files(toy_family, task, cites={"depth": ("00003", "00018")})
    assert "DEPTH = 1  # Cite Lesson 00003, 00018\n" in files["library/config.py"]
    assert files["library/config.py"].count("Cite") == 1


def test_unknown_variables_are_all_reported_together(
    toy_family: Family, task: TaskView, tmp_path: Path
) -> None:
    folder = tmp_path / "toy"
    shutil.copytree(toy_family.folder, folder)
    (folder / "library" / "loss.py.j2").write_text("{{ nothing }} {{ nowhere }}")
    with pytest.raises(RenderError, match=r"loss\.py\.j2: nothing; .*loss\.py\.j2: nowhere"):
        Renderer(load_family(folder), task)


def test_a_template_that_renders_to_blanks_gives_no_file(
    toy_family: Family, task: TaskView, tmp_path: Path
) -> None:
    folder = tmp_path / "toy"
    shutil.copytree(toy_family.folder, folder)
    (folder / "library" / "deep.py.j2").write_text("{% if slots.depth > 1 %}\nDEEP = True\n{% endif %}\n")
    (folder / "library" / "__init__.py.j2").write_text("")
    family = load_family(folder)
    assert "library/deep.py" not in _files(family, task)
    deeper = Renderer(family, task).render(idea("An idea", {**family.defaults, "depth": 2}))
    assert deeper["library/deep.py"] == "DEEP = True\n"
    assert deeper["library/__init__.py"] == ""


def test_words_do_not_change_the_hash_of_the_code(toy_family: Family, task: TaskView) -> None:
    first = _files(toy_family, task)
    renamed = Renderer(toy_family, task).render(idea("Another title", dict(toy_family.defaults)))
    deeper = Renderer(toy_family, task).render(idea("An idea", {**toy_family.defaults, "depth": 2}))
    assert tree_hash(first) == tree_hash(renamed) != tree_hash(deeper)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"main.py": "def broken(:\n"}, r"main\.py:1: "),
        ({"main.py": "from agent.engine.loop import Search\n"}, r"main\.py:1: a solution must run alone"),
        ({"library/loss.py": None}, r"library/loss\.py is missing"),
    ],
)
def test_faults_against_the_contract_are_named(
    toy_family: Family, task: TaskView, change: dict[str, str | None], fault: str
) -> None:
    files = {**_files(toy_family, task), **change}
    (found,) = check_repository({name: text for name, text in files.items() if text is not None})
    assert __import__("re").search(fault, found)


def test_lineage_keeps_files_and_shows_differences(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "git", epoch=1_700_000_000)
    first = lineage.commit({"main.py": "a = 1\n", "library/x.py": "x\n", "idea.json": "1"}, [], "one", 1)
    second = lineage.commit(
        {"main.py": "a = 2\n", "library/x.py": "x\n", "idea.json": "2"}, [first], "two", 2
    )
    assert lineage.read(second) == {"idea.json": "2", "library/x.py": "x\n", "main.py": "a = 2\n"}
    diff = lineage.diff(first, second)
    assert "-a = 1\n+a = 2\n" in diff
    assert "idea.json" not in diff
    assert "+a = 1" in lineage.diff(None, first)
    again = Lineage(tmp_path / "git", epoch=1_700_000_000)
    files = {"main.py": "a = 2\n", "library/x.py": "x\n", "idea.json": "2"}
    assert again.commit(files, [first], "two", 2) == second, "equal content, equal commit"
