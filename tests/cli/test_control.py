"""Runs in separate processes that other commands stop, resume and clean up."""

import json
import subprocess
from pathlib import Path

import pytest

from agent.core.paths import Home
from agent.record.opened_run import open_run
from tests.cli.commands import MARS, mars, start_run
from tests.cli.obedient import SOUND
from tests.support.finished_runs import own_family
from tests.support.waiting import wait_until


@pytest.fixture
def slow(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose toy candidates take half a second each, so that runs last as long as a test."""
    monkeypatch.setenv("COLUMNS", "200")  # a table has a line per run
    main = home.families / "toy" / "main.py.j2"
    code = main.read_text()
    main.write_text(
        code.replace(
            "    began = time.perf_counter()\n", "    began = time.perf_counter()\n    time.sleep(0.5)\n"
        )
    )
    assert main.read_text() != code
    return home


def _listed(run: str) -> str:
    """Return the line of `mars runs` for a run id that starts with `run`."""
    (line,) = [line.strip() for line in mars("runs").stdout.splitlines() if line.strip().startswith(run)]
    return line


def test_stop_ends_one_of_two_runs_as_an_interrupt_would(slow: Home) -> None:
    stopped, first = start_run(slow, "--seed", "1")
    other, second = start_run(slow, "--seed", "2")
    assert f"mars stop {first}" in mars("resume", first, code=2).stderr, (
        "the message names the command that ends the run"
    )
    done = mars("stop", first)
    assert f"Continue with `mars resume {first}`." in done.stdout
    output, _ = stopped.communicate(timeout=30)
    assert stopped.returncode == 130, output
    assert f"Interrupted. The state is saved. Continue with `mars resume {first}`." in output
    assert _listed(first).endswith("stopped: continue with `mars resume`")
    assert _listed(second).endswith("running")
    assert other.poll() is None, "the other run goes on"

    recorded = len(open_run(first, slow).state.nodes)
    resumed = mars("resume", "latest", "--minutes", "0.1", "--json", code=0)
    assert f"Active in another process: {second}." in resumed.stderr
    assert json.loads(resumed.stdout)["run_id"] == first
    assert json.loads(resumed.stdout)["nodes"] >= recorded
    mars("stop", second)
    assert other.wait(timeout=30) == 130


def test_stop_reports_that_a_run_is_not_running(home: Home) -> None:
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "1", "--json")
    run = json.loads(done.stdout)["run_id"]
    assert f"Run {run} is not active" in mars("stop", run, code=2).stderr
    assert "No run is called 'nothing'" in mars("stop", "nothing", code=2).stderr


def test_stop_latest_means_the_newest_run_that_is_at_work(slow: Home) -> None:
    assert "No run is active" in mars("stop", "latest", code=2).stderr
    process, at_work = start_run(slow)
    mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "1")
    assert f"Run {at_work} is stopped" in mars("stop", "latest").stdout
    assert process.wait(timeout=30) == 130
    assert "No run is active" in mars("stop", "latest", code=2).stderr


def test_a_stopped_verification_is_never_listed_as_resumable(slow: Home) -> None:
    mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "3")
    command = [*MARS, "lessons", "verify", "1", "--seeds", "99"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: list(slow.workspaces.glob("toy-verify-*/nodes/*")))
    printed = mars("stop", "latest").stdout
    assert "cannot be resumed: start it again with `mars lessons verify`." in printed
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "Interrupted. There is nothing to resume: start the command again." in output
    assert _listed("toy-verify-").endswith("stopped: start again with `mars lessons verify`")


def test_stop_never_signals_a_process_that_only_inherited_the_number(slow: Home) -> None:
    process, run = start_run(slow)
    note = slow.workspaces / run / "holder"
    truth = note.read_text()
    note.write_text(f"{process.pid} 1")  # the same number, another start
    assert "cannot be signalled from here" in mars("stop", run, code=2).stderr
    assert process.poll() is None
    note.write_text(truth)
    mars("stop", run)
    assert process.wait(timeout=30) == 130


def test_a_run_is_replayed_exported_verified_and_cleaned_up(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))  # `gc` looks there for what the dead left
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "3", "--json", *SOUND)
    run = json.loads(done.stdout)["run_id"]
    replayed = json.loads(mars("replay", run, "--execute", "--json").stdout)
    assert [node["verdict"] for node in replayed["nodes"]] == ["identical"] * 3
    assert [node["difference"] for node in replayed["executed"]] == [0.0] * 3
    assert replayed["tolerance"] == 1e-6

    assert "Node 002" in mars("export", run, "2", str(tmp_path / "out")).stdout
    assert "is not empty" in mars("export", run, str(tmp_path / "out"), code=2).stderr
    assert "no node 9" in mars("export", run, "9", str(tmp_path / "new"), code=2).stderr

    verified = mars("lessons", "verify", "1", "--seeds", "1").stdout
    assert "Lesson 00001 before: " in verified
    assert "Lesson 00001 now: " in verified

    (home.workspaces / run / "cache" / "features.npy").write_bytes(b"x" * 2_000_000)
    assert "1 item, 2.0 MB would be removed." in mars("gc", "--cache-gb", "0", "--dry-run").stdout
    assert "1 item, 2.0 MB removed." in mars("gc", "--cache-gb", "0").stdout

    template = own_family(home.workspaces / run) / "main.py.j2"
    template.write_text(template.read_text() + "# later\n")
    changed = mars("replay", run, code=1).stdout
    assert "node 001: different." in changed
    assert "main.py changed. Changed since the run began: main.py.j2." in changed
