"""No command imports a heavy package that the command does not use."""

import json
import os
import subprocess
import sys

import pytest

from agent.core.paths import Home
from tests.cli.commands import mars

# Runs a command and prints the modules that are imported by its end.
PROBE = """
import json, sys
from agent.cli.commands import app
try:
    app(sys.argv[1:], prog_name="mars")
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
NUMERIC = {"pandas", "scipy", "sklearn", "pyarrow", "torch", "cv2", "matplotlib"}
NETWORK = {"openai", "tenacity", "kaggle", "requests", "httpx"}
RECORD = {"numpy", "sqlalchemy", "yaml", "jinja2", "pygit2"}
COMMANDS = [
    "", "run", "resume", "runs", "stop", "gc", "tree", "show", "diff", "report", "replay", "export",
    "solutions", "grade", "competitions", "init", "prepare", "doctor", "lessons", "lessons verify",
]  # fmt: skip


def _probe(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """Run a command in a new process; return its output and the top-level packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stderr.splitlines()[-1])
    return done.stdout, {name.partition(".")[0] for name in modules}


def test_the_probe_sees_what_a_command_imports(home: Home) -> None:
    _, imported = _probe("runs")
    assert {"typer", "rich", "sqlalchemy", "agent"} <= imported


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_neither_the_record_nor_numeric_packages(command: str) -> None:
    printed, imported = _probe(*command.split(), "--help")
    assert "Usage: mars" in printed
    assert imported & (NUMERIC | NETWORK | RECORD) == set()


@pytest.mark.parametrize(
    ("words", "proposed"),
    [("mars ", "resume"), ("mars run --", "--node-minutes"), ("mars lessons ", "verify")],
)
def test_completion_imports_neither_the_record_nor_numeric_packages(words: str, proposed: str) -> None:
    printed, imported = _probe(_MARS_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=words)
    assert proposed in printed
    assert imported & (NUMERIC | NETWORK | RECORD) == set()


def test_views_of_a_run_import_no_numeric_packages(home: Home) -> None:
    done = mars("run", "--competition", "toy", "--minutes", "1", "--max-nodes", "2", "--json")
    run = json.loads(done.stdout)["run_id"]
    views = (("tree", run), ("show", run, "1"), ("runs",), ("lessons", "list"), ("solutions",))
    heavy = {view: _probe(*view)[1] & (NUMERIC | NETWORK) for view in views}
    assert heavy == {view: set() for view in views}


@pytest.mark.parametrize(("wanted", "threads"), [(None, "1"), ("3", "3")])
def test_the_harness_multiplies_matrices_in_one_thread_unless_told_otherwise(
    wanted: str | None, threads: str
) -> None:
    """Candidates use all cores; a second thread of a small product waits for one of them."""
    script = (
        "import atexit, os, sys\n"
        "from agent.cli.app import main\n"
        "sys.argv = ['mars', '--help']\n"
        "atexit.register(lambda: print(os.environ['OPENBLAS_NUM_THREADS'], file=sys.__stderr__))\n"
        "main()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {"OPENBLAS_NUM_THREADS": wanted} if wanted else {}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert ended.stderr.split() == [threads]
