"""Reading the files of nodes, which candidates wrote."""

import os
from pathlib import Path

import pytest

from agent.record.state import Node, RunState
from agent.report.node_files import RunFiles
from agent.repository.lineage import Lineage


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    workspace = tmp_path / "run" / "nodes" / "005"
    (workspace / ".mars").mkdir(parents=True)
    (workspace / "working").mkdir()
    texts = {"main.py": "pass\n", "idea.json": "{}", "members/003/idea.json": "{}"}
    return RunFiles(tmp_path / "run", lambda before, after: f"{before} -> {after}", lambda commit: texts)


@pytest.fixture
def node(state: RunState) -> Node:
    return state.nodes[5]


def test_reads_log_and_analysis(files: RunFiles, state: RunState, node: Node) -> None:
    (files.workspace(node) / ".mars" / "smoke.log").write_text("smoke")
    assert files.log(node) == "smoke"
    (files.workspace(node) / ".mars" / "run.log").write_text("full")
    (files.workspace(node) / "working" / "analysis.json").write_text('{"rows": 3, "share": NaN}')
    node_files = files.load(node)
    assert node_files.files == {"main.py": "pass\n"}
    assert node_files.log == "full"
    assert node_files.analysis["rows"] == 3


def test_compares_with_the_parent_and_a_draft_with_nothing(
    files: RunFiles, state: RunState, node: Node
) -> None:
    parent, draft = state.nodes[3].result, state.nodes[1].result
    assert parent
    assert draft
    assert node.result
    assert files.diff(state, node) == f"{parent.commit} -> {node.result.commit}"
    assert files.diff(state, state.nodes[1]) == f"None -> {draft.commit}"
    assert files.diff(state, state.nodes[13]) == "", "a running node has no commit yet"


def test_a_long_log_keeps_its_end(files: RunFiles, node: Node) -> None:
    (files.workspace(node) / ".mars" / "run.log").write_text("x" * 1_000_000 + "\nthe end")
    log = files.log(node)
    assert len(log) < 70_000
    assert log.startswith("[936,008 earlier bytes left out]")
    assert log.endswith("the end")


@pytest.mark.parametrize("content", ["", "[1, 2]", "{", "[" * 100_000, "\udcff"])
def test_a_damaged_analysis_counts_as_none(files: RunFiles, node: Node, content: str) -> None:
    file = files.workspace(node) / "working" / "analysis.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert files.analysis(node) == {}


def test_a_link_out_of_the_workspace_is_not_followed(files: RunFiles, node: Node, tmp_path: Path) -> None:
    (tmp_path / "private.json").write_text('{"answers": 1}')
    (files.workspace(node) / "working" / "analysis.json").symlink_to(tmp_path / "private.json")
    assert files.analysis(node) == {}


def test_a_pipe_does_not_block_and_missing_files_are_empty(files: RunFiles, node: Node) -> None:
    os.mkfifo(files.workspace(node) / ".mars" / "run.log")
    assert files.log(node) == ""
    assert files.analysis(node) == {}


def test_the_real_lineage_fits(tmp_path: Path, state: RunState) -> None:
    lineage = Lineage(tmp_path / "repository.git")
    first = lineage.commit({"main.py": "a = 1\n"}, [], "first", 3)
    second = lineage.commit({"main.py": "a = 2\n"}, [first], "second", 5)
    for node_id, commit in ((3, first), (5, second)):
        node = state.nodes[node_id]
        assert node.result
        node.result = node.result.model_copy(update={"commit": commit})
    files = RunFiles(tmp_path, lineage.diff, lineage.read)
    diff = files.diff(state, state.nodes[5])
    assert "-a = 1" in diff
    assert "+a = 2" in diff
    assert files.code(state.nodes[3]) == {"main.py": "a = 1\n"}
