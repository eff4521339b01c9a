"""`mars export --inference` of a table search: tabular models and their ensemble."""

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from agent.core.paths import Home
from agent.record.opened_run import Run
from tests.cli.commands import mars
from tests.support.finished_runs import search

pytestmark = pytest.mark.slow

COMPETITION = """
id: parcels
title: How parcels arrive
task: classification
metric: balanced_accuracy
train: train.csv
test: test.csv
sample_submission: sample_submission.csv
id_column: id
targets: state
inputs:
  - {name: weight, role: number}
  - {name: way, role: number}
  - {name: carrier, role: category}
  - {name: sent, role: time}
"""


def write_competition(folder: Path) -> Path:
    """Write 500 labelled rows of three classes; every column is informative."""
    random = np.random.default_rng(0)
    weight, way = random.normal(size=(2, 600))
    carrier = random.integers(0, 5, 600)
    state = np.digitize(weight + way * (carrier == 2) + random.normal(size=600) / 2, [-0.5, 1.0])
    table = pd.DataFrame(
        {
            "id": [f"parcel {number}" for number in range(600)],
            "weight": np.where(random.random(600) < 0.1, np.nan, weight),
            "way": way,
            "carrier": np.array(["north", "south", "east", "west", ""])[carrier],
            "sent": (np.datetime64("2024-01-01") + random.integers(0, 400, 600)).astype(str),
            "state": np.array(["whole", "bent", "lost"])[state],
        }
    )
    folder.mkdir()
    table[:500].to_csv(folder / "train.csv", index=False)
    table[500:].drop(columns="state").to_csv(folder / "test.csv", index=False)
    table[500:][["id"]].assign(state="whole").to_csv(folder / "sample_submission.csv", index=False)
    (folder / "competition.yaml").write_text(COMPETITION)
    return folder


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = Home(tmp_path_factory.mktemp("home"))
    competition = write_competition(home.root / "parcels")
    return home, search(home, competition=str(competition), minutes=2.0)


def texts(folder: Path) -> dict[Path, str]:
    """Return the text of every file; for a model, the names and levels in it."""
    said = {}
    for file in folder.rglob("*"):
        if file.suffix == ".skops":
            said[file] = zipfile.ZipFile(file).read("schema.json").decode().replace("\\", "")
        elif file.is_file():
            said[file] = file.read_text(encoding="utf-8")
    return said


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


@pytest.mark.parametrize("which", ["draft", "ensemble"])
def test_tables_are_predicted_elsewhere_as_the_node_did(
    searched: tuple[Home, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    home, run = searched
    monkeypatch.setenv("MARS_HOME", str(home.root))
    number = 1 if which == "draft" else max(run.state.nodes)
    node = run.state.nodes[number]
    assert node.operator == which
    said = mars("export", run.id, str(number), str(tmp_path / "out"), "--inference").stdout
    for one in (number, *(node.parents if which == "ensemble" else ())):
        metric = run.state.nodes[one].metric
        assert f"Node {run.state.nodes[one].name} scored balanced_accuracy {metric:.6g} again." in said
    assert f"all {run.prepared.rows.test + run.prepared.rows.audit} rows are equal" in said

    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "out", elsewhere)
    tables = {file.name for file in (elsewhere / "metadata").iterdir()}
    assert tables == {"test.csv", "classes.csv", "sample_submission.csv"}
    labelled = {
        row[0] for part in ("train", "val") for row in rows(run.prepared.metadata / f"{part}.csv")[1:]
    }
    for file, text in texts(elsewhere).items():
        assert labelled.isdisjoint(text.replace('"', " ").replace(",", " ").split()), file
    models = sorted(elsewhere.rglob("*.skops"))
    assert models
    if which == "ensemble":
        weights = json.loads((elsewhere / "working" / "model" / "decisions.json").read_text())["weights"]
        assert {file.parts[-4] for file in models} == {name for name in weights if weights[name] > 0}

    for script in (["main.py", "--predict"], ["finish.py"]):
        environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": str(run.state.run.threads)}
        subprocess.run([sys.executable, *script], cwd=elsewhere, env=environment, check=True)
    recorded = run.folder / "nodes" / node.name / "submission" / "submission.csv"
    assert sorted(rows(elsewhere / "submission" / "submission.csv")) == sorted(rows(recorded))
    assert len(rows(elsewhere / "submission.csv")) == run.prepared.rows.test + 1
