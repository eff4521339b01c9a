"""Runs that a former version recorded are read, replayed and resumed by this one (recorded_runs.md)."""

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from datetime import datetime
from pathlib import Path

import pytest

from agent.core.paths import Home
from tests.cli.commands import mars

ARCHIVE = Path(__file__).with_name("recorded_runs.tar.xz")
TOY = Path(__file__).parents[1] / "toy" / "families"
RUNS = {
    "toy-261128-084732-000": (8, 0),
    "toy-261128-085537-000": (25, 1),
    "table-261128-085411-000": (70, 0),
    "digits-261128-084736-000": (4, 0),
    "digits-261128-085221-000": (3, 0),
    "imet-2020-261128-084913-000": (10, 0),
    "signals-261128-084745-000": (3, 0),
}
"""Nodes whose repositories are byte-identical, and nodes that were never finished, by run."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the recorded runs in it."""
    home = Home(tmp_path_factory.mktemp("recorded"))
    unpacked = home.root / "unpacked"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(unpacked, filter="data")
    shutil.copytree(TOY, home.families)
    shutil.copytree(unpacked / "_prepared", home.prepared)
    home.database.parent.mkdir(exist_ok=True)
    with sqlite3.connect(home.database) as database:
        database.executescript((unpacked / "schema.sql").read_text())
        for folder in sorted(unpacked.glob("*/run.json")):
            _restore(folder.parent, home, database)
    return home


def _restore(folder: Path, home: Home, database: sqlite3.Connection) -> None:
    run = json.loads((folder / "run.json").read_text())
    _insert(database, "runs", run)
    for line in (folder / "events.jsonl").read_text().splitlines():
        _insert(database, "events", json.loads(line))
        last = json.loads(line)["recorded_at"]
    texts = folder / "texts.json"
    for name, text in json.loads(texts.read_text()).items() if texts.exists() else ():
        database.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (name, text))
    target = home.workspaces / run["id"]
    target.mkdir(parents=True)
    if (folder / "nodes").is_dir():
        shutil.copytree(folder / "nodes", target / "nodes")
    (target / "lock").touch()  # the last sign of life
    os.utime(target / "lock", (datetime.fromisoformat(last).timestamp(),) * 2)
    clone = ["git", "clone", "--quiet", "--mirror", folder / "repository.bundle", target / "repository.git"]
    subprocess.run(clone, check=True)


def _insert(database: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values()))


@pytest.fixture
def home(recorded: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MARS_HOME", str(recorded.root))
    return recorded


@pytest.mark.parametrize("run", RUNS)
def test_every_repository_is_rendered_byte_by_byte_as_recorded(home: Home, run: str) -> None:
    identical, unfinished = RUNS[run]
    nodes = json.loads(mars("replay", run, "--json").stdout)["nodes"]
    verdicts = [node["verdict"] for node in nodes]
    assert [node for node in nodes if node["verdict"] == "different"] == []
    assert verdicts.count("identical") == identical
    assert verdicts.count("not rendered") == unfinished


@pytest.mark.parametrize("run", RUNS)
def test_every_decision_is_made_as_recorded(home: Home, run: str) -> None:
    decisions = json.loads(mars("replay", run, "--json").stdout)["decisions"]
    assert decisions
    assert [one for one in decisions if not one["same"]] == []


def test_what_was_recorded_can_be_read(home: Home) -> None:
    listed = mars("runs").stdout
    for run, (identical, unfinished) in RUNS.items():
        assert run in listed
        assert f"{identical + unfinished:03d}" in mars("tree", run).stdout
        assert "001" in mars("show", run, "1").stdout


def test_a_killed_run_goes_on(home: Home) -> None:
    run = next(name for name, (_, unfinished) in RUNS.items() if unfinished)
    before = len(json.loads(mars("replay", run, "--json").stdout)["nodes"])
    summary = json.loads(mars("resume", run, "--minutes", "0.15", "--json").stdout)
    assert summary["nodes"] >= before
    assert summary["valid_nodes"] >= before - 1
    nodes = json.loads(mars("replay", run, "--json").stdout)["nodes"]
    assert {node["verdict"] for node in nodes} == {"identical"}
