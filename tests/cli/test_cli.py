"""The command line in separate processes, with real executions of toy candidates."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.events import RefitFinished
from agent.record.opened_run import open_run
from tests.cli.commands import MARS, mars
from tests.cli.obedient import SOUND
from tests.support.waiting import wait_until

LONG_RUN = 40  # nodes; long enough to interrupt, short enough to wait for


@pytest.fixture
def searched(home: Home) -> str:
    """Return the id of a short finished run."""
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "5", "--json")
    return str(json.loads(done.stdout)["run_id"])


def test_a_run_prints_one_json_object_and_keeps_a_solution_that_runs_alone(
    home: Home, tmp_path: Path
) -> None:
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "4", "--json", *SOUND)
    summary = json.loads(done.stdout)
    assert set(summary) == {
        "run_id", "competition", "data", "best", "nodes", "valid_nodes", "failed_smoke_runs", "end_reason",
        "ended", "seconds", "usd", "solution_path", "refit",
    }  # fmt: skip
    assert (summary["data"], summary["nodes"], summary["valid_nodes"]) == ("full", 4, 4)
    kept = Path(summary["solution_path"])
    card = json.loads((kept / "card.json").read_text())
    assert card["validation"] == summary["best"]["val"]
    expected = summary["best"]["expected"]
    assert expected["lower"] < expected["value"] == card["expected"] < expected["upper"]
    assert card["expected_interval"] == [expected["lower"], expected["upper"]]
    assert (kept / "submission.csv").read_text().startswith("id,label\nr2000,")

    alone = tmp_path / "alone"
    shutil.copytree(kept / "repository", alone)
    prepared = open_run(summary["run_id"], home).prepared
    (alone / "input").symlink_to(prepared.input)
    (alone / "metadata").symlink_to(prepared.metadata)
    again = subprocess.run([sys.executable, "main.py"], cwd=alone, capture_output=True, text=True, check=True)
    assert f"Final Validation Metric: {card['validation']!r}" in again.stdout
    assert "Data: the full data of Toy rows" in done.stderr.splitlines()[0]


def test_a_run_without_refit_keeps_the_node_as_it_is(home: Home) -> None:
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "2", "--no-refit", "--json")
    assert "refit" not in json.loads(done.stdout)
    run = open_run("latest", home)
    assert not any(isinstance(event, RefitFinished) for event in run.journal.events())


def test_a_run_refits_its_solution_by_default(home: Home) -> None:
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "2")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Refit:")]
    assert re.search(r"^Refit: +agreement 0\.\d\d, kept, ", line)
    (expected,) = [line for line in done.stdout.splitlines() if line.startswith("Expected:")]
    assert re.search(
        r"0\.\d{4} on new rows, 95 % interval 0\.\d{4} to [01]\.\d{4} \(the choice among 2 ", expected
    )
    run = open_run("latest", home)
    assert run.state.finished is not None
    shown = mars("show", "latest", str(run.state.finished.chosen)).stdout
    assert line.removeprefix("Refit:").strip() in " ".join(shown.split())
    kept = (home.solutions / "toy" / "README.md").read_text()
    assert re.search(
        r"`submission.csv` is the refit's; correlation 0\.\d{3} with the predictions before, ", kept
    )
    assert "correlation 0." in " ".join(mars("solutions", "toy").stdout.split())
    summary = json.loads(mars("resume", run.id, "--json").stdout)
    assert summary["refit"]["status"] == "kept"
    assert sum(isinstance(event, RefitFinished) for event in run.journal.events()) == 1
    mars("gc")
    assert list(run.nodes.glob("*-refit/submission/submission.csv")), "a resumed run may keep it again"


def test_what_is_pinned_and_forbidden_holds_and_is_on_record(home: Home) -> None:
    wishes = ["--set", "kind=plain", "--forbid", "deeper", "--forbid", "width=2", "--hint", "keep it plain"]
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "6", "--json", *wishes)
    state = open_run(json.loads(done.stdout)["run_id"], home).state
    found = [node.idea.blueprint.slots for node in state.nodes.values() if node.idea.blueprint]
    assert len(found) == 6
    assert all((slots["kind"], slots["depth"]) == ("plain", 1) and slots["width"] != 2 for slots in found)
    assert (state.run.hint, state.run.forbidden) == ("keep it plain", ("deeper", "width=2"))
    assert "pinned: kind=plain; forbidden: deeper, width=2; hint: keep it plain" in done.stderr
    refused = mars("run", "--competition", "toy", "--set", "kind=pretty", code=2)
    assert "slot 'kind' does not accept 'pretty'; its values are plain" in refused.stderr.replace("\n", " ")
    assert mars("runs").stdout.count("toy-") == 1, "what was refused left no run"


def test_a_run_starts_from_a_repository_of_the_users_own(home: Home, tmp_path: Path) -> None:
    plain = ("--set", "kind=plain")  # drafts of another kind would be better parents than what is imported
    first = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "1", "--json", *plain)
    own = tmp_path / "own"
    exported = open_run(json.loads(first.stdout)["run_id"], home)
    mars("export", exported.id, str(own))
    with (own / "library" / "loss.py").open("a") as file:
        file.write("\n\nEDITED_BY_HAND = True\n")
    options = ["--minutes", "1", "--max-nodes", "6", "--json", "--from", str(own), *plain]
    run = open_run(json.loads(mars("run", "--competition", "toy", *options).stdout)["run_id"], home)
    nodes = run.state.nodes
    assert all(node.is_valid for node in nodes.values())
    code = {number: run.lineage.read(node.result.commit) for number, node in nodes.items() if node.result}
    assert code[1] == {name: (own / name).read_text() for name in code[1]}
    result = exported.state.nodes[1].result
    assert result is not None
    assert set(code[1]) == set(exported.lineage.read(result.commit)), "an export tells of audit rows"
    below = [node for node in nodes.values() if node.parent == 1 and node.operator == "improve"]
    assert below, "what has a blueprint can be improved"
    for node in below:
        assert "EDITED_BY_HAND" in code[node.id]["library/loss.py"]
        assert code[node.id]["library/config.py"] != code[1]["library/config.py"]
    (own / "main.py").unlink()
    assert "The file main.py is missing" in mars("run", "--competition", "toy", *options, code=2).stderr


def test_a_run_can_be_looked_at_afterwards(searched: str, home: Home, tmp_path: Path) -> None:
    assert "001" in mars("tree", searched).stdout
    assert "Plain" in mars("show", searched, "1").stdout
    assert "+GAIN" in mars("diff", searched, "1").stdout
    assert re.search(r"^[-+](DEPTH|WIDTH|BREADTH|KIND)", mars("diff", searched, "2", "1").stdout, re.M)
    page = tmp_path / "report.html"
    mars("report", searched, "-o", str(page))
    assert page.read_text().startswith("<!doctype html>")
    assert "$MARS_HOME/solutions/toy" in page.read_text()
    assert str(home.root) not in page.read_text(), "a report that is mailed tells nothing of the machine"
    assert searched in mars("runs").stdout.replace("\n", "")
    assert "toy" in mars("solutions").stdout
    assert "accuracy" in mars("solutions", "toy").stdout


def test_lessons_travel_to_another_home(
    searched: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lessons.json"
    assert "lessons written" in mars("lessons", "export", str(file)).stdout
    assert "00001" in mars("lessons", "list").stdout
    assert "Lesson 00001: " in mars("lessons", "show", "1").stdout
    monkeypatch.setenv("MARS_HOME", str(tmp_path / "other"))
    shutil.copytree(
        Path(os.environ["MARS_HOME"]).parent / "home" / "templates", tmp_path / "other" / "templates"
    )
    assert "lessons read" in mars("lessons", "import", str(file)).stdout
    assert "00001" in mars("lessons", "list").stdout


def test_the_kept_submission_can_be_graded(searched: str, home: Home) -> None:
    submission = home.solutions / "toy" / "submission.csv"
    graded = mars("grade", "--competition", "toy", str(submission)).stdout
    assert re.match(r"accuracy: 0\.\d+ on 100 rows \(full data\)", graded)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--competition", "toi"), "There is no competition 'toi'; did you mean toy?"),
        (("run", "--competition", "toy", "--blueprint", "none.yaml"), "none.yaml: cannot be read"),
        (("run", "--competition", "toy", "--lessons", "none.json"), "none.json: cannot be read"),
        (("run", "--competition", "toy", "--data", "sample"), "toy has no sample"),
        (("grade", "--competition", "toy", "--data", "best", "x.csv"), "Invalid value for '--data'"),
        (("grade", "--competition", "toy", "x.csv"), "x.csv: the file is missing"),
        (("run", "--competition", "toy", "--minutes", "inf"), "Invalid value for '--minutes'"),
        (("resume", "latest", "--minutes", "inf"), "Invalid value for '--minutes'"),
        (("tree", "nothing"), "No run is called 'nothing'."),
        (("resume", "nothing"), "No run is called 'nothing'."),
        (("lessons", "show", "9"), "No lesson has the id 9"),
        (("solutions", "toy"), "No solution of 'toy' is kept"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_code_2(
    home: Home, arguments: tuple[str, ...], sentence: str
) -> None:
    done = mars(*arguments, code=2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_no_valid_solution_is_exit_code_1(home: Home, tmp_path: Path) -> None:
    blueprint = tmp_path / "crash.yaml"
    blueprint.write_text("family: toy\nslots: {kind: crashing}\n")
    done = mars("run", "--competition", "toy", "--minutes", "1", "--blueprint", str(blueprint), code=1)
    assert "No valid solution was found" in done.stdout
    pages = done.stdout.split("For the reasons: ")[1].split("|")
    node = mars(*pages[1].split()[1:]).stdout
    assert "failed" in node
    assert "reason" in node


def _nodes_recorded(home: Home) -> int:
    runs = [path for path in home.workspaces.glob("toy-*") if (path / "nodes").exists()]
    return len(list((runs[0] / "nodes").iterdir())) if runs else 0


def _start_and_wait(home: Home, nodes: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*MARS, "run", "--competition", "toy", "--minutes", "2", "--max-nodes", str(LONG_RUN), *SOUND],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # As in a terminal, even if these tests run in the background of a shell, which ignores Ctrl-C there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: _nodes_recorded(home) >= nodes or process.poll() is not None)
    assert process.poll() is None, process.communicate()[0]
    return process


@pytest.mark.parametrize("nodes", [1, 3, 5])
def test_a_run_killed_with_sigkill_resumes_and_ends_well(home: Home, nodes: int) -> None:
    process = _start_and_wait(home, nodes)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = next(home.workspaces.glob("toy-*")).name
    decided = {number: node.idea for number, node in open_run(run, home).state.nodes.items()}
    summary = json.loads(mars("resume", run, "--json").stdout)
    state = open_run(run, home).state
    assert summary["nodes"] == summary["valid_nodes"] == LONG_RUN
    assert all(state.nodes[number].idea == idea for number, idea in decided.items()), "decisions stand"


def test_an_interrupt_saves_the_state_and_exits_with_130(home: Home) -> None:
    process = _start_and_wait(home, 2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "mars resume" in output
    assert json.loads(mars("resume", "latest", "--json").stdout)["nodes"] == LONG_RUN


def test_several_workers_share_one_run(home: Home) -> None:
    command = ["run", "--competition", "toy", "--minutes", "2", "--max-nodes", "7", "--workers", "3"]
    done = mars(*command, "--json", *SOUND)
    summary = json.loads(done.stdout)
    assert summary["valid_nodes"] == 7
    nodes = open_run(summary["run_id"], home).state.nodes.values()
    overlaps = [
        (a.id, b.id)
        for a in nodes
        for b in nodes
        if a.id < b.id and a.finished_at_s is not None and b.proposed_at_s < a.finished_at_s
    ]
    assert overlaps, "some were executed at the same time"


def test_two_runs_side_by_side_do_not_meet(home: Home) -> None:
    command = [*MARS, "run", "--competition", "toy", "--minutes", "2", "--max-nodes", "4", "--json", *SOUND]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    summaries = [json.loads(output) for output, _ in outputs]
    assert summaries[0]["run_id"] != summaries[1]["run_id"]
    assert [summary["valid_nodes"] for summary in summaries] == [4, 4]


def test_a_search_never_asks_for_the_private_answers(home: Home) -> None:
    mars("prepare", "toy")
    shutil.rmtree(home.data / "toy" / "full" / "answers")
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "2", "--json")
    assert json.loads(done.stdout)["valid_nodes"] == 2
    assert not (home.data / "toy" / "full" / "answers").exists()
    graded = mars("grade", "--competition", "toy", str(home.solutions / "toy" / "submission.csv"), code=2)
    assert "answers" in graded.stderr


def test_a_home_that_cannot_be_written_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = home.root / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("MARS_HOME", str(blocked))
    done = mars("runs", code=2)
    assert "MARS_HOME" in done.stderr
