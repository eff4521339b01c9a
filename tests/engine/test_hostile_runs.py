"""Whole runs with the real executors, whose candidates leave what no candidate should."""

from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.opened_run import Run
from tests.support.finished_runs import search

pytestmark = pytest.mark.slow

_END = '    print("seed"'
_NESTED = """
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
"""
_REPORTS = r"""
    odd = {"weights": {"\ud800": "\udfff\0"}, "cache_seconds": float("inf")}
    Path("working/analysis.json").write_text(json.dumps(odd))
    os.mkdir(b"working/\xff")
    os.write(1, b"\xff\xfe\x00\x1b[2J\n")
"""
_CLOSED = """
    Path("working/frozen.json").unlink()
    os.symlink(ANSWERS, "working/frozen.json")
    os.chmod("working", 0)
    os.chmod(".", 0)
"""


def run_with(home: Home, code: str, *, cold: bool = False, **request: object) -> Run:
    main = home.families / "toy" / "main.py.j2"
    text = main.read_text()
    assert text.count(_END) == 1
    guarded = '    if "--smoke" not in sys.argv:\n' + "".join(
        f"    {line}\n" for line in code.strip("\n").split("\n")
    )
    main.write_text(text.replace(_END, f"{guarded}{_END}"))
    return search(home, cold=cold, max_nodes=2, **request)


@pytest.mark.parametrize("cold", [False, True])
def test_a_candidate_whose_files_cannot_be_cleaned_up_fails_and_the_run_ends(home: Home, cold: bool) -> None:
    run = run_with(home, _NESTED, cold=cold)
    assert run.state.finished is not None
    for node in run.state.nodes.values():
        assert node.result is not None
        assert node.status == "failed"
        assert "nested more than 100 deep" in node.result.reason


def test_odd_reports_and_output_change_nothing(home: Home) -> None:
    run = run_with(home, _REPORTS)
    assert [node.status for node in run.state.nodes.values()] == ["valid", "valid"]
    result = run.state.nodes[1].result
    assert result is not None
    assert result.facts == {"weights of ?": "??"}


@pytest.mark.parametrize("cold", [False, True])
def test_a_closed_workspace_brings_no_answers_into_the_refit(home: Home, tmp_path: Path, cold: bool) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text('{"quality": 1.0}')
    run = run_with(home, _CLOSED.replace("ANSWERS", repr(str(answers))), cold=cold, refit=True)
    assert run.state.finished is not None
    assert "frozen.json" in run.state.finished.no_refit
    assert not list(run.nodes.glob("*-refit"))
