"""Exported repositories, run as their recipients run them."""

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.competition.evaluation import write_test_submission
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.record.opened_run import Run
from agent.record.state import Node
from agent.solution.export import export
from tests.support.finished_runs import blending_home, search


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    main = home.families / "toy" / "main.py.j2"
    main.write_text(main.read_text().replace('{"toy": "none"}', '{"toy": "file toy.pth"}'))
    home.weights.mkdir()
    (home.weights / "toy.pth").write_bytes(b"weights")
    (home.weights / "other.pth").write_bytes(b"not needed")
    return home, search(home)


def _export(searched: tuple[Home, Run], number: int, target: Path) -> Node:
    home, run = searched
    node = run.state.nodes[number]
    assert node.result is not None
    files = run.lineage.read(node.result.commit)
    export(run.id, run.state, node, files, run.prepared, home, target, dict.fromkeys(run.state.nodes, 25.0))
    return node


def _run(folder: Path, script: str, **environment: str) -> str:
    environment |= {"PATH": os.environ["PATH"]}
    command = [sys.executable, script]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("which", ["draft", "ensemble"])
def test_an_exported_repository_gives_its_recorded_score_elsewhere(
    searched: tuple[Home, Run], tmp_path: Path, which: str
) -> None:
    nodes = searched[1].state.nodes
    number = 1 if which == "draft" else max(nodes)
    assert nodes[number].operator == which
    node = _export(searched, number, tmp_path / "exported")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "exported", elsewhere)

    printed = _run(elsewhere, "main.py", MARS_SEED="0")
    assert f"Final Validation Metric: {node.metric!r}" in printed
    _run(elsewhere, "finish.py")
    prepared = searched[1].prepared
    write_test_submission(prepared, elsewhere / "submission" / "submission.csv", tmp_path / "expected.csv")
    assert (elsewhere / "submission.csv").read_text().split() == (
        tmp_path / "expected.csv"
    ).read_text().split()

    readme = (elsewhere / "README.md").read_text()
    assert readme.startswith(f"# {node.idea.title}")
    assert f"accuracy {node.metric}" in readme
    limit = 25 if which == "draft" else math.ceil(len(node.parents) * 25 / 0.9)
    assert f"MARS_TIME_LIMIT_S={limit} " in readme
    members = [f"members/{nodes[parent].name}/" for parent in node.parents] if which == "ensemble" else [""]
    weights = sorted(str(file.relative_to(elsewhere)) for file in elsewhere.rglob("*.pth"))
    assert weights == sorted(f"{member}weights/toy.pth" for member in members)


def test_an_export_holds_no_answers_and_exact_versions(searched: tuple[Home, Run], tmp_path: Path) -> None:
    _export(searched, max(searched[1].state.nodes), tmp_path / "out")
    assert re.search(r"^numpy==\d+\.\d+", (tmp_path / "out" / "requirements.lock").read_text(), re.M)
    rows = searched[1].prepared.rows
    names = (tmp_path / "out" / "ids.csv").read_text().splitlines()
    assert len(names) == rows.test + 1
    assert "label" not in (tmp_path / "out" / "metadata" / "test.csv").read_text().splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_non_empty_folder_is_refused_and_stays(searched: tuple[Home, Run], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(SetupError, match="is not empty"):
        _export(searched, 1, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(SetupError, match="is not empty"):
        _export(searched, 1, tmp_path / "mine")
    empty = tmp_path / "empty"
    empty.mkdir()
    _export(searched, 1, empty)
    assert (empty / "main.py").is_file()


def test_media_are_linked_unless_a_copy_is_asked_for(searched: tuple[Home, Run], tmp_path: Path) -> None:
    home, run = searched
    root = tmp_path / "prepared"
    shutil.copytree(run.prepared.root, root)
    (root / "public" / "input" / "media").mkdir(parents=True)
    (root / "public" / "input" / "media" / "r1.png").write_bytes(b"picture")
    prepared = run.prepared.model_copy(update={"root": root})
    node = run.state.nodes[1]
    for copy in (False, True):
        target = tmp_path / f"out-{copy}"
        export(run.id, run.state, node, {"README.md": ""}, prepared, home, target, {1: 25.0}, copy_input=copy)
        assert (target / "input" / "media" / "r1.png").read_bytes() == b"picture"
        assert (target / "input").is_symlink() is not copy
        assert ("elsewhere put a copy" in (target / "README.md").read_text()) is not copy
