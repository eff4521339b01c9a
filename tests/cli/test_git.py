"""Histories for people through the command line: git exports, git sources, former solutions."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.commands import app
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.session import open_run
from agent.record.state import Node
from agent.solution.card import load_card
from tests.cli.commands import mars

RUN = ("run", "--competition", "toy", "--minutes", "1", "--json")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def started(*options: str) -> str:
    return str(json.loads(mars(*RUN, *options).stdout)["run_id"])


def test_a_tag_of_an_export_starts_a_run_with_the_same_files(home: Home, tmp_path: Path) -> None:
    run = open_run(started("--max-nodes", "6"), home)
    best = json.loads(mars("solutions", "toy", "--json").stdout)
    folder = tmp_path / "out"
    done = mars("export", run.id, str(folder), "--git")
    assert "git push URL main --tags refs/notes/commits" in done.stdout
    node = run.state.nodes[best["node"]]
    (tag,) = git(folder, "tag").split()
    assert tag == f"kept-{best['kept_at'][:10]}-{node.name}"
    lineage = [*reversed(run.state.ancestors(node)), node]
    assert len(git(folder, "rev-list", "main").split()) == len(lineage) + 1
    assert git(folder, "status", "--porcelain") == ""

    again = open_run(started("--max-nodes", "1", "--from", f"{folder}@{tag}"), home)
    files = run.lineage.read(node.commit)
    assert again.lineage.read(again.state.nodes[1].commit) == files
    imported = again.state.run.imported
    assert imported is not None
    assert imported.source is not None
    assert imported.source.commit == git(folder, "rev-parse", tag)
    shown = re.sub(r"\s+", "", mars("show", again.id, "1").stdout)
    assert f"importedfrom{folder}@{tag},commit{imported.source.commit[:12]}" in shown

    head = open_run(started("--max-nodes", "1", "--from", folder.as_uri()), home)
    started_from = head.lineage.read(head.state.nodes[1].commit)
    assert {name for name in files if started_from[name] != files[name]} == {"README.md"}
    assert set(started_from) == set(files), "what the export added is not part of the solution"


def test_each_revision_of_an_export_is_the_recorded_code(home: Home, tmp_path: Path) -> None:
    run = open_run(started("--max-nodes", "8"), home)

    def depth(node: Node) -> int:
        return len(run.state.ancestors(node))

    node = max(run.state.nodes.values(), key=depth)
    assert depth(node) >= 1
    folder = tmp_path / "out"
    mars("export", run.id, str(node.id), str(folder), "--git")
    commits = git(folder, "rev-list", "--reverse", "main").split()[:-1]
    assert len(commits) == depth(node) + 1
    for commit in commits:
        note = json.loads(git(folder, "notes", "show", commit))
        recorded = run.lineage.blobs(run.state.nodes[note["node"]].commit)
        listed = git(folder, "ls-tree", "-r", "--format=%(path) %(objectname)", commit).splitlines()
        assert dict(line.split() for line in listed if line.split()[0] != ".gitignore") == recorded


def test_a_card_names_the_git_revision_that_its_lineage_starts_from(home: Home, tmp_path: Path) -> None:
    plain = ("--set", "kind=plain")  # a crossed draft would be better than what is imported
    run = started("--max-nodes", "1", *plain)
    folder = tmp_path / "out"
    mars("export", run, "1", str(folder), "--git")
    mars("solutions", "toy")
    (home.solutions / "toy").rename(tmp_path / "former")
    started("--max-nodes", "3", "--from", f"{folder}@main~1", *plain)
    card = load_card(home.solutions / "toy")
    assert card is not None
    assert card.imported_from is not None
    assert card.imported_from.commit == git(folder, "rev-parse", "main~1")
    assert f"| imported from | {folder}@main~1, commit" in (home.solutions / "toy" / "README.md").read_text()


def test_a_source_that_cannot_be_read_leaves_no_run(home: Home, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    git(tmp_path / "own", "init", "--quiet")
    for source, said in (
        (f"{tmp_path}/own@v1", "the repository has no commit"),
        ("http://example.org/a", "the protocol http is not allowed"),
        ("https://example.org/a", "--offline uses no network"),
    ):
        assert said in mars(*RUN, "--offline", "--from", source, code=2).stderr
    assert "toy-" not in mars("runs").stdout


def test_git_and_inference_exclude_each_other(home: Home, tmp_path: Path) -> None:
    started("--max-nodes", "1")
    done = mars("export", "latest", str(tmp_path / "out"), "--git", "--inference", code=2)
    assert "use one of them" in done.stderr
    assert not (tmp_path / "out").exists()


def test_former_solutions_are_listed_and_restored(home: Home) -> None:
    run = started("--max-nodes", "1", "--set", "kind=plain", "--data", "full")
    better = started("--max-nodes", "4", "--set", "kind=crossed")
    listed = json.loads(mars("solutions", "toy", "--history", "--json").stdout)
    assert [(one["number"], one["run"], one["kept"]) for one in listed] == [
        (1, run, False),
        (2, better, True),
    ]
    text = mars("solutions", "toy", "--history").stdout
    assert re.search(rf"2\* +2\d\d\d-\d\d-\d\d +{better}/\d+ +full +0\.\d+ +0\.\d+", text), text
    assert "Solution 1 of toy (full data, accuracy" in mars("solutions", "toy", "--restore", "1").stdout
    assert json.loads(mars("solutions", "toy", "--json").stdout)["run"] == run
    assert "no kept solution of this number; it has 1, 2" in mars(
        "solutions", "toy", "--restore", "5", code=2
    ).stderr.replace("\n", " ")


def test_options_of_solutions_need_a_name_and_exclude_each_other(home: Home) -> None:
    for options in (["--history"], ["--restore", "1"], ["--leaderboard", "0.5"]):
        assert f"{options[0]} needs the name" in mars("solutions", *options, code=2).stderr
    assert "use one of them" in mars("solutions", "toy", "--history", "--restore", "1", code=2).stderr
    assert "was ever kept" in mars("solutions", "toy", "--history", code=2).stderr
    assert not (home.solutions / ".history").exists()


@pytest.mark.parametrize("name", ["../solutions/toy", "a**b", "", "a" * 5000, ".history"])
@pytest.mark.parametrize("options", [(), ("--history",), ("--restore", "1"), ("--leaderboard", "0.5")])
def test_a_name_that_no_competition_has_is_refused(home: Home, name: str, options: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["solutions", name, *options])
    assert isinstance(done.exception, SetupError)
    assert "is not the name of a competition" in str(done.exception)
