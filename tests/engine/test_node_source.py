"""Sources of nodes, built from the state of a run."""

import pytest

from agent.engine.node_source import node_source, parent_commits
from agent.record.events import FixProposed, ImportedRepository, ModuleWritten, NodeResult
from agent.repository.edits import Edit
from agent.repository.idea import Fix, ModulePlan, WrittenModule
from tests.support.states import add, idea, propose, started

EDIT = Edit(file="main.py", find="1 / 0", replace="1 / 2")
PLAN = (ModulePlan(file="main.py", purpose="Runs.", names=()),)


def _reads_nothing(commit: str) -> dict[str, str]:
    pytest.fail(f"{commit} is not a member's")


def test_a_draft_has_no_parent_and_a_child_has_its_parents_revision() -> None:
    state = started()
    draft = add(state, None, 0.5)
    child = propose(state, draft)
    assert node_source(state, state.nodes[draft], _reads_nothing).parent is None
    parent = node_source(state, state.nodes[child], _reads_nothing).parent
    assert parent is not None
    assert (parent.commit, parent.idea, parent.is_rendered) == (
        state.nodes[draft].commit,
        state.nodes[draft].idea,
        True,
    )
    assert parent_commits(state, state.nodes[child]) == [state.nodes[draft].commit]


def test_code_below_edits_is_not_rendered() -> None:
    state = started()
    draft = propose(state, None, what=idea("edited", edits=(EDIT,)))
    state.nodes[draft].result = NodeResult(status="valid", commit="c" * 40, seconds=1.0, metric=0.5)
    child = propose(state, draft)
    parent = node_source(state, state.nodes[child], _reads_nothing).parent
    assert parent is not None
    assert not parent.is_rendered


def test_fixes_know_how_many_modules_were_written_before_them() -> None:
    state = started()
    number = propose(state, None, what=idea("written", plan=PLAN).model_copy(update={"blueprint": None}))
    module = WrittenModule(file="main.py", code="1 / 0\n")
    state.apply(ModuleWritten(elapsed_s=1.0, node=number, module=module))
    failed = NodeResult(status="failed", commit="f" * 40, seconds=1.0)
    fix = Fix(title="t", cause="c", edits=(EDIT,))
    state.apply(FixProposed(elapsed_s=2.0, node=number, failed=failed, fix=fix))
    source = node_source(state, state.nodes[number], _reads_nothing)
    assert (source.plan, source.modules) == (PLAN, (module,))
    assert [(one.edits, one.modules) for one in source.fixes] == [((EDIT,), 1)]
    assert parent_commits(state, state.nodes[number]) == ["f" * 40]


def test_the_plan_is_that_of_the_root() -> None:
    state = started()
    root = propose(state, None, what=idea("written", plan=PLAN).model_copy(update={"blueprint": None}))
    state.nodes[root].result = NodeResult(status="valid", commit="c" * 40, seconds=1.0, metric=0.5)
    child = propose(state, root, what=idea("edited", edits=(EDIT,)).model_copy(update={"blueprint": None}))
    assert node_source(state, state.nodes[child], _reads_nothing).plan == PLAN


def test_only_the_first_node_is_the_imported_repository() -> None:
    state = started(imported=ImportedRepository(commit="a" * 40, idea=idea()))
    first, second = add(state, None, 0.5), propose(state)
    assert node_source(state, state.nodes[first], _reads_nothing).imported == "a" * 40
    assert node_source(state, state.nodes[second], _reads_nothing).imported is None


def test_an_ensemble_follows_from_its_members_alone() -> None:
    state = started()
    members = [add(state, None, 0.5), add(state, None, 0.6)]
    number = propose(state, members[0], "ensemble")
    state.nodes[number].parents = tuple(members)
    source = node_source(state, state.nodes[number], lambda commit: {"main.py": commit})
    assert source.parent is None
    assert [(one.node, one.title, one.files) for one in source.members] == [
        (state.nodes[member].name, state.nodes[member].idea.title, {"main.py": state.nodes[member].commit})
        for member in members
    ]
