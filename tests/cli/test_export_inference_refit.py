"""`mars export --inference` of a run with a kept refit exports the refitted model."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.engine.trials.execution import TIME_HINT_SHARE
from agent.record.opened_run import Run
from agent.record.state import Node
from agent.reproduce.execution import recorded_refit_limit
from tests.cli.commands import mars
from tests.support.finished_runs import complementary_home, search

Searched = tuple[Home, Run]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """Return a run of one node whose refit also writes its seed and its time limit."""
    home = complementary_home(tmp_path_factory.mktemp("single"))
    main = home.families / "toy" / "main.py.j2"
    code, kept = main.read_text(), 'json.dumps({"quality": quality})'
    told = '"told": [os.environ[name] for name in ("MARS_SEED", "MARS_TIME_LIMIT_S", "OMP_NUM_THREADS")]'
    assert kept in code
    main.write_text(code.replace(kept, f'json.dumps({{"quality": quality, {told}}})'))
    return home, search(home, max_nodes=1, refit=True, seed=5)


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """Return a run that kept the refit of its ensemble."""
    home = complementary_home(tmp_path_factory.mktemp("blended"))
    return home, search(home, refit=True)


def refitted(run: Run) -> Node:
    """Return the refitted node that the run kept."""
    node = run.state.nodes[run.state.finished.chosen or 0] if run.state.finished else None
    assert node is not None
    assert node.refit_kept
    return node


def export(searched: Searched, *arguments: str, code: int = 0) -> str:
    """Run the command and return its output on one line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARS_HOME", str(searched[0].root))
        done = mars("export", searched[1].id, *arguments, "--inference", code=code)
    return " ".join((done.stdout + done.stderr).split())


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return sorted(csv.reader(stream))


def submission(folder: Path) -> list[list[str]]:
    return rows(folder / "submission" / "submission.csv")


def of_rows(folder: Path, some: list[list[str]]) -> list[list[str]]:
    """Return the rows of a submission that has the ids of `some`; a refit predicts test rows only."""
    ids = {row[0] for row in some}
    return [row for row in submission(folder) if row[0] in ids]


def copied(searched: Searched, root: Path) -> Searched:
    """Return a copy of the home that a test may damage."""
    home = Home(shutil.copytree(searched[0].root, root / "home", symlinks=True))
    return home, searched[1]


@pytest.mark.parametrize("which", ["single", "blended"])
def test_what_the_refit_learned_predicts_elsewhere_what_the_run_kept(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    searched: Searched = request.getfixturevalue(which)
    run = searched[1]
    node = refitted(run)
    assert (node.operator == "ensemble") == (which == "blended")
    before = {path.name for path in run.folder.iterdir()}
    said = export(searched, str(tmp_path / "out"))
    equal = f"all {run.prepared.rows.test} rows are equal"
    assert f"Node {node.name} was refitted again" in said
    assert said.count(equal) == 2
    assert f"The refit of node {node.name}" in said
    assert {path.name for path in run.folder.iterdir()} == before, "what the execution needed is gone"

    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "out", elsewhere)
    labelled = {
        row[0]
        for part in ("train", "val")
        for row in rows(run.prepared.metadata / f"{part}.csv")
        if row[0] != "id"
    }
    for file in elsewhere.rglob("*"):
        if file.is_file():
            assert labelled.isdisjoint(re.split(r"[\s,]+", file.read_text(encoding="utf-8"))), file

    environment = {"PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "main.py", "--predict"], cwd=elsewhere, env=environment, check=True)
    kept = submission(run.nodes / f"{node.name}-refit")
    assert len(kept) == run.prepared.rows.test + 1
    assert of_rows(elsewhere, kept) == kept
    assert of_rows(run.nodes / node.name, kept) != kept, "that of the node's own run"
    readme = " ".join((elsewhere / "README.md").read_text().split())
    assert "It holds the node's **refit**" in readme
    assert "**own run** learned" not in readme
    assert node.refit is not None
    assert (node.refit.on_audit_rows, node.refit.audit_metric) == (True, None)
    assert "The refit was trained on all labelled rows, with the decisions of the node's own run." in readme
    assert "on audit rows" not in readme
    assert readme.count(equal) == 2


def test_only_members_with_a_say_are_kept_and_theirs_is_what_they_learned_anew(
    blended: Searched, tmp_path: Path
) -> None:
    _, run = blended
    export(blended, str(tmp_path / "out"))
    frozen = json.loads((run.nodes / refitted(run).name / "working" / "frozen.json").read_text())
    decisions = json.loads((tmp_path / "out" / "working" / "model" / "decisions.json").read_text())
    assert decisions["weights"] == frozen["weights"]
    kept = {file.parent.parent.parent.name: file for file in tmp_path.glob("out/members/*/working/model/*")}
    assert set(kept) == {member for member, weight in frozen["weights"].items() if weight > 0}
    for member, file in kept.items():
        own = json.loads((run.nodes / member / "working" / "frozen.json").read_text())["quality"]
        assert json.loads(file.read_text())["quality"] == pytest.approx(own + (1 - own) / 2)


def test_seed_threads_and_time_are_those_of_the_refit(single: Searched, tmp_path: Path) -> None:
    run = single[1]
    export(single, str(tmp_path / "out"))
    decisions = json.loads((tmp_path / "out" / "working" / "model" / "decisions.json").read_text())
    seed, limit_s, threads = decisions["told"]
    assert (int(seed), int(threads)) == (run.state.run.seed, run.state.run.threads)
    recorded = recorded_refit_limit(run.journal.events(), run.metric.higher_is_better, refitted(run).id)
    assert float(limit_s) == pytest.approx(TIME_HINT_SHARE * recorded, abs=0.001), "told in milliseconds"


def test_a_node_that_was_not_refitted_is_exported_as_it_was(blended: Searched, tmp_path: Path) -> None:
    said = export(blended, "1", str(tmp_path / "out"))
    assert "Node 001 scored accuracy" in said
    assert "refit" not in said.replace(str(tmp_path), "")
    assert "It holds what the node's **own run** learned" in (tmp_path / "out" / "README.md").read_text()


def test_a_refit_that_was_not_kept_is_not_exported(tmp_path: Path) -> None:
    home = complementary_home(tmp_path / "home")
    main = home.families / "toy" / "main.py.j2"
    code, better = main.read_text(), 'predict(read("test"), (1 - quality) / 2)'
    assert better in code
    main.write_text(code.replace(better, 'predict(read("test"), -2)'))
    run = search(home, max_nodes=1, refit=True)
    assert run.state.nodes[1].refit is not None
    assert run.state.nodes[1].refit.status == "worse"
    said = export((home, run), str(tmp_path / "out"))
    assert "Node 001 scored accuracy" in said
    assert "**own run**" in (tmp_path / "out" / "README.md").read_text()


def test_a_refit_that_is_not_reproduced_is_said(single: Searched, tmp_path: Path) -> None:
    home, run = copied(single, tmp_path)
    kept = home.workspaces / run.id / "nodes" / "001-refit" / "submission" / "submission.csv"
    header, first, *others = kept.read_text().splitlines()
    name, label = first.split(",")
    kept.write_text("\n".join([header, f"{name},{1 - int(label)}", *others]) + "\n")
    said = export((home, run), str(tmp_path / "out"))
    differs = f"1 of {run.prepared.rows.test} rows differ"
    assert f"against those of that execution: all {1 + len(others)} rows are equal" in said
    assert f"Against the refit's submission that the run kept: {differs}" in said
    assert differs in (tmp_path / "out" / "README.md").read_text()


def test_a_kept_submission_that_is_gone_or_damaged_is_said(single: Searched, tmp_path: Path) -> None:
    home, run = copied(single, tmp_path)
    kept = home.workspaces / run.id / "nodes" / "001-refit" / "submission" / "submission.csv"
    kept.write_text("id,label\n")
    refused = export((home, run), str(tmp_path / "out"), code=2)
    assert "the file has changed since the run; remove it to export without this comparison" in refused
    kept.unlink()
    said = export((home, run), str(tmp_path / "out"))
    assert said.count("rows are equal") == 1
    assert "The run has lost the refit's submission" in said


@pytest.mark.parametrize(
    ("instead", "reason"),
    [("pass", "it wrote no working/model."), ("sys.exit(int('--save' in sys.argv))", "exit code 1")],
)
def test_a_refit_that_keeps_nothing_is_an_error_in_one_sentence(
    instead: str, reason: str, tmp_path: Path
) -> None:
    home = complementary_home(tmp_path / "home")
    main = home.families / "toy" / "main.py.j2"
    code, saving = main.read_text(), "    save(QUALITY + (1 - quality) / 2)"
    assert saving in code
    main.write_text(code.replace(saving, f"    {instead}"))
    run = search(home, max_nodes=1, refit=True)
    failed = export((home, run), str(tmp_path / "out"), code=1)
    assert "Node 001, executed again with --refit --save, failed: " in failed
    assert reason in failed
    assert "Traceback" not in failed
    assert not (tmp_path / "out").exists()


def test_choices_that_are_gone_are_named_before_anything_is_executed(
    blended: Searched, tmp_path: Path
) -> None:
    home, run = copied(blended, tmp_path)
    member = f"{refitted(run).parents[1]:03d}"
    (home.workspaces / run.id / "nodes" / member / "working" / "frozen.json").unlink()
    (media,) = (home.workspaces / "_prepared").rglob("public/input")
    shutil.rmtree(media)  # an execution would fail for lack of it
    refused = export((home, run), str(tmp_path / "out"), code=2)
    assert f"nodes/{member}/working/frozen.json: the file is gone" in refused
    assert "omit --inference" in refused
    assert not (tmp_path / "out").exists()
