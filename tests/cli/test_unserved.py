"""A competition that no family serves: messages, and the execution of an imported repository."""

import json
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.opened_run import open_run
from tests.cli.commands import mars
from tests.scripted.signals_script import FOLDER, signals_script


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_run_says_that_no_family_serves_it_and_what_to_do(home: Home) -> None:
    said = _one_line(mars("run", "--competition", "signals", code=2).stderr)
    assert "signals: no family serves classification on signal columns (families: " in said
    assert "Let a language model write the code (--planner llm; the small local model cannot do this)" in said
    assert "or start from your own repository (--from DIR)." in said
    assert not home.workspaces.exists() or not list(home.workspaces.glob("signals-*")), "no run was begun"


def test_init_says_so_instead_of_a_command_that_would_fail(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    cell = " ".join(["0.5", "-1", "2"] * 5)
    (folder / "train.csv").write_text(
        "id,trace,kind\n" + "".join(f"r{n},{n} {cell},{n % 2}\n" for n in range(40))
    )
    (folder / "test.csv").write_text("id,trace\n" + "".join(f"t{n},{n} {cell}\n" for n in range(20)))
    said = _one_line(mars("init", str(folder)).stdout)
    assert "inputs.trace: signal (16 numbers per row, separated by blanks)" in said
    assert "mine: no family serves classification on signal columns" in said
    assert "Then: mars run" not in said


def test_init_names_inputs_that_a_family_does_not_read(home: Home, tmp_path: Path) -> None:
    cell = " ".join(["0.5", "-1", "2"] * 5)
    (tmp_path / "train.csv").write_text(
        "id,trace,size,kind\n" + "".join(f"r{n},{n} {cell},{n * 7 % 11},{n % 2}\n" for n in range(40))
    )
    (tmp_path / "test.csv").write_text(
        "id,trace,size\n" + "".join(f"t{n},{n} {cell},{n * 5 % 13}\n" for n in range(20))
    )
    said = _one_line(mars("init", str(tmp_path)).stdout)
    assert (
        "Families that can run this competition: tabular. Note: tabular does not read 'trace' (signal)."
        in said
    )


@pytest.mark.slow
def test_a_given_repository_is_executed_and_the_run_ends_with_it(home: Home, tmp_path: Path) -> None:
    given = ["run", "--competition", "signals", "--from", str(FOLDER / "repository"), "--minutes", "1"]
    done = mars(*given, "--json")
    summary = json.loads(done.stdout)
    assert (summary["nodes"], summary["valid_nodes"]) == (1, 1)
    assert summary["best"]["val"] > 0.75
    assert "No family serves signals, so only the imported repository is tried." in _one_line(done.stderr)
    run = open_run(summary["run_id"], home)
    files = run.lineage.read(run.state.nodes[1].commit)
    assert all(files[module.name] == module.code for module in signals_script().modules)

    again = json.loads(mars("resume", "latest", "--minutes", "2", "--json").stdout)
    assert (again["run_id"], again["nodes"]) == (summary["run_id"], 1)
    # The node, its probe, its refit and, twice, the end of the run.
    assert "5 of 5 decisions are equal to the recorded ones" in _one_line(mars("replay", "latest").stdout)


@pytest.mark.parametrize("wish", [("--set", "depth=2"), ("--forbid", "deeper")])
def test_wishes_about_slots_are_refused_where_there_are_none(home: Home, wish: tuple[str, str]) -> None:
    done = mars("run", "--competition", "signals", "--from", str(FOLDER / "repository"), *wish, code=2)
    assert "no family serves signals; omit them" in _one_line(done.stderr)
