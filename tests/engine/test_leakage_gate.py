"""Leakage gate on real executions: candidates that leak validation labels, and honest ones."""

import json
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.events import NodeResult
from agent.record.opened_run import Run
from tests.cli.commands import mars
from tests.engine.test_edited_runs import SCRIPT
from tests.support.finished_runs import carried_out, search

# With so few labelled rows there are no audit rows, so only the probe can detect a leak.
_ROWS = 600
_PREDICT = "    labels = predict(validation)\n"
_NEAREST = '''

def nearest(rows: list[dict[str, str]], among: list[dict[str, str]]) -> dict[str, str]:
    """The label of the row with the nearest x."""
    known = [(float(row["x"]), row["label"]) for row in among]
    return {
        row["id"]: min(known, key=lambda one: abs(one[0] - float(row["x"])))[1] for row in rows
    }


def read('''
_THRESHOLD = """    rows = validation
    cuts = [step / 50 for step in range(-100, 101)]
    cut = max(cuts, key=lambda at: sum((float(r["x"]) > at) == (r["label"] == "1") for r in rows))
    labels = {row["id"]: str(int(float(row["x"]) > cut)) for row in validation}
"""
_STOPPED = """    train = read("train")
    tried = [nearest(validation, train[: 50 * step]) for step in range(1, 9)]
    labels = max(tried, key=lambda one: sum(one[row["id"]] == row["label"] for row in validation))
"""
HONEST = {
    "learns from training rows": '    labels = nearest(validation, read("train"))\n',
    "tunes a threshold": _THRESHOLD,
    "stops early": _STOPPED,
}
LEAKY = {
    "learns from validation rows": '    labels = nearest(validation, read("train") + read("val"))\n',
    "reads labels": """    labels = predict(validation)
    labels |= {row["id"]: row["label"] for row in validation[::2]}
""",
    "takes the target for an input": """    train = [{**row, "x": row["label"]} for row in read("train")]
    labels = nearest([{**row, "x": row["label"]} for row in validation], train)
""",
}


@pytest.fixture
def small(home: Home) -> Home:
    """The toy with so few rows that only validation rows score a candidate."""
    script = home.root / "benchmarks" / "toy" / "make_data.py"
    code = script.read_text()
    fewer = code.replace("2000", str(_ROWS)).replace("range(2100)", f"range({_ROWS + 100})")
    assert fewer != code
    script.write_text(fewer)
    return home


def _own(home: Home, folder: Path, predicts: str) -> Path:
    """Return a user's repository: the rendered toy with other code for the labels."""
    plain = search(home, max_nodes=1)
    result = _result(plain, 1)
    for name, text in plain.lineage.read(result.commit).items():
        if name == "main.py":
            assert _PREDICT in text
            text = text.replace(_PREDICT, predicts).replace("\n\ndef read(", _NEAREST, 1)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def _result(run: Run, number: int) -> NodeResult:
    result = run.state.nodes[number].result
    assert result is not None
    return result


@pytest.mark.parametrize("what", LEAKY)
def test_predictions_that_follow_the_answers_are_suspect(small: Home, tmp_path: Path, what: str) -> None:
    run = search(small, imported=_own(small, tmp_path / "own", LEAKY[what]), max_nodes=1)
    result = _result(run, 1)
    assert result.audit_metric is None
    assert result.status == "suspect", result
    assert result.reason.startswith("The predictions follow the validation answers: ")
    assert result.probe is not None
    assert result.probe.verdict == "follows"
    assert run.state.best is None
    assert run.state.finished is not None
    assert run.state.finished.chosen is None


@pytest.mark.parametrize("what", HONEST)
def test_honest_code_that_looks_at_validation_rows_passes(small: Home, tmp_path: Path, what: str) -> None:
    run = search(small, imported=_own(small, tmp_path / "own", HONEST[what]), max_nodes=1)
    result = _result(run, 1)
    assert (result.status, result.reason) == ("valid", "")
    assert result.probe is not None
    assert result.probe.verdict == "passed"
    assert result.probe.seconds > 0
    assert run.state.best is run.state.nodes[1]


@pytest.mark.slow
def test_the_user_sees_the_probe(small: Home, tmp_path: Path) -> None:
    own = _own(small, tmp_path / "own", HONEST["tunes a threshold"])
    for cold in ((), ("--cold",)):
        mars("run", "--competition", "toy", "--from", str(own), "--minutes", "1", "--max-nodes", "1", *cold)
        shown = " ".join(mars("show", "latest", "1").stdout.split())
        assert (
            "label permutation test passed: The predictions do not follow the validation answers: they score"
            in shown
        )
    (card,) = (small.root / "solutions").glob("toy/card.json")
    assert json.loads(card.read_text())["probe"]["verdict"] == "passed"
    assert (
        "| label permutation test (validation answers shuffled) | passed: The predictions do not"
        in (card.parent / "README.md").read_text()
    )
    leaky = _own(small, tmp_path / "leaky", LEAKY["reads labels"])
    run = (
        "run",
        "--competition",
        "toy",
        "--from",
        str(leaky),
        "--minutes",
        "1",
        "--max-nodes",
        "1",
        "--cold",
    )
    mars(*run, code=1)
    assert "label permutation test failed: The predictions follow" in " ".join(
        mars("show", "latest", "1").stdout.split()
    )
    left = [path.name for path in (small.root / "workspaces").glob("*/nodes/*")]
    assert left
    assert not [name for name in left if "probe" in name]


def test_only_code_of_its_own_that_would_lead_is_probed(home: Home) -> None:
    """The script has edited and rendered nodes, and nodes that fail."""
    run = carried_out(home, *SCRIPT)
    best: float | None = None
    for node in run.state.nodes.values():
        result = _result(run, node.id)
        leads = result.metric is not None and (best is None or result.metric > best)
        own = not run.state.is_rendered(node) and node.operator != "ensemble"
        assert (result.probe is not None) == (result.status == "valid" and leads and own), node.name
        best = result.metric if leads else best
    assert sum(_result(run, number).probe is not None for number in run.state.nodes) >= 2


def test_a_failed_probe_has_no_verdict(small: Home, tmp_path: Path) -> None:
    fails = """    labels = predict(validation)
    if sum(labels[row["id"]] == row["label"] for row in validation) < 0.6 * len(validation):
        raise RuntimeError("secret cell")
"""
    run = search(small, imported=_own(small, tmp_path / "own", fails), max_nodes=1)
    result = _result(run, 1)
    assert result.status == "valid"
    assert result.probe is not None
    assert (result.probe.verdict, "RuntimeError" in result.probe.reason) == ("none", True)
    assert "secret" not in result.probe.reason


def test_a_read_outside_the_workspace_is_a_fault(small: Home, tmp_path: Path) -> None:
    reads = '    labels = predict(validation)\n    open("../../private/val.csv")\n'
    run = search(small, imported=_own(small, tmp_path / "own", reads), max_nodes=1)
    result = _result(run, 1)
    assert (result.status, result.seconds) == ("failed", 0.0)
    assert "reads '../../private/val.csv'; a solution may read only input/" in result.reason


def test_a_passed_probe_refutes_a_leakage_finding(small: Home, tmp_path: Path) -> None:
    """Joining rows only to count them is a finding; without a blueprint all the code is checked."""
    counts = '    known = len(read("train") + read("val"))\n    print(known)\n'
    own = _own(small, tmp_path / "own", counts + HONEST["tunes a threshold"])
    (own / "idea.json").unlink()
    run = search(small, imported=own, max_nodes=1)
    result = _result(run, 1)
    assert result.status == "valid"
    assert [doubt.partition(": ")[2] for doubt in result.leakage_findings] == [
        "validation rows are joined to training rows."
    ]
    assert result.probe is not None
    assert result.probe.verdict == "passed"


def test_a_leakage_finding_without_a_probe_makes_suspect(small: Home, tmp_path: Path) -> None:
    slow = '    known = len(read("train") + read("val"))\n    time.sleep(6.0 + 0 * known)\n'
    own = _own(small, tmp_path / "own", slow + HONEST["tunes a threshold"])
    result = _result(search(small, imported=own, max_nodes=1, minutes=20 / 60, node_minutes=17 / 60), 1)
    assert result.status == "suspect"
    assert result.reason.endswith("No probe could refute this: No time was left for the probe.")


def test_without_time_nothing_is_probed(small: Home, tmp_path: Path) -> None:
    slow = "    time.sleep(6.0)\n" + HONEST["tunes a threshold"]
    own = _own(small, tmp_path / "own", slow)
    run = search(small, imported=own, max_nodes=1, minutes=20 / 60, node_minutes=17 / 60)
    result = _result(run, 1)
    assert result.status == "valid"
    assert result.probe is not None
    assert (result.probe.verdict, result.probe.seconds) == ("none", 0.0)
