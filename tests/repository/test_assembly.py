"""Files of single ideas: every part of a node's source, alone and in its order. Runs: tests/engine."""

from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.repository.assembly import Assembler, FixSource, NodeSource, ParentSource
from agent.repository.edits import Edit
from agent.repository.ensemble_code import MemberSource
from agent.repository.family import Family
from agent.repository.idea import Idea, ModulePlan, WrittenModule
from agent.repository.lineage import Lineage
from agent.repository.rendering import Renderer, RenderError, TaskView
from tests.support.states import idea

CODE = {"main.py": "print(1 / 3)\n", "README.md": "A toy.\n", "requirements.txt": "", "idea.json": "{}\n"}


@pytest.fixture
def lineage(tmp_path: Path) -> Lineage:
    return Lineage(tmp_path / "repository.git")


@pytest.fixture
def toy_task(toy_prepared: Prepared) -> TaskView:
    return TaskView.of(toy_prepared)


@pytest.fixture
def assembler(toy_task: TaskView, toy_family: Family, lineage: Lineage) -> Assembler:
    return Assembler(toy_task, {"toy": toy_family}, lineage)


def _replaced(find: str, replace: str, file: str = "main.py") -> tuple[Edit, ...]:
    return (Edit(file=file, find=find, replace=replace),)


def _toy(family: Family, **slots: object) -> Idea:
    return idea("A toy", {**family.defaults, **slots})  # type: ignore[dict-item]


def _without_blueprint(**more: object) -> Idea:
    return idea("By hand", **more).model_copy(update={"blueprint": None})


def test_a_draft_is_the_rendering_of_its_blueprint(
    assembler: Assembler, toy_task: TaskView, toy_family: Family
) -> None:
    what = _toy(toy_family)
    code = assembler.assemble(NodeSource(what))
    assert code.files == Renderer(toy_family, toy_task).render(what)
    assert code.faults == ()
    assert assembler.starting_code(NodeSource(what)) == code.files


def test_a_family_that_is_gone_is_named(assembler: Assembler, toy_family: Family) -> None:
    blueprint = _toy(toy_family).blueprint
    assert blueprint is not None
    other = blueprint.model_copy(update={"family": "gone"})
    with pytest.raises(RenderError, match="no family is called 'gone' here"):
        assembler.assemble(NodeSource(idea("A toy").model_copy(update={"blueprint": other})))


def test_a_change_of_slots_is_merged_into_edited_code_only(
    assembler: Assembler, lineage: Lineage, toy_family: Family
) -> None:
    before, after = _toy(toy_family, depth=1), _toy(toy_family, depth=2)
    rendered = assembler.render(before)
    edited = rendered | {"library/loss.py": rendered["library/loss.py"] + "MARK = 1\n"}
    commit = lineage.commit(edited, [], "edited", 1)
    source = NodeSource(after, ParentSource(commit, before, is_rendered=False))
    assert assembler.assemble(source).files == assembler.render(after) | {
        "library/loss.py": edited["library/loss.py"]
    }
    plain = assembler.assemble(NodeSource(after, ParentSource(commit, before, is_rendered=True)))
    assert plain.files == assembler.render(after)
    assert (
        assembler.starting_code(NodeSource(after, ParentSource(commit, before, is_rendered=False))) == edited
    )


def test_modules_and_fixes_come_in_their_order(assembler: Assembler) -> None:
    plan = (ModulePlan(file="library/a.py", purpose="A number.", names=(), uses=()),)
    written = WrittenModule(file="library/a.py", code="import numpy\nX = 1\n", test="assert True\n")
    fix = FixSource(_replaced("X = 1", "X = 2", "library/a.py"), modules=1)
    source = NodeSource(_without_blueprint(plan=plan), plan=plan, modules=(written,), fixes=(fix,))
    code = assembler.assemble(source)
    assert code.faults == ()
    assert code.files["library/a.py"] == "import numpy\nX = 2\n"
    assert code.files[written.test_file] == "assert True\n"
    assert code.files["requirements.txt"] == "numpy\n"
    early = NodeSource(source.idea, plan=plan, modules=(written,), fixes=(FixSource(fix.edits, modules=0),))
    assert assembler.assemble(early).faults, "the module did not exist when the fix was made"


def test_fixes_that_no_longer_apply_are_a_fault_not_a_crash(assembler: Assembler, lineage: Lineage) -> None:
    commit = lineage.commit_imported(CODE)
    fixes = (FixSource(_replaced("1 / 0", "1 / 2"), modules=0),)
    code = assembler.assemble(NodeSource(_without_blueprint(), imported=commit, fixes=fixes))
    assert code.files == CODE
    assert len(code.faults) == 1
    assert code.faults[0].startswith("An earlier fix cannot be made: Edit 1 of 1: main.py does not contain")


def test_an_imported_repository_is_its_commit_with_its_fixes(assembler: Assembler, lineage: Lineage) -> None:
    commit = lineage.commit_imported(CODE)
    fixes = (FixSource(_replaced("1 / 3", "1 / 4"), modules=0),)
    code = assembler.assemble(NodeSource(_without_blueprint(), imported=commit, fixes=fixes))
    assert code.files == CODE | {"main.py": "print(1 / 4)\n"}


def test_an_ensemble_holds_its_members_unchanged(assembler: Assembler) -> None:
    members = tuple(MemberSource(name, f"Idea {name}", CODE) for name in ("002", "005"))
    files = assembler.assemble(NodeSource(_without_blueprint(), members=members)).files
    for name in ("002", "005"):
        own = {file: text for file, text in files.items() if file.startswith(f"members/{name}/")}
        assert own == {f"members/{name}/{file}": text for file, text in CODE.items()}
    assert "library/blend.py" in files
