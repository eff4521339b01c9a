"""Checkout: what is committed is what lies in the workspace, and nothing of an earlier attempt."""

from pathlib import Path

import pytest

from agent.core.errors import InfrastructureError
from agent.engine.trials.checkout import Checkout
from agent.repository.leakage import Leakage
from tests.engine.trials.parts import CODE


def _files(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()
    }


def test_a_revision_is_committed_and_checked_out_without_leftovers(checkout: Checkout) -> None:
    leftover = checkout.workspace(3) / "working" / "old.npz"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("")
    trial = checkout.set_up(3, CODE, [], "draft: a toy")
    assert (trial.node, trial.workspace) == (3, checkout.nodes_root / "003")
    assert trial.faults == ()
    assert _files(trial.workspace) == checkout.lineage.read(trial.commit) == CODE


def test_faults_of_the_idea_come_before_those_of_the_contract_and_of_leaks(checkout: Checkout) -> None:
    broken = {name: text for name, text in CODE.items() if name != "README.md"}
    leaks = Leakage(faults=("It reads the labels.",), leakage_findings=("It may read labels.",))
    trial = checkout.set_up(1, broken, [], "m", ["An edit does not apply."], leaks)
    assert trial.faults == (
        "An edit does not apply.",
        "The file README.md is missing.",
        "It reads the labels.",
    )
    assert trial.idea_failed
    assert trial.leakage_findings == ("It may read labels.",)
    assert not checkout.set_up(1, broken, [], "m").idea_failed


def test_code_is_equal_whatever_the_readme_says(checkout: Checkout) -> None:
    first = checkout.set_up(1, CODE, [], "m")
    second = checkout.set_up(2, CODE | {"README.md": "Other words.\n"}, [], "m")
    third = checkout.set_up(3, CODE | {"main.py": "print(2)\n"}, [], "m")
    assert first.code == second.code != third.code


def test_a_recorded_revision_is_checked_out_again(checkout: Checkout) -> None:
    commit = checkout.set_up(1, CODE, [], "m").commit
    (checkout.workspace(1) / "main.py").write_text("changed")
    assert _files(checkout.set_up_recorded(1, commit).workspace) == CODE


def test_a_temporary_checkout_leaves_nothing_behind(checkout: Checkout) -> None:
    trial = checkout.set_up(1, CODE, [], "m")
    with checkout.temporary(trial, "-probe") as copy:
        assert copy.workspace == checkout.nodes_root / "001-probe"
        assert _files(copy.workspace) == CODE
    assert not copy.workspace.exists()
    assert trial.workspace.exists()


def test_a_refit_gets_the_frozen_choices_of_its_members(checkout: Checkout) -> None:
    commit = checkout.set_up(3, CODE, [], "m").commit
    for member in (1, 2):
        checkout.frozen_file(member).parent.mkdir(parents=True)
        checkout.frozen_file(member).write_text(f"choices of {member}")
    trial = checkout.set_up_refit(3, commit, [1, 2])
    assert trial.workspace == checkout.refit_workspace(3) == checkout.nodes_root / "003-refit"
    for member in (1, 2):
        frozen = trial.workspace / "members" / f"{member:03d}" / "working" / "frozen.json"
        assert frozen.read_text() == f"choices of {member}"
    checkout.frozen_file(2).unlink()
    with pytest.raises(InfrastructureError, match=r"002/working/frozen\.json: cannot be read"):
        checkout.set_up_refit(3, commit, [1, 2])


def test_a_workspace_that_cannot_be_written_is_the_machines_fault(checkout: Checkout) -> None:
    checkout.nodes_root.write_text("a file in place of the folder")
    with pytest.raises(InfrastructureError, match="cannot be written"):
        checkout.set_up(1, CODE, [], "m")
